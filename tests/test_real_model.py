"""The whole way on a real model of a useful size: Qwen2.5-Coder-0.5B-Instruct, the official bytes."""

from __future__ import annotations

import math
import os
from dataclasses import replace
from pathlib import Path

import pytest

from edge_sale import assemble, open_market
from edge_sale.agents.local import LocalAgent
from edge_sale.catalog import cards
from edge_sale.protocols import Engine
from edge_sale.settings import Settings, load
from edge_sale.types import Generate, LogLik, Message, Outcome, Prompt, Sampling, Task
from tests.cli.kit import new_home
from tests.workspace.kit import wrapped

MODEL = "qwen2.5-coder-0.5b"
pytestmark = pytest.mark.models(MODEL)

CONFIG = f"""
pool = "real"
seed = 1
[pools.real]
agents = ["answers", "drafts"]
embedder = "bundled-embedder"
weights = "starter-1"
[agents.answers]
model = "{MODEL}"
work = "quick"
price = 0.015
jury = "likert"
max_tokens = 192
[agents.drafts]
model = "{MODEL}"
work = "drafts"
price = 0.03
jury = "likert"
samples = 4
max_tokens = 192
"""


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of a pool of two agents on the model."""
    home = new_home(tmp_path / "home", CONFIG)
    monkeypatch.setenv("EDGE_SALE_HOME", str(home))
    return load({**os.environ, "EDGE_SALE_HOME": str(home)})


@pytest.fixture(scope="module")
def engine() -> Engine:
    """The model alone, loaded once."""
    return assemble.engine(cards.load().model(MODEL), replace(load(), threads=2))


def chat(text: str, prefill: str = "") -> Prompt:
    return Prompt((Message("user", text),), prefill)


def draw(engine: Engine, prompt: Prompt, tokens: int = 96) -> str:
    (reply,) = engine.generate([Generate(prompt, Sampling(max_tokens=tokens, stop=("\n```",)))])
    assert not isinstance(reply, Exception), reply
    assert 0.0 < reply[0].entropy < math.log(151_936) and reply[0].logprob < 0.0
    return reply[0].text


def test_its_own_chat_format_ends_an_answer(engine: Engine) -> None:
    """The model's end of turn ends the text; none of its control tokens stands in it."""
    text = draw(engine, chat("Answer with the one word: ready"), 32)
    assert "ready" in text.lower() and "<|im_" not in text and len(text) < 60


def test_a_greedy_answer_is_the_same_alone_and_beside_others(engine: Engine) -> None:
    """Requests of one batch do not change each other's answers."""
    prompts = [chat(f"Write a Python function that adds {n} to a number.", "```python\n") for n in (1, 2, 3)]
    alone = draw(engine, prompts[0])
    replies = engine.generate([Generate(p, Sampling(max_tokens=96, stop=("\n```",))) for p in prompts])
    first = replies[0]
    assert not isinstance(first, Exception) and first[0].text.strip() == alone.strip()


def test_words_that_fit_are_likelier(engine: Engine) -> None:
    """log p(text | prompt) tells the right continuation from a stray one."""
    question = chat("What is the capital of France? Answer with one word.")
    right, stray = engine.loglik([LogLik(question, "Paris"), LogLik(question, "Bicycle")])
    assert not isinstance(right, Exception) and not isinstance(stray, Exception) and right.mean > stray.mean + 2


@wrapped
def test_an_auction_among_two_agents_ends_in_an_answer_that_passes(settings: Settings) -> None:
    """Plans, jury, award, work and check, and the record in the auction memory."""
    with open_market(settings=settings) as market:
        result = market.run(
            "Write a Python function is_even(n) that tells whether a number is even.",
            check="assert is_even(4) and not is_even(3)",
        )
    assert result.status == "passed" and result.recorded
    assert {bid.bid.agent for bid in result.bids} | set(result.sat_out) == {"answers", "drafts"}
    for bid in result.bids:
        assert bid.bid.strategy.tokens > 3 and bid.bid.strategy.entropy > 0
        assert all(0 <= score <= 5 for score in bid.bid.scores.values())


@wrapped
def test_drafts_keep_one_that_passes(settings: Settings) -> None:
    """Several answers in one batch; the check chooses."""
    task = Task("t", "Write a Python function first(xs) that returns the first item of a list.", "python")
    task = replace(task, check="assert first([3, 1]) == 3")
    market = assemble.market(assemble.plan(settings, ["drafts"]))
    (agent,) = market.agents
    assert isinstance(agent, LocalAgent)
    done = market.scheduler.drive({"drafts": agent.execute(task, "1. Return item 0.", lambda text: None)}, "work")
    assert isinstance(done["drafts"], Outcome) and done["drafts"].verified
