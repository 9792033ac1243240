"""Bad input never ends the process: each scenario runs in a child whose exit status is looked at.

A scenario makes every mistake of one kind, then one correct request in the same process, and mostly on the same
engine: the last line of every child is its positive control.
"""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from ast import literal_eval
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from edge_sale.errors import EdgeSaleError
from edge_sale.llama.engine import LlamaEngine
from edge_sale.types import Choose, Generate, LogLik, Sampling
from tests.llama import tiny
from tests.llama.kit import chat

MODEL = "tiny-7"  # what the errors should name
HERE = Path(__file__).parents[2]

Scenario = Callable[[Path], Iterator[Any]]


# --- in the child ------------------------------------------------------------

BROKEN = [
    "root ::= (",
    'root ::= "a',
    "root ::= nothing",
    'a ::= "b"',
    "  ",
    'root ::= root "a" | "b"',
    'root ::= e root | "b"\ne ::= "" | "q"',
    'root ::= (("a"{0,2000}){0,2000}){0,2000}',
    'root ::= "\\xZZ"',
]
DEAD = ["root ::= [z-a]", 'root ::= "a" [z-a]']
NESTED = "root ::= " + "(" * 100_000 + '"a"' + ")" * 100_000
UNREADABLE = ['root ::= "a"\n\0 and more', 'root ::= "\ud800"']


def load(file: Path, context: int = 0) -> LlamaEngine:
    return LlamaEngine(MODEL, file, context=context)


def attempt(work: Callable[[], Any]) -> Any:
    try:
        return work()
    except EdgeSaleError as error:
        return error


def within(engine: LlamaEngine, grammar: str) -> Any:
    return engine.generate([Generate(chat("Hi."), Sampling(max_tokens=3, grammar=grammar))])[0]


def broken_grammar(folder: Path, grammars: list[str]) -> Iterator[Any]:
    engine = load(tiny.dense(folder / "model.gguf"))
    for grammar in grammars:
        yield within(engine, grammar)
    yield within(engine, 'root ::= "ok"')


def long_prompt(folder: Path) -> Iterator[Any]:
    engine = load(tiny.dense(folder / "model.gguf"), context=512)
    for prompt in (chat("a " * 600), chat("a " * 100_000)):
        yield engine.generate([Generate(prompt, Sampling(max_tokens=1))])[0]
        yield engine.loglik([LogLik(prompt, "a")])[0]
        yield engine.choose([Choose(prompt, ("1", "2"))])[0]
    yield engine.generate([Generate(chat("a"), Sampling(max_tokens=500))])[0]
    yield engine.generate([Generate(chat("a"), Sampling(max_tokens=2**40))])[0]
    yield engine.generate([Generate(chat("a"), Sampling(max_tokens=1), headroom=500)])[0]
    yield engine.loglik([LogLik(chat("a"), "a " * 600)])[0]
    yield engine.generate([Generate(chat("a " * 200), Sampling(max_tokens=8))])[0]


def requests_of_all_kinds(engine: LlamaEngine, text: str) -> Iterator[Any]:
    prompt = chat(text)
    yield engine.generate([Generate(prompt, Sampling(max_tokens=4))])[0]
    yield engine.generate([Generate(prompt, Sampling(max_tokens=4, temperature=1.0, repeat_penalty=1.1))])[0]
    yield engine.generate([Generate(prompt, Sampling(max_tokens=4, grammar='root ::= "ok"'))])[0]
    yield engine.loglik([LogLik(prompt, "the plan")])[0]
    yield engine.choose([Choose(prompt, ("1", "2"))])[0]


def spoilt_weights(folder: Path) -> Iterator[Any]:
    yield from requests_of_all_kinds(load(tiny.dense(folder / "nan.gguf", nan=True)), "a")
    yield from requests_of_all_kinds(load(tiny.hybrid(folder / "hybrid.gguf", nan=True)), "a")
    yield load(tiny.dense(folder / "model.gguf")).generate([Generate(chat("a"), Sampling(max_tokens=4))])[0]


def no_template(folder: Path) -> Iterator[Any]:
    for i, template in enumerate((None, "", "{% for %}")):
        file = tiny.dense(folder / f"{i}.gguf", template=template)
        yield attempt(lambda file=file: load(file))
    yield load(tiny.dense(folder / "model.gguf")).count(chat("a"))


def no_end(folder: Path) -> Iterator[Any]:
    file = tiny.dense(folder / "no-end.gguf", end=False)
    yield attempt(lambda: load(file).generate([Generate(chat("a"), Sampling(max_tokens=4))])[0])
    yield load(tiny.dense(folder / "model.gguf")).generate([Generate(chat("a"), Sampling(max_tokens=4))])[0]


def little_memory(folder: Path, spare: int) -> Iterator[Any]:
    """A context of 64 MB and more in a process that may grow by `spare` bytes; then without that limit."""
    engine = load(tiny.dense(folder / "model.gguf", context=2**20))
    engine.generate([Generate(chat("a"), Sampling(max_tokens=8))])
    _limit_memory(spare)
    yield engine.generate([Generate(chat("a"), Sampling(max_tokens=2**20 - 100))])[0]
    yield engine.loglik([LogLik(chat("a " * 250_000), "b")])[0]
    _limit_memory(None)
    yield engine.generate([Generate(chat("a"), Sampling(max_tokens=4000))])[0]


def absurd_context(folder: Path) -> Iterator[Any]:
    """More cells than llama.cpp can count: to its 32 bits 8 x 2^29 are none."""
    _limit_memory(2**32)  # in case the cells are requested after all, the machine should not have to provide them
    engine = load(tiny.dense(folder / "model.gguf", context=2**31 - 1))
    for samples, tokens in ((1, 2**31 - 1000), (64, 2**31 - 1000), (8, 2**29 - 256)):
        request = Generate(chat("a"), Sampling(max_tokens=tokens, temperature=1.0), samples=samples)
        yield engine.generate([request], seconds=5)[0]
    yield engine.generate([Generate(chat("a"), Sampling(max_tokens=8))])[0]


def _limit_memory(spare: int | None) -> None:
    """This process may grow by `spare` bytes more; None is without end."""
    import resource

    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = resource.RLIM_INFINITY if spare is None else pages * resource.getpagesize() + spare
    resource.setrlimit(resource.RLIMIT_AS, (most, resource.RLIM_INFINITY))


def no_model_file(folder: Path) -> Iterator[Any]:
    whole = tiny.dense(folder / "model.gguf")
    data = whole.read_bytes()
    for name, content in {
        "empty": b"",
        "magic-alone": data[:4],
        "in-the-header": data[:30],
        "in-the-vocabulary": data[:3000],
        "in-the-weights": data[: len(data) // 2],
        "one-byte-short": data[:-1],
        "text": b"This is not a model.\n" * 1000,
        "zeros": bytes(100_000),
        "other-magic": b"GGML" + data[4:],
        "no-such-version": data[:4] + b"\xff\xff\xff\x7f" + data[8:],
        "endless-counts": data[:8] + b"\xff" * 16 + data[24:],
    }.items():
        file = folder / f"{name}.gguf"
        file.write_bytes(content)
        yield attempt(lambda file=file: load(file))
    yield attempt(lambda: load(folder / "missing.gguf"))
    yield attempt(lambda: load(folder))
    yield load(whole).count(chat("a"))


def past_our_checks(folder: Path) -> Iterator[Any]:
    """The grammar nested too deep, handed to llama.cpp as it is."""
    import llama_cpp.llama_cpp as lib

    engine = load(tiny.dense(folder / "model.gguf"))
    yield lib.llama_sampler_init_grammar(engine._model.vocabulary.handle, NESTED.encode(), b"root")


def poisoned_prompt(folder: Path) -> Iterator[Any]:
    """One request whose logits are NaN, its neighbour's are not; then the same context without it."""
    engine = load(tiny.dense(folder / "model.gguf", poison="q"))
    few = Sampling(max_tokens=4)
    yield from engine.generate([Generate(chat("q"), few), Generate(chat("a"), few)])
    yield engine.generate([Generate(chat("a"), few)])[0]


def shared_beginnings(folder: Path, make: Callable[[Path], Path]) -> Iterator[Any]:
    """Requests that begin alike one after the other on one engine, each beside the answer of a fresh engine."""
    file = make(folder / "model.gguf")
    warm = load(file)
    rules = "You know the rules of the house. " * 12
    for end in ("May I?", "Who are you?", "May I?", "May I? Is it late?", "", "M"):
        fresh = load(file)
        yield [_answers(engine, rules + end) for engine in (warm, fresh)]
        fresh.close()


def _answers(engine: LlamaEngine, text: str) -> Any:
    prompt = chat(text)
    drawn = engine.generate([Generate(prompt, Sampling(max_tokens=12, temperature=1.0, seed=5), samples=3)])[0]
    if isinstance(drawn, Exception):
        return str(drawn)
    scored = engine.loglik([LogLik(prompt, "the plan"), LogLik(prompt, "what you return")])
    (chosen,) = engine.choose([Choose(prompt, tuple("012345"))])
    return [[g.text for g in drawn], [*(r.total for r in scored), *chosen.probabilities]]


SCENARIOS: dict[str, Scenario] = {
    "grammars that do not parse": lambda folder: broken_grammar(folder, BROKEN),
    "grammars with a dead end": lambda folder: broken_grammar(folder, DEAD),
    "a grammar nested too deep": lambda folder: broken_grammar(folder, [NESTED]),
    "grammars that are no text": lambda folder: broken_grammar(folder, UNREADABLE),
    "prompts over the context": long_prompt,
    "weights that are not finite": spoilt_weights,
    "no chat template": no_template,
    "no end token": no_end,
    "no memory": lambda folder: little_memory(folder, 0),
    "little memory": lambda folder: little_memory(folder, 2**24),
    "more cells than can be counted": absurd_context,
    "files that are no model": no_model_file,
    "one poisoned prompt": poisoned_prompt,
    "hybrid asked again": lambda folder: shared_beginnings(folder, tiny.hybrid),
    "dense asked again": lambda folder: shared_beginnings(folder, tiny.dense),
    "sliding asked again": lambda folder: shared_beginnings(folder, tiny.sliding),
    "past our checks": past_our_checks,
}


def main(name: str, folder: str) -> None:
    """One line of JSON for every reply: its type, and what it says or holds."""
    for reply in SCENARIOS[name](Path(folder)):
        said = str(reply) if isinstance(reply, Exception) else repr(reply)
        print(json.dumps([type(reply).__name__, said]), flush=True)


# --- out here ----------------------------------------------------------------


@dataclass(frozen=True)
class Case:
    """What the mistakes of a scenario lead to. `short` names known shortcomings: test -> what is missing."""

    scenario: str
    error: str
    way_out: str
    short: dict[str, str] = field(default_factory=dict)


CASES = [
    Case(
        "grammars that do not parse",
        "BadGrammar",
        "correct it",
        {"quiet": "llama.cpp's grammar parser writes to stderr past the log"},
    ),
    Case("grammars with a dead end", "BadGrammar", "every path through it should end"),
    Case("a grammar nested too deep", "BadGrammar", "give the inner ones names"),
    Case("grammars that are no text", "BadGrammar", "write "),
    Case("prompts over the context", "PromptTooLong", "shorten the task|larger context"),
    Case("weights that are not finite", "NotFinite", "pull it with --force"),
    Case("no chat template", "NoChatTemplate", "choose an instruct model"),
    Case("no end token", "EngineError", "choose an instruct model"),
    Case("no memory", "OutOfMemory", "needs less"),
    Case("little memory", "OutOfMemory", "needs less"),
    Case("more cells than can be counted", "OutOfMemory", "needs less"),
    Case("files that are no model", "EngineError", "pull the model again with --force"),
]


def cases(test: str) -> Any:
    def marks(case: Case) -> Iterator[Any]:
        if case.error == "OutOfMemory":
            yield pytest.mark.skipif(sys.platform != "linux", reason="limits the child's memory as Linux does")
        if test in case.short:
            yield pytest.mark.xfail(strict=True, reason=case.short[test])

    params = [pytest.param(case, id=case.scenario, marks=[*marks(case)]) for case in CASES]
    return pytest.mark.parametrize("case", params)


@dataclass(frozen=True)
class Child:
    """How a scenario's process ended, what it printed, and its replies as (type, text)."""

    status: int
    stderr: str
    replies: list[tuple[str, str]]

    @property
    def mistakes(self) -> list[tuple[str, str]]:
        return self.replies[:-1]


@pytest.fixture(scope="module")
def child(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Child]:
    @cache
    def run(scenario: str) -> Child:
        folder = tmp_path_factory.mktemp("child")
        command = [sys.executable, "-m", __name__, scenario, str(folder)]
        done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, timeout=120)
        replies = [tuple(json.loads(line)) for line in done.stdout.splitlines()]
        return Child(done.returncode, done.stderr, replies)

    return run


@cases("alive")
def test_the_process_lives_and_answers(child: Callable[[str], Child], case: Case):
    """After every mistake the correct request is answered, and the process ends normally."""
    ended = child(case.scenario)
    assert ended.status == 0, ended.stderr
    assert ended.replies[-1][0] in ("list", "int")


@cases("typed")
def test_each_wrong_is_an_error_of_its_type(child: Callable[[str], Child], case: Case):
    """Every wrong request, and no other, is an error of the one type that callers handle."""
    mistakes = child(case.scenario).mistakes
    assert mistakes and {kind for kind, _ in mistakes} == {case.error}


@cases("named")
def test_the_error_names_the_model(child: Callable[[str], Child], case: Case):
    """Its one line says which model it was."""
    assert [said for _, said in child(case.scenario).mistakes if repr(MODEL) not in said or "\n" in said] == []


@cases("way_out")
def test_the_error_says_the_way_out(child: Callable[[str], Child], case: Case):
    """Its one line says what to do."""
    assert [said for _, said in child(case.scenario).mistakes if not re.search(case.way_out, said)] == []


@cases("quiet")
def test_nothing_else_is_printed(child: Callable[[str], Child], case: Case):
    """A user's terminal shows the error alone: llama.cpp writes nothing past us."""
    assert child(case.scenario).stderr == ""


def test_a_crash_would_be_seen(child: Callable[[str], Child]):
    """The wire is up: what ends a process shows in its status, as where llama.cpp gets a nested grammar unchecked."""
    assert child("past our checks") == Child(-signal.SIGSEGV, "", [])


def test_what_is_not_finite_fails_alone(child: Callable[[str], Child]):
    """Of two requests in a batch one has NaN logits and fails; the other is answered, and so is the next."""
    ended = child("one poisoned prompt")
    assert ended.status == 0, ended.stderr
    assert [kind for kind, _ in ended.replies] == ["NotFinite", "list", "list"]


def test_after_what_is_not_finite_the_engine_answers(child: Callable[[str], Child]):
    """NaN does not stay in the cache: the same engine answers the next request."""
    ended = child("one poisoned prompt")
    assert [kind for kind, _ in (ended.replies[0], ended.replies[-1])] == ["NotFinite", "list"]


@pytest.mark.parametrize("kind", ["dense", "hybrid", "sliding"])
def test_prompts_that_begin_alike_are_answered_as_if_fresh(child: Callable[[str], Child], kind: str):
    """Also by a model that cannot go back: each answer is a fresh engine's, and each prompt has its own."""
    ended = child(f"{kind} asked again")
    assert ended.status == 0, ended.stderr
    pairs = [literal_eval(said) for _, said in ended.replies]
    for (texts, numbers), (fresh_texts, fresh_numbers) in pairs:
        assert texts == fresh_texts
        assert numbers == pytest.approx(fresh_numbers, abs=1e-3)
    first = [round(fresh[1][0], 3) for _, fresh in pairs]
    assert first[0] == first[2] and len(set(first)) == 5


if __name__ == "__main__":
    main(*sys.argv[1:])
