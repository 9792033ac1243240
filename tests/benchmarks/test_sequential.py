"""The baseline engine on real weights: the same numbers as ours, or the comparison means nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks import auctions, engine_pool
from edge_sale.errors import EngineError, PromptTooLong
from edge_sale.prompts import render
from edge_sale.types import Choose, Generate, LogLik, Sampling
from tests.llama.kit import GREEDY, chat

pytestmark = pytest.mark.models

PROMPTS = [
    chat("What is the capital of France?"),
    chat("Name a colour.", prefill="The colour"),
    render("recover", plan="1. Sort the words.\n2. Return them."),
    render("plan", domain="python", task=engine_pool.task(3).text, files=()),
]


@pytest.mark.parametrize("prompt", PROMPTS, ids=range(len(PROMPTS)))
def test_a_prompt_has_the_same_number_of_tokens(ours, sequential, prompt):
    """A prompt of our own is tokenized alike on both sides."""
    assert sequential.count(prompt) == ours.count(prompt)


def test_greedy_draws_are_the_same(ours, sequential):
    """Text, count, end, entropy and log p of a greedy draw agree."""
    request = Generate(chat("What is the capital of France?"), GREEDY)
    mine, theirs = ours.generate([request])[0][0], sequential.generate([request])[0][0]
    assert (theirs.text, theirs.tokens, theirs.ended) == (mine.text, mine.tokens, mine.ended)
    assert theirs.entropy == pytest.approx(mine.entropy, abs=0.02)
    assert theirs.logprob == pytest.approx(mine.logprob, abs=0.02)


@pytest.mark.parametrize("max_tokens, stop, ended", [(3, (), "length"), (24, ("Paris",), "stop"), (80, (), "end")])
def test_every_end_is_told_alike(ours, sequential, max_tokens, stop, ended):
    """A draw that ran out, met its stop or ended by itself says so on both sides, with as many tokens."""
    request = Generate(
        chat("What is the capital of France? Answer in one short sentence."), Sampling(max_tokens=max_tokens, stop=stop)
    )
    mine, theirs = ours.generate([request])[0][0], sequential.generate([request])[0][0]
    assert (mine.ended, theirs.ended) == (ended, ended)
    assert (theirs.text, theirs.tokens) == (mine.text, mine.tokens)


def test_samples_draw_by_their_own_seed(sequential):
    """Sample i draws with seed + i, as in our engine."""
    sampling = Sampling(max_tokens=8, temperature=1.5, seed=5)
    several = sequential.generate([Generate(chat("Say any word."), sampling, samples=2)])[0]
    second = sequential.generate([Generate(chat("Say any word."), replace(sampling, seed=6))])[0]
    assert several[1].text == second[0].text != several[0].text


def test_likelihoods_agree(ours, sequential):
    """Mean log p agrees to a twentieth of a nat, also where the prompt begins like the one before."""
    words = f" {engine_pool.task(0).text}"
    requests = [
        LogLik(render("recover-nothing"), words),
        *(LogLik(render("recover", plan=plan), words) for plan in ("1. Add the even numbers.", "1. Boil an egg.")),
        LogLik(chat("Hi."), ""),
    ]
    mine, theirs = ours.loglik(requests), sequential.loglik(requests)
    assert [r.tokens for r in theirs] == [r.tokens for r in mine]
    assert [r.mean for r in theirs] == pytest.approx([r.mean for r in mine], abs=0.05)
    assert sequential.loglik(requests)[2].mean == pytest.approx(theirs[2].mean, abs=0.05)


def test_choices_agree(ours, sequential):
    """Probabilities of the options agree; an option of several tokens is refused by name."""
    requests = [Choose(render("likert", task="Sort words.", plan=plan), tuple("012345")) for plan in ("1. Sort.", "?")]
    mine, theirs = ours.choose(requests), sequential.choose(requests)
    for one, other in zip(mine, theirs, strict=True):
        assert other.probabilities == pytest.approx(one.probabilities, abs=0.05)
    assert isinstance(sequential.choose([Choose(chat("?"), ("several words",))])[0], EngineError)


def test_a_prompt_that_does_not_fit_is_refused(sequential):
    """One ask too long has failed, the one beside it is answered."""
    refused, reply = sequential.generate([Generate(chat("word " * 1200), GREEDY), Generate(chat("Hi."), GREEDY)])
    assert isinstance(refused, PromptTooLong)
    assert reply[0].text


@pytest.mark.parametrize("kind", auctions.WRITTEN)
def test_scores_in_writing_are_digits(sequential, kind):
    """Under its grammar the baseline's judge writes one digit a plan, after a reason where it is asked for one."""
    scores = auctions.json_scores(
        sequential, engine_pool.task(0), ["1. Add the even numbers.", "1. Boil an egg."], kind
    )
    assert len(scores) == 2
    assert all(0 <= score <= 5 for score in scores)


def test_replayed_plans_are_not_drawn_again(ours, sequential):
    """An engine that replays another's plans judges those: both auctions have the same bids."""
    agents = engine_pool.agents(plan_tokens=12)
    slow = engine_pool.RecordingEngine(sequential)
    first = auctions.auction(slow, agents, engine_pool.task(0))
    replayed = auctions.auction(engine_pool.RecordingEngine(ours, replay=slow.drawn), agents, engine_pool.task(0))
    assert {s.bid.agent: s.bid.strategy for s in replayed.ranked} == {s.bid.agent: s.bid.strategy for s in first.ranked}
    for mine in replayed.ranked:
        theirs = next(s for s in first.ranked if s.bid.agent == mine.bid.agent)
        assert mine.asking == pytest.approx(theirs.asking, abs=0.3)
