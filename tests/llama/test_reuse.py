"""What was read is not read again, and changes no bit of any answer; on tiny models of random weights."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_sale.errors import TimedOut
from edge_sale.llama import context, native
from edge_sale.llama.engine import LlamaEngine
from edge_sale.llama.tuning import Tuning
from edge_sale.types import Generate, LogLik, Message, Prompt, Sampling
from tests.llama.kit import chat

RULES = Message("system", "Rules of the house: " + "be brief and be kind. " * 12)
DRAWN = Sampling(max_tokens=12, temperature=1.0, top_k=0, min_p=0.0, seed=5)
KINDS = pytest.mark.parametrize("kind", ["dense", "hybrid", "sliding"])


def prompt(*words: str) -> Prompt:
    """A chat behind the rules, the user and the assistant in turn; the rules are the same for every task."""
    roles = ("user", "assistant")
    turns = tuple(Message(roles[i % 2], text) for i, text in enumerate(words))  # type: ignore[arg-type]
    return Prompt((RULES, *turns), fixed=1)


def answers(engine: LlamaEngine, *requests: Generate) -> list[tuple[str, float, float]]:
    replies = engine.generate(requests)
    assert not any(isinstance(reply, Exception) for reply in replies), replies
    return [(g.text, g.entropy, g.logprob) for reply in replies for g in reply]


LONG = "Tell me of the sea and its ships. " * 6
REQUESTS = [
    Generate(prompt(LONG), DRAWN),
    Generate(prompt(LONG, "The sea is wide. " * 8, "And the ships?"), DRAWN),
    Generate(prompt("Something else."), DRAWN, samples=3),
    Generate(prompt(LONG), DRAWN, samples=2),
    Generate(prompt(LONG, "The sea is wide. " * 8, "And the ships?", "They sail. " * 20, "Where to?"), DRAWN),
]


@KINDS
def test_an_answer_does_not_depend_on_what_was_read_before(tiny_files: dict[str, Path], kind: str):
    """Each of five requests has the same text, entropy and log p from an engine that answered the others before it."""
    used = LlamaEngine(kind, tiny_files[kind])
    after = [answers(used, request) for request in REQUESTS]
    again = [answers(used, request) for request in reversed(REQUESTS)][::-1]
    assert used.reused > 0
    used.close()
    for request, one, other in zip(REQUESTS, after, again, strict=True):
        fresh = LlamaEngine(kind, tiny_files[kind])
        assert answers(fresh, request) == one == other
        assert fresh.reused == 0
        fresh.close()


@KINDS
def test_a_conversation_that_goes_on_reads_only_what_is_new(tiny_files: dict[str, Path], kind: str):
    """The second turn reuses the first one's pieces, and says how many tokens that saved."""
    engine = LlamaEngine(kind, tiny_files[kind])
    first = engine.generate([REQUESTS[0]])[0][0]
    read = engine.read
    second = engine.generate([REQUESTS[1]])[0][0]
    engine.close()
    assert first.reused == 0
    assert second.reused >= 0.8 * first.prompt_tokens
    assert second.reused + engine.read - read == second.prompt_tokens


OTHERS = Message("system", "Rules of another house: " + "be long and be loud. " * 12)
ELSEWHERE = Generate(Prompt((OTHERS, Message("user", LONG)), fixed=1), DRAWN)


@KINDS
def test_a_batch_of_two_beginnings_is_the_same_cold_and_warm(tiny_files: dict[str, Path], kind: str):
    """Prompts under two system prompts asked at once: each beginning is read once, and reuse changes no bit."""
    both = [REQUESTS[0], ELSEWHERE, REQUESTS[2]]
    used = LlamaEngine(kind, tiny_files[kind])
    cold = answers(used, *both)
    saved = used.reused
    answers(used, REQUESTS[0])
    assert answers(used, *both) == cold
    assert used.reused > saved or kind == "sliding"  # whose states no other context can have
    used.close()
    fresh = LlamaEngine(kind, tiny_files[kind])
    answers(fresh, REQUESTS[0])
    assert answers(fresh, *both) == cold
    fresh.close()


@pytest.mark.parametrize("kind", ["dense", "hybrid"])
def test_three_bids_are_read_for_the_jury_and_the_next_process(tiny_files: dict[str, Path], kind: str, tmp_path: Path):
    """Batches of three, four and two requests reuse the rules, also after the context was made anew between them."""
    engine = LlamaEngine(kind, tiny_files[kind], identity="sha", prefixes=tmp_path)
    texts = ("Wind.", "Rain.", "Snow.", "Hail.")
    for count in (3, 4, 2):
        before = engine.reused
        engine.generate([Generate(prompt(f"{text} {count}"), DRAWN) for text in texts[:count]])
        assert engine.reused - before > 64 or count == 3
    engine.generate([Generate(prompt(LONG * 40), DRAWN)])  # a context of another size
    before = engine.reused
    engine.generate([Generate(prompt(text), DRAWN) for text in texts[:3]])
    assert engine.reused - before > 64
    engine.close()
    again = LlamaEngine(kind, tiny_files[kind], identity="sha", prefixes=tmp_path)
    again.generate([Generate(prompt(text), DRAWN) for text in texts[1:]])
    assert again.reused > 64
    again.close()


def test_a_batch_that_ran_out_of_time_leaves_nothing_behind(tiny_files: dict[str, Path]):
    """Stopped between a copy that was asked for and the decode that makes it, the engine answers as a new one."""
    engine = LlamaEngine("dense", tiny_files["dense"])
    expected = answers(engine, REQUESTS[2], REQUESTS[0])
    late, decode, calls = Generate(prompt("More. " * 30), DRAWN, samples=3), engine._context._flush, []

    def flush(*args: object) -> None:
        calls.append(engine._context._sequences.copy_pending)
        decode(*args[:2], -1.0 if calls[-1] else args[2])  # type: ignore[arg-type]

    engine._context._flush = flush  # type: ignore[method-assign,assignment]
    assert isinstance(engine.generate([late])[0], TimedOut) and calls[-1]
    engine._context._flush = decode  # type: ignore[method-assign]
    assert answers(engine, REQUESTS[2], REQUESTS[0]) == expected
    engine.close()


def test_likelihoods_reuse_and_are_reused(dense: LlamaEngine):
    """log p of a text is the same whether its prompt was read before or not."""
    request = LogLik(prompt(LONG), "The sea.")
    dense.forget()
    cold = dense.loglik([request])[0]
    warm = dense.loglik([request])[0]
    assert (cold.reused, warm.total, warm.tokens) == (0, cold.total, cold.tokens)
    assert warm.reused > 100


def test_forgetting_reads_anew(dense: LlamaEngine):
    """After `forget` the same request is read whole again."""
    dense.generate([REQUESTS[0]])
    dense.forget()
    read = dense.read
    assert dense.generate([REQUESTS[0]])[0][0].reused == 0
    assert dense.read - read == dense.count(REQUESTS[0].prompt)


@pytest.mark.parametrize("kind", ["dense", "hybrid"])
def test_a_new_process_finds_what_never_changes_on_disk(tiny_files: dict[str, Path], kind: str, tmp_path: Path):
    """A second engine starts with the rules read, answers the same, and nothing of the task is on disk."""
    first = LlamaEngine(kind, tiny_files[kind], identity="sha", prefixes=tmp_path)
    expected = answers(first, REQUESTS[0])
    first.close()
    assert len(list(tmp_path.iterdir())) == 1
    second = LlamaEngine(kind, tiny_files[kind], identity="sha", prefixes=tmp_path)
    other = Generate(prompt("A task of another kind."), DRAWN)
    reused = second.generate([other])[0][0].reused
    assert reused > 64
    assert answers(second, REQUESTS[0]) == expected
    second.close()
    assert len(list(tmp_path.iterdir())) == 1


def test_a_sliding_windows_state_is_not_kept(tiny_files: dict[str, Path], tmp_path: Path):
    """llama.cpp saves only the window, and an answer from it would differ: such a model starts anew."""
    engine = LlamaEngine("sliding", tiny_files["sliding"], identity="sha", prefixes=tmp_path)
    engine.generate([REQUESTS[0]])
    engine.close()
    assert list(tmp_path.iterdir()) == []


def test_without_a_file_hash_nothing_goes_to_disk(tiny_files: dict[str, Path], tmp_path: Path):
    """A model file that nobody identified keeps no prefix that another file could be given."""
    engine = LlamaEngine("dense", tiny_files["dense"], prefixes=tmp_path)
    engine.generate([REQUESTS[0]])
    engine.close()
    assert list(tmp_path.iterdir()) == []


def test_a_prompt_with_nothing_fixed_keeps_nothing_on_disk(tiny_files: dict[str, Path], tmp_path: Path):
    """What a caller does not declare to be the same for every task is never written."""
    engine = LlamaEngine("dense", tiny_files["dense"], identity="sha", prefixes=tmp_path)
    engine.generate([Generate(chat(LONG, system="My secret plan. " * 20), DRAWN)])
    engine.close()
    assert list(tmp_path.iterdir()) == []


def test_samples_beyond_the_memory_for_them_wait_for_a_place(
    tiny_files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
):
    """With room for two sequences nine samples are all drawn, each with its own seed, the same each time."""
    engine = LlamaEngine("dense", tiny_files["dense"])
    one = engine._context
    monkeypatch.setattr(context, "KV_CACHE_BYTES", 2 * 512 * native.kv_bytes_per_token(engine._model.handle))
    requests = [
        Generate(prompt(LONG), Sampling(max_tokens=3 + 5 * (i % 3), temperature=1.0, top_k=0, seed=i)) for i in range(9)
    ]
    first = answers(engine, *requests)
    assert (one._shape[0], len({text for text, _, _ in first})) == (2, 9)
    assert answers(engine, *requests) == first
    engine.close()


def test_a_failed_decode_leaves_an_engine_that_answers(dense: LlamaEngine):
    """After a time-out half-way through a prompt the same request is answered as by a fresh engine."""
    dense.forget()
    expected = answers(dense, REQUESTS[0])
    dense.forget()
    assert isinstance(dense.generate([REQUESTS[0]], seconds=1e-9)[0], Exception)
    assert answers(dense, REQUESTS[0]) == expected


def test_timing_disturbs_nothing(dense: LlamaEngine):
    """Measuring a way of running gives two times, and the engine's own answers stay as they were."""
    expected = answers(dense, REQUESTS[0])
    read, write = dense.timed(Tuning(threads=1), 128, 4)
    assert read > 0 and write > 0
    assert answers(dense, REQUESTS[0]) == expected
