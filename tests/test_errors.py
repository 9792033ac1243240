"""The error tree in the docstring of edge_sale/errors.py is the tree of its classes."""

from __future__ import annotations

import re

from edge_sale import errors


def drawn() -> dict[str, str]:
    """Class name -> name of its parent, as the docstring draws them: four columns to the right is a child."""
    parents, path = {}, []
    for line in (errors.__doc__ or "").splitlines():
        if found := re.match(r"    ([│ ├└─]*)(\w+)  +\S", line):
            depth = len(found[1]) // 4
            path[depth:] = [found[2]]
            parents[found[2]] = path[depth - 1] if depth else "Exception"
    return parents


def test_the_tree_in_the_docstring_is_the_classes() -> None:
    """Every error class is drawn once, below its own base class, and nothing else is."""
    classes = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Exception)]
    assert drawn() == {kind.__name__: kind.__mro__[1].__name__ for kind in classes}
    assert list(drawn()) == re.findall(r"^    [│ ├└─]*(\w+)  ", errors.__doc__ or "", re.MULTILINE)


def test_messages_are_one_line() -> None:
    """Errors that make their own message name the thing and the way out on one line."""
    made = [
        errors.UnknownName("pool", "startr", ["starter"], see="edge-sale pools"),
        errors.ModelMissing(["m"], "edge-sale pull m"),
        errors.ExtraMissing("pypdf", "documents"),
        errors.NoBids({"a": "late"}, "for the rest: edge-sale pull x"),
        errors.BelowReservePrice({}, {"a": 0.2}, 0.5, "for the rest: edge-sale pull x"),
        errors.PromptTooLong("m", 9, 8),
    ]
    assert [str(error) for error in made] == [
        "unknown pool 'startr'; known: starter; did you mean 'starter'?; see: edge-sale pools",
        "not on this machine yet: 'm'; pull with: edge-sale pull m",
        "this needs the package 'pypdf'; install it with: pip install 'edge-sale[documents]'",
        "no agent made a bid (a: late); for the rest: edge-sale pull x",
        "no bid reaches the reserve price: a comes nearest with 0.20 of 0.50; for the rest: edge-sale pull x",
        "model 'm': 9 tokens of prompt and answer, room for 8; "
        "shorten the task or choose an agent with a larger context",
    ]
