"""Tools are their functions; the grammar lets through calls of them and nothing else."""

import pytest

from edge_sale.llama import native
from edge_sale.types import Generate, Message, Prompt, Sampling
from edge_sale.workspace.paths import ToolRefused
from edge_sale.workspace.tool_calls import parse
from edge_sale.workspace.tool_schema import Body, bound, described, grammar, tool
from edge_sale.workspace.tools import TOOLS, WorkingCopy
from tests.llama import tiny


def greet(at: WorkingCopy, name: str, text: Body, times: int = 1) -> str:
    """Say hello.

    More about it, for people.
    """
    return f"{name}{times}{text}"


def test_signature_and_docstring_are_the_schema():
    """What a model is told is the function's own signature and the first paragraph of its docstring."""
    made = tool(greet)
    assert described([made]) == "greet(name, times=1)  Say hello."
    assert made.body == "text"


def test_there_are_at_most_six_flat_tools_and_they_are_short():
    """Six tools, told in about 150 words: they stand in front of every prompt."""
    assert len(TOOLS) <= 6
    assert len(described(list(TOOLS.values())).split()) < 150


def test_arguments_are_made_to_fit_or_refused_in_words():
    made = tool(greet)
    assert bound(made, {"name": "a", "times": "2"}, "x") == {"name": "a", "times": 2, "text": "x"}
    for arguments, body, said in (
        ({"name": "a"}, None, "between ``` fences"),
        ({"times": 1}, "x", "needs name"),
        ({"name": "a", "other": 1}, "x", "no argument 'other'"),
        ({"name": "a", "times": "many"}, "x", "whole number"),
        ({"name": ["a"]}, "x", "is a text"),
    ):
        with pytest.raises(ToolRefused, match=said):
            bound(made, arguments, body)


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    from edge_sale.llama.engine import LlamaEngine
    from edge_sale.llama.tuning import Tuning

    file = tiny.dense(tmp_path_factory.mktemp("tiny") / "tiny.gguf")
    made = LlamaEngine("tiny", file, context=1024, tuning=Tuning(threads=1))
    yield made
    made.close()


@pytest.mark.parametrize("files", [(), ("a.py", 'odd "name".txt', "ü/b.c"), tuple(f"f{n}.py" for n in range(500))])
def test_whatever_a_model_writes_under_the_grammar_is_a_call(engine, files):
    """A model of random weights writes noise; under the grammar each of its 40 replies is read as a call."""
    rules = grammar(list(TOOLS.values()), files)
    prompt = Prompt((Message("user", "Do something."),))
    ask = Generate(prompt, Sampling(300, 1.0, top_k=0, top_p=1.0, min_p=0.0, seed=1, grammar=rules), 40)
    (drawn,) = engine.generate([ask])
    assert not isinstance(drawn, Exception)
    whole = [one.text for one in drawn if one.ended != "length"]
    assert len(whole) > 5
    assert [text for text in whole if parse(text, TOOLS) is None] == []
    assert native is not None


def test_known_files_are_the_only_paths_that_can_be_read():
    """Where there are few files the grammar lists them; an edit may make another."""
    rules = grammar(list(TOOLS.values()), ["a.py"])
    assert 'known ::= "\\"a.py\\""' in rules
    assert 'call-read ::= "read(" "path=" known' in rules
    assert "(known | text)" in next(line for line in rules.splitlines() if line.startswith("call-edit"))
