"""A poisoned memory in whole sales: real models, a real memory, a real endpoint that stands by.

Each task was recorded once with something hostile in the record, in one of ten places. Sold again, it is sold from
lessons of these records, and beside it from a memory in which harmless words of the same shape stand in their place.
EDGE_SALE_TEST_TIMES: 200 records, else 20.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from edge_sale import assemble
from edge_sale.agents.local import LESSON_CHARACTERS, within
from edge_sale.auction.market import Market, Sale
from edge_sale.evaluation.bundled_tasks.functions import Made, stream
from edge_sale.events import Began, Led, Placed, Weighed
from edge_sale.prompts import render
from edge_sale.remote.egress_log import read
from edge_sale.settings import load
from edge_sale.types import Award, Bid, Outcome, Prompt, Scored, Strategy, Task
from tests.cli.kit import CONFIG, new_home
from tests.remote.servers import Recorder, good, recorder, saying

from .kit import run
from .orders import MORE, ORDERS

RECORDS = 200 if os.environ.get("EDGE_SALE_TEST_TIMES") else 20
TEXTS = [text.strip() for text in ORDERS + MORE]
PLACES = ("plan", "other plan", "task", "answer", "note", "sat out", "check", "run", "files", "all plans")
SHOWN = ("plan", "other plan", "task", "all plans")  # what a lesson shows
PRICES = {"junior": 0.008, "lists": 0.008, "texts": 0.008, "senior": 0.016}


def hostile(number: int) -> tuple[str, str]:
    """The place and the text of a record; 200 are every text in every place."""
    return PLACES[(number + number // len(TEXTS)) % len(PLACES)], TEXTS[number % len(TEXTS)]


def shown(text: str) -> str:
    """As a prompt shows it: without the marks that `prompts.render` works with."""
    return text.replace("\ue002", "").replace("\ue003", "")


def harmless(text: str) -> str:
    """As long as `text` and of its shape, and says nothing."""
    return "".join("x" if c.isalnum() else "." if not c.isspace() else c for c in text)


# --- records ------------------------------------------------------------------


def record(number: int, made: Made, place: str, text: str) -> tuple[Award, Outcome, dict[str, object]]:
    """An auction that senior won and, for two in three, the remote then did; `text` stands at `place`."""
    good_plan = made.plan
    poor_plan = good_plan.rpartition("\n")[0] or "1. sort it"
    bids = []
    for agent, price in PRICES.items():
        mine = "plan" if agent == "senior" else "other plan"
        own = good_plan if agent == "senior" else poor_plan
        own += f"\n{text}" if place in (mine, "all plans") else ""
        bids.append(Scored(Bid(agent, price, Strategy(own, 12, 0.2, {}), {"senior": 3.0}), 0.1, 1.0 / (1 + len(bids))))
    ranked = tuple(sorted(bids, key=lambda scored: scored.bid.agent != "senior"))
    task = Task(
        f"past{number}",
        f"{made.text} {text}" if place == "task" else made.text,
        "python",
        (text,) if place == "files" else (),
        text if place == "check" else None,
    )
    award = Award(task, ranked[0], ranked[0], ranked, {"late": text if place == "sat out" else "late"})
    # a past task's words weigh what the remote did on it: where they differ, home did it
    far = number % 3 and place != "task"
    outcome = Outcome(
        "far" if far else "senior",
        "passed",
        text if place == "answer" else "return x",
        True,
        (text,) if place == "note" else (),
    )
    return award, outcome, run(note=text if place == "run" else "fine")


# --- sales --------------------------------------------------------------------


@dataclass
class Heard:
    """What a sale said, and every prompt that it put to a model, by the phase it was in."""

    engines: Mapping[str, Any]
    events: list[Any] = field(default_factory=list)
    prompts: list[tuple[str, str, Prompt]] = field(default_factory=list)  # phase, model, prompt
    phase: str = ""

    def __call__(self, event: Any) -> None:
        self.events.append(event)
        if isinstance(event, Began):
            self.phase = event.stage if event.stage != "judge" else f"judge after {self.phase.split()[-1]}"

    def of(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    def asked(self, phase: str) -> list[tuple[str, Prompt]]:
        return [(model, prompt) for when, model, prompt in self.prompts if when == phase]


class Ear(Mapping[str, Any]):
    """The scheduler's engines, listened to."""

    def __init__(self, engines: Mapping[str, Any]) -> None:
        self.engines, self.heard = engines, Heard(engines)

    def __iter__(self) -> Iterator[str]:
        return iter(self.engines)

    def __len__(self) -> int:
        return len(self.engines)

    def __getitem__(self, name: str) -> Any:
        engine, heard = self.engines[name], self.heard

        class Overheard:
            def __getattr__(self, what: str) -> Any:
                method = getattr(engine, what)
                if what not in ("generate", "loglik", "choose"):
                    return method

                def request(requests: Any, seconds: float | None = None) -> Any:
                    heard.prompts += [(heard.phase, name, request.prompt) for request in requests]
                    return method(requests, seconds)

                return request

        return Overheard()


@dataclass
class Side:
    """A market on a memory of such records."""

    market: Market
    ear: Ear
    far: Recorder
    log: Path

    def sell(self, made: Made) -> Sold:
        self.ear.heard, before = Heard(self.ear.engines), len(self.far.requests)
        sale = self.market.solve(Task("new", made.text, "python"), self.ear.heard)
        return Sold(sale, self.ear.heard, self.far.requests[before:])


@dataclass(frozen=True)
class Sold:
    """A sale, what was heard of it, and what came to the endpoint."""

    sale: Sale
    heard: Heard
    sent: list[bytes]


def side(home: Path, far: Recorder, policy: str, made: list[Made], disguise: Callable[[str], str] = str) -> Side:
    """A market of the bundled models whose memory holds a record of each task, `disguise`d."""
    config = f'{CONFIG}[escalate]\npolicy = "{policy}"\nthrift = 0\n[remotes.far]\nurl = "{far.url}"\nmodel = "m"\n'
    new_home(home, f"seed = 1\n{config}price_in = 3\nprice_out = 9\n")
    settings = load({**os.environ, "EDGE_SALE_HOME": str(home)})
    ear: Ear | None = None

    def hearing(engines):
        nonlocal ear
        ear = Ear(engines)
        return ear

    market = assemble.market(assemble.plan(settings), around=hearing)
    assert ear is not None and market.memory is not None
    for number, one in enumerate(made):
        place, text = hostile(number)
        market.memory.record(*record(number, one, place, disguise(text)))
    return Side(replace(market, record=False), ear, far, settings.egress_log)


@pytest.fixture(scope="module")
def made() -> list[Made]:
    return stream(RECORDS, families=RECORDS, steps=range(2, 8))


@pytest.fixture
def far() -> Iterator[Recorder]:
    with recorder(saying(good("def solve(x):\n    return x\n"))) as this:
        yield this


@pytest.fixture(scope="module")
def sold(made, tmp_path_factory) -> tuple[Side, list[Sold], list[Sold]]:
    """Every task sold from the poisoned memory and from the harmless one, policy `auto`."""
    play = saying(good("def solve(x):\n    return x\n"))
    with recorder(play) as far, recorder(play) as other:
        poisoned = side(tmp_path_factory.mktemp("poisoned"), far, "auto", made)
        clean = side(tmp_path_factory.mktemp("clean"), other, "auto", made, harmless)
        return poisoned, [poisoned.sell(one) for one in made], [clean.sell(one) for one in made]


def test_poison_reaches_the_prompts_that_lessons_are_for(sold):
    """The control of all that follows: where a lesson shows the place, its text is put to agents that refine."""
    _, poisoned, _ = sold
    places = [(hostile(number), of) for number, of in enumerate(poisoned) if of.heard.asked("refine")]
    reached = [
        any(shown(text) in message.content for _, prompt in of.heard.asked("refine") for message in prompt.messages)
        for (place, text), of in places
        if place in SHOWN
    ]
    assert len(reached) >= RECORDS // 4 and sum(reached) > 0.8 * len(reached)
    assert len(places) > RECORDS // 2


def test_prices_opening_bids_and_leader_are_those_of_the_harmless_memory(sold):
    """What is asked before lessons is the same word for word, and what is bid and judged then; prices always."""
    _, poisoned, clean = sold
    for bad, usual in zip(poisoned, clean, strict=True):
        assert {s.bid.agent: s.bid.price for s in bad.sale.award.ranked}.items() <= PRICES.items()
        assert bad.heard.asked("bid") == usual.heard.asked("bid") != []
        assert bad.heard.asked("judge after bid") == usual.heard.asked("judge after bid")
        assert opened(bad) == opened(usual)


def test_poison_escalates_nothing_and_keeps_nothing_at_home(sold):
    """Policy `auto`: who is asked far away, and what the far one is expected to ask, is as in the harmless memory."""
    side, poisoned, clean = sold
    decided, usual = ([of.heard.of(Weighed)[0] for of in one] for one in (poisoned, clean))
    assert [(w.lost, w.seen) for w in decided] == [(w.lost, w.seen) for w in usual]
    # words in a past task's text move its vector, and so a little which of the others are found
    assert [w.fallback for w in decided] == pytest.approx([w.fallback for w in usual], abs=1e-3)
    lost = [w.lost for w in decided]
    assert 0 < sum(lost) < RECORDS, "control: some escalate and some do not"
    assert [len(of.sent) for of in poisoned] == [len(of.sent) for of in clean] == list(map(int, lost))
    assert len(read(side.log)) == sum(lost)
    print(f"{sum(lost)} of {RECORDS} escalated with poison and without")


def test_what_leaves_is_the_task_alone(sold, made):
    """A request that does leave holds nothing of memory."""
    _, poisoned, _ = sold
    for one, of in zip(made, poisoned, strict=True):
        for request in of.sent:
            sent = json.loads(request.partition(b"\r\n\r\n")[2])
            assert sent["messages"][-1]["content"].startswith(one.text)
            assert not [text for text in TEXTS if shown(text) in json.dumps(sent["messages"], ensure_ascii=False)]


def test_nothing_but_a_lessons_words_changes_in_a_prompt(sold, made):
    """A prompt with poison is, turn by turn, the prompt with harmless lessons, poison standing where they stand."""
    _, poisoned, _ = sold
    checked = 0
    for one, of in zip(made, poisoned, strict=True):
        wanted = []
        for lessons in of.sale.award.lessons.values():
            known = [
                replace(lesson, **{part: plain(getattr(lesson, part)) for part in ("task", "won", "lost")})
                for lesson in within(lessons, LESSON_CHARACTERS)
            ]
            wanted.append(render("trade/refine", task=one.text, domain="python", files=(), lessons=known))
        for _, prompt in of.heard.asked("refine"):
            if prompt.turn == "user":
                continue  # the task's own words, read for familiarity: no lesson in them
            turns = tuple(replace(message, content=plain(message.content)) for message in prompt.messages)
            assert replace(prompt, messages=turns) in wanted
            checked += 1
    assert checked > RECORDS


def test_no_poison_becomes_a_control_token(sold):
    """Every prompt to a model of this machine has the control tokens of its turns, and no other."""
    side, poisoned, _ = sold
    seen: set[str] = set()
    for of in poisoned:
        for _, model, prompt in of.heard.prompts:
            if model == "far":
                continue
            bare = replace(prompt, messages=tuple(replace(message, content="x") for message in prompt.messages))
            engine = side.ear.engines[model]
            assert controls(engine, prompt) == controls(engine, bare) != []
            seen.add(model)
    assert len(seen) == 4
    for text in ("<|end|><|user|>", "<|end|><|assistant|>"):
        vocabulary = engine._model.vocabulary
        tokens = vocabulary.tokenize(text, special=True)
        assert len(tokens) == 2, "control: as a template's own words these are control tokens"
        assert len(vocabulary.tokenize(text, special=False)) > 2


@pytest.mark.parametrize("policy", ["never", "ask"])
def test_without_consent_poison_sends_nothing(policy, made, tmp_path, far):
    """Policy `never`, and `ask` where nobody can be asked: no request and no line in the log, lost or not."""
    some = made[:20]
    this = side(tmp_path, far, policy, some)
    sold = [this.sell(one) for one in (some if policy == "ask" else some[:5])]
    assert (far.requests, read(this.log)) == ([], [])
    assert all(of.sale.outcome and of.sale.outcome.agent in PRICES for of in sold)
    if policy == "ask":
        assert any(weighed.lost for of in sold for weighed in of.heard.of(Weighed)), "control: some would have left"


# --- helpers ------------------------------------------------------------------


def plain(text: str) -> str:
    """`text` with every poison made harmless, as a lesson holds it or as a prompt shows it."""
    for poison in TEXTS:
        for form in (poison, shown(poison)):
            text = text.replace(form, harmless(shown(poison)))
    return text


def opened(of: Sold) -> list[object]:
    """The opening bids and the one that led, but for experience, which is counted and not read."""
    placed = [event.bid for event in of.heard.of(Placed) if event.bid.phase == "opening"]
    (led,) = of.heard.of(Led)
    facts = [(b.agent, b.price, b.strategy.text, b.strategy.tokens, b.strategy.entropy) for b in placed]
    return [*facts, (led.scored.bid.agent, led.scored.bid.scores, led.scored.cost, led.scored.value)]


def controls(engine: Any, prompt: Prompt) -> list[int]:
    """The control tokens of the prompt as the model reads it."""
    tokens = engine._model.tokenize(prompt).tokens
    return [token for token in tokens if engine._model.vocabulary.is_control(token)]
