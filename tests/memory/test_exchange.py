"""Out and in again: an export is a whole copy, and what is not one is refused whole, with its line."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from edge_sale.errors import EdgeSaleError
from edge_sale.memory.erase import Which, forget
from edge_sale.memory.exporting import export
from edge_sale.memory.history import History
from edge_sale.memory.importing import import_
from edge_sale.memory.store import AuctionMemory
from edge_sale.types import Outcome, Task

from .kit import Grams, award, bid, done, run, sets

SUM = "Write a function that returns the sum of the squares of the even numbers"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "memory.sqlite"


@pytest.fixture
def other(tmp_path):
    return tmp_path / "other" / "memory.sqlite"


def none():
    raise AssertionError("no embedder is needed for this")


def of(embedder: Grams):
    return lambda: (
        {"name": embedder.name, "sha256": embedder.identity, "dimension": embedder.dimension},
        embedder.embed,
    )


@pytest.fixture
def lines(path) -> list[bytes]:
    """An export of five auctions with everything in them: lessons, outcomes of both kinds, a verdict, odd text."""
    with AuctionMemory.open(path, Grams()) as memory:
        for n in range(4):
            text = f"{SUM} of list {n} \u2028 “žluť” \x00"
            lessons = {"drafts": tuple(memory.recall(Task(f"t{n}", text), "drafts"))}
            outcome = Outcome("quick", "passed", "x\ny", True, ("note",), 2, verdict=n % 2 == 0)
            memory.record(
                award(f"t{n}", text, lessons=lessons, sat_out={"slow": "timed out"}),
                outcome,
                run(earlier=[Outcome("planner", "failed", "no", False)]),
            )
        memory.record(award("held", "count words", bid("quick", 1.0)), None, {"seed": None})
    out = io.StringIO()
    assert export(path, out) == 5
    return out.getvalue().encode().splitlines(keepends=True)


def auctions(path: Path) -> list[object]:
    return list(History.open(path).auctions())


def test_an_export_is_a_whole_copy(path, other, lines):
    """Every auction comes back equal, lessons and vectors with it, and is recalled as before; no model is needed."""
    done_ = import_(other, lines, "file", none)
    assert (done_.added, done_.known) == (5, 0)
    assert auctions(other) == auctions(path)
    assert any(a.award.lessons for a in auctions(other)), "control: lessons there are"
    again = io.StringIO()
    export(other, again)
    assert again.getvalue().encode() == b"".join(lines)
    new = Task("new", SUM)
    with AuctionMemory.open(path, Grams()) as one, AuctionMemory.open(other, Grams()) as two:
        assert one.recall(new, "drafts") == two.recall(new, "drafts") != []
    assert sets(other)[1] == sets(other)[2]


def test_what_is_here_already_stays(other, lines):
    """A second import adds nothing; one that overlaps adds what is new."""
    with AuctionMemory.open(other, Grams()) as memory:
        memory.record(award("t1", "something of our own"), done(), run())
    assert (import_(other, lines, "file", none).added, import_(other, lines, "file", none).known) == (4, 5)
    assert History.open(other).get("t1").award.task.text == "something of our own"


def test_vectors_of_another_embedder_are_made_anew(other, lines):
    """Never mixed: the texts are embedded by the memory's own."""
    own = Grams(dimension=32, identity="e2" * 32)
    with AuctionMemory.open(other, own) as memory:
        memory.record(award("mine", SUM), done(), run())
        assert import_(other, lines, "file", of(own)).added == 5
        assert "t2" in [lesson.auction for lesson in memory.recall(Task("new", SUM), "quick")]
    with pytest.raises(EdgeSaleError, match=r"line 1: vectors of another embedder.*edge-sale memory reembed"):
        import_(other, lines, "file", of(Grams(dimension=16, identity="f3" * 32)))


def test_an_empty_memory_exports_and_imports(other):
    """Nothing, said whole."""
    out = io.StringIO()
    assert export(other, out) == 0
    assert import_(other, out.getvalue().encode().splitlines(keepends=True), "file", none).added == 0


def changed(line: bytes, **values: object) -> bytes:
    return json.dumps({**json.loads(line), **values}).encode() + b"\n"


def bid_of(line: bytes, **values: object) -> bytes:
    value = json.loads(line)
    value["bids"][0] |= values
    return json.dumps(value).encode() + b"\n"


# what is done to the lines -> the line that is named, and a word of why
SPOILT = {
    "nothing": (lambda x: [], 1, "empty"),
    "a foreign file": (lambda x: [b"Dear diary,\n"], 1, "not an export of an edge-sale memory"),
    "foreign JSON": (lambda x: [b'{"messages": []}\n'], 1, "not an export of an edge-sale memory"),
    "a list": (lambda x: [b"[1]\n", *x[1:]], 1, "not an export"),
    "bytes": (lambda x: [b"\xff\xfe\x00\x01" * 99], 1, "not an export"),
    "newer": (lambda x: [changed(x[0], **{"edge-sale memory": 2}), *x[1:]], 1, "newer edge-sale"),
    "cut between lines": (lambda x: x[:4], 5, "cut off"),
    "cut within a line": (lambda x: [*x[:3], x[3][:100]], 4, "not a line of an export"),
    "a line taken out": (lambda x: x[:2] + x[3:], 6, "not those that were exported"),
    "a line changed": (lambda x: [*x[:2], x[2].replace(b"squares", b"circles"), *x[3:]], 7, "not those"),
    "more behind it": (lambda x: [*x, x[1]], 8, "after the last line"),
    "a field missing": (lambda x: [x[0], b'{"id": "a"}\n', *x[2:]], 2, "at is missing"),
    "a price that is text": (lambda x: [x[0], bid_of(x[1], price="free"), *x[2:]], 2, "price cannot be 'free'"),
    "NaN": (lambda x: [x[0], x[1].replace(b'"cost": ', b'"cost": NaN, "c": '), *x[2:]], 2, "NaN is no number"),
    "infinite": (lambda x: [x[0], x[1].replace(b'"cost": ', b'"cost": 1e999, "c": '), *x[2:]], 2, "cost cannot be"),
    "a huge number": (lambda x: [x[0], bid_of(x[1], tokens=2**70), *x[2:]], 2, "tokens cannot be"),
    "two winners": (lambda x: [x[0], x[1].replace(b'"won": false', b'"won": true'), *x[2:]], 2, "one winner"),
    "an unknown phase": (lambda x: [x[0], bid_of(x[1], phase="closing"), *x[2:]], 2, "phase cannot be"),
    "scores that are text": (lambda x: [x[0], bid_of(x[1], scores={"q": "5"}), *x[2:]], 2, "scores are numbers"),
    "half a character": (lambda x: [x[0], bid_of(x[1], plan="\ud800"), *x[2:]], 2, "not Unicode"),
    "no vector": (lambda x: [x[0], changed(x[1], vector=None), *x[2:]], 2, "vector"),
    "a short vector": (lambda x: [x[0], changed(x[1], vector="AACAPw=="), *x[2:]], 2, "a vector of 1 numbers, not 64"),
    "a zero vector": (lambda x: [x[0], changed(x[1], vector="A" * 340 + "AA=="[:2] + "=="), *x[2:]], 2, "vector"),
    "an empty task": (lambda x: [x[0], changed(x[1], text=" "), *x[2:]], 2, "an id and a task"),
    "an embedder without a size": (lambda x: [changed(x[0], embedder={"name": "g", "sha256": "d"}), *x[1:]], 1, "dim"),
    "nested too deep": (lambda x: [x[0], b"[" * 100_000 + b"\n"], 2, "not a line"),
}


@pytest.mark.parametrize("how", SPOILT)
@pytest.mark.parametrize("there", [False, True], ids=["into nothing", "into a memory"])
def test_a_spoilt_export_is_refused_whole_with_its_line(other, lines, how, there):
    """One line names file, line and reason; the memory is as it was."""
    spoil, line, why = SPOILT[how]
    if there:
        with AuctionMemory.open(other, Grams()) as memory:
            memory.record(award("mine", SUM), done(), run())
    before = auctions(other)
    with pytest.raises(EdgeSaleError) as caught:
        import_(other, spoil(lines), "file.jsonl", none)
    message = str(caught.value)
    assert message.startswith(f"file.jsonl, line {line}: ") and why in message
    assert message.endswith("nothing was imported") and "\n" not in message
    assert auctions(other) == before
    assert import_(other, lines, "file.jsonl", none).added == 5, "control: the whole one is taken afterwards"


def test_an_import_can_be_forgotten_like_anything_else(other, lines):
    """What came from a file is the user's own too."""
    import_(other, lines, "file", none)
    assert forget(other, Which(text="squares")).auctions == 4
    assert sets(other)[0] == {"held"}
