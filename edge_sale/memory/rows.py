"""Write an auction as rows of the memory's tables, and read it back."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from edge_sale.errors import MemoryFault
from edge_sale.memory.recall import PastPlan, text_digest
from edge_sale.sqlite.query import Inconsistent, one, select
from edge_sale.types import Award, Bid, Entry, Lesson, Outcome, Scored, Strategy, Task

if TYPE_CHECKING:
    import apsw

# --- writing -----------------------------------------------------------------


def add_auction(db: apsw.Connection, award: Award, run: Mapping[str, Any], at: float) -> int:
    """Write an auction and its bids and return its number. Runs inside the caller's transaction."""
    task = award.task
    if select(db, "SELECT 1 FROM auctions WHERE id = ?", task.id):
        raise MemoryFault(f"auction {task.id!r} is already recorded; give the task a new id")
    won, led = (_rank(award, scored) for scored in (award.winner, award.provisional))
    settings = {key: value for key, value in run.items() if key not in ("entries", "earlier")}
    db.execute(
        'INSERT INTO auctions (id, at, text, domain, files, "check", likeness, sat_out, run)'
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            task.id,
            at,
            task.text,
            task.domain,
            _json(task.files),
            task.check,
            text_digest(task.text),
            _json(dict(award.sat_out)),
            _json(settings),
        ),
    )
    number = db.last_insert_rowid()
    for rank, scored in enumerate(award.ranked):
        bid, plan = scored.bid, scored.bid.strategy
        db.execute(
            "INSERT INTO bids (auction, rank, agent, phase, price, plan, tokens, entropy, signals, scores,"
            " cost, value, unheard, led, won) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                number,
                rank,
                bid.agent,
                bid.phase,
                _finite(bid.price),
                plan.text,
                plan.tokens,
                _finite(plan.entropy),
                _numbers(plan.signals),
                _numbers(bid.scores),
                _finite(scored.cost),
                _finite(scored.value),
                _finite(scored.unheard),
                rank == led,
                rank == won,
            ),
        )
    return number


def add_lessons(db: apsw.Connection, number: int, award: Award) -> None:
    """Record which past plans each agent was shown. Plans that were forgotten meanwhile are left out."""
    for agent, lessons in award.lessons.items():
        for place, lesson in enumerate(lessons):
            found = select(
                db,
                "SELECT a.number, min(w.rank), min(l.rank) FROM auctions a"
                " JOIN bids w ON w.auction = a.number AND w.agent = ? AND w.plan = ?"
                " JOIN bids l ON l.auction = a.number AND l.agent = ? AND l.plan = ?"
                " WHERE a.id = ? GROUP BY a.number",
                lesson.winner,
                lesson.won,
                lesson.loser,
                lesson.lost,
                lesson.auction,
            )
            for pair in found:
                db.execute(
                    "INSERT INTO lessons (auction, agent, place, past, won, lost, similarity, outcome)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    (number, agent, place, *pair, _finite(lesson.similarity), lesson.outcome),
                )


def add_outcome(db: apsw.Connection, number: int, outcome: Outcome, at: float, source: str = "run") -> None:
    """Add an outcome of the auction's work. Earlier ones stay; the newest one counts."""
    db.execute(
        "INSERT INTO outcomes (auction, at, source, agent, status, answer, verified, notes, steps, verdict)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            number,
            at,
            source,
            outcome.agent,
            outcome.status,
            outcome.answer,
            outcome.verified,
            _json(outcome.notes),
            outcome.steps,
            outcome.verdict,
        ),
    )


def add_entries(db: apsw.Connection, number: int, entries: list[Entry]) -> None:
    """Write the ledger entries of this auction, in their order."""
    for line, e in enumerate(entries):
        db.execute(
            "INSERT INTO entries (auction, line, who, purpose, tokens_in, tokens_out, seconds, price, reused)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (number, line, e.who, e.purpose, e.tokens_in, e.tokens_out, _finite(e.seconds), _finite(e.price), e.reused),
        )


# --- reading -----------------------------------------------------------------


def plans(db: apsw.Connection, number: int) -> list[PastPlan]:
    """Return the auction's plans, the lowest asking first."""
    found = select(db, "SELECT rank, agent, phase, plan, won FROM bids WHERE auction = ? ORDER BY rank", number)
    return [PastPlan(rank, agent, phase, text, bool(won)) for rank, agent, phase, text, won in found]


def outcomes(db: apsw.Connection, number: int) -> tuple[Outcome, ...]:
    """Return the outcomes of an auction in order. The last one counts; of each agent, its last one."""
    found = select(
        db,
        "SELECT agent, status, answer, verified, notes, steps, verdict FROM outcomes WHERE auction = ? ORDER BY number",
        number,
    )
    return tuple(
        Outcome(agent, status, answer, _flag(verified), tuple(json.loads(notes)), steps, _flag(verdict))
        for agent, status, answer, verified, notes, steps, verdict in found
    )


def newest_outcomes(db: apsw.Connection, number: int) -> dict[str, Outcome]:
    """Return each agent's newest outcome in this auction. Answers are left empty, because they may be long."""
    found = select(
        db, "SELECT agent, status, verified, verdict FROM outcomes WHERE auction = ? ORDER BY number", number
    )
    return {
        agent: Outcome(agent, status, "", _flag(verified), verdict=_flag(verdict))
        for agent, status, verified, verdict in found
    }


def award(db: apsw.Connection, number: int) -> Award:
    """Return the award as it was recorded, without lessons of auctions that were forgotten."""
    id_, text, domain, files, check, sat_out = one(
        db, 'SELECT id, text, domain, files, "check", sat_out FROM auctions WHERE number = ?', number
    )
    ranked: list[Scored] = []
    winner = provisional = None
    for agent, phase, price, plan, tokens, entropy, signals, scores, cost, value, unheard, led, won in select(
        db,
        "SELECT agent, phase, price, plan, tokens, entropy, signals, scores, cost, value, unheard, led, won"
        " FROM bids WHERE auction = ? ORDER BY rank",
        number,
    ):
        strategy = Strategy(plan, tokens, entropy, json.loads(signals))
        ranked.append(Scored(Bid(agent, price, strategy, json.loads(scores), phase), cost, value, unheard))
        winner = ranked[-1] if won else winner
        provisional = ranked[-1] if led else provisional
    if winner is None or provisional is None:
        raise Inconsistent(f"auction {id_!r} without a winner")
    return Award(
        Task(id_, text, domain, tuple(json.loads(files)), check),
        winner,
        provisional,
        tuple(ranked),
        json.loads(sat_out),
        _lessons(db, number),
    )


def entries(db: apsw.Connection, number: int) -> tuple[Entry, ...]:
    """Return the ledger entries of this auction."""
    found = select(
        db,
        "SELECT who, purpose, tokens_in, tokens_out, seconds, price, reused FROM entries"
        " WHERE auction = ? ORDER BY line",
        number,
    )
    return tuple(Entry(*row) for row in found)


def _lessons(db: apsw.Connection, number: int) -> dict[str, tuple[Lesson, ...]]:
    found: dict[str, tuple[Lesson, ...]] = {}
    for agent, *fields in select(
        db,
        "SELECT s.agent, a.id, a.text, w.plan, l.plan, w.agent, l.agent, s.similarity, s.outcome"
        " FROM lessons s JOIN auctions a ON a.number = s.past"
        " JOIN bids w ON w.auction = s.past AND w.rank = s.won"
        " JOIN bids l ON l.auction = s.past AND l.rank = s.lost"
        " WHERE s.auction = ? ORDER BY s.agent, s.place",
        number,
    ):
        found[agent] = (*found.get(agent, ()), Lesson(*fields))
    return found


# --- values ------------------------------------------------------------------


def _rank(award: Award, scored: Scored) -> int:
    if scored not in award.ranked:
        raise MemoryFault(f"auction {award.task.id!r}: the leading bid of {scored.bid.agent!r} is not ranked")
    return award.ranked.index(scored)


def _finite(number: float) -> float:
    if not math.isfinite(number):
        raise MemoryFault(f"the memory stores finite numbers only, not {number}")
    return float(number)


def _numbers(table: Mapping[str, float]) -> str:
    return _json({name: _finite(number) for name, number in table.items()})


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, default=str)


def _flag(value: int | None) -> bool | None:
    return None if value is None else bool(value)
