"""The result of a task: what `run` returns in Python and what `--json` prints. Its JSON schema is shipped with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from edge_sale.auction.hold import reason
from edge_sale.auction.ledger import Sum, total
from edge_sale.auction.market import Sale
from edge_sale.events import Changed, plain
from edge_sale.types import Bid, Citation, Lesson, Scored, Status, Task

SCHEMA = "result.schema.json"


@dataclass(frozen=True, slots=True)
class RankedBid:
    """A bid with its cost C, value V and asking price C - V; the least asking price wins.

    `unheard` and `risk` are what jurors who were not asked could have added to V or taken from it.
    """

    bid: Bid
    cost: float
    value: float
    unheard: float
    risk: float
    asking: float
    won: bool


@dataclass(frozen=True, slots=True)
class Cost:
    """What the auction took (bids, judging, refinement, embeddings) and what the work took."""

    auction: Sum
    work: Sum

    @property
    def dollars(self) -> float:
        """US dollars at the agents' declared prices."""
        return self.auction.dollars + self.work.dollars


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a task. `answer` and `status` are None where only the auction was held.

    `done_by` is the winner, or the fallback where the local bids lost. `bids` stand by rising asking price.
    With a repository `answer` is the patch, `files` the changed files, and `applied` the id for undo.
    """

    id: str
    task: Task
    winner: str
    reason: str
    answer: str | None
    status: Status | None
    verified: bool | None
    done_by: str | None
    citations: tuple[Citation, ...]
    notes: tuple[str, ...]
    recorded: bool
    bids: tuple[RankedBid, ...]
    sat_out: Mapping[str, str]
    lessons: Mapping[str, tuple[Lesson, ...]]
    fallback: Mapping[str, Any] | None
    cost: Cost
    usage: Sum
    run: Mapping[str, Any]
    files: tuple[str, ...] | None = None
    applied: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, as `--json` prints them. `files` and `applied` are left out without a repository."""
        document: dict[str, Any] = plain(self)
        if self.files is None:
            del document["files"], document["applied"]
        return document


def result_of(sale: Sale, notes: Sequence[str] | None = None, changed: Changed | None = None) -> Result:
    """The result of a sale. `notes` are those of the whole run; without them, the outcome's."""
    award, outcome, ledger = sale.award, sale.outcome, sale.ledger
    return Result(
        id=award.task.id,
        task=award.task,
        winner=award.winner.bid.agent,
        reason=reason(award),
        answer=outcome.answer if outcome else None,
        status=outcome.status if outcome else None,
        verified=outcome.verified if outcome else None,
        done_by=outcome.agent if outcome else None,
        citations=outcome.citations if outcome else (),
        notes=tuple(notes if notes is not None else outcome.notes if outcome else ()),
        recorded=sale.recorded,
        bids=tuple(_ranked(scored, scored == award.winner) for scored in award.ranked),
        sat_out=award.sat_out,
        lessons=award.lessons,
        fallback=sale.run.get("fallback"),
        cost=Cost(_rounded(ledger.auction), _rounded(ledger.work)),
        usage=_rounded(total(ledger.entries)),
        run=sale.run,
        files=changed.files if changed else None,
        applied=(changed.applied or None) if changed else None,
    )


def schema() -> dict[str, Any]:
    """The JSON schema of a result, as it is shipped."""
    import json

    found: dict[str, Any] = json.loads((files("edge_sale") / "schemas" / SCHEMA).read_text("utf-8"))
    return found


def _ranked(scored: Scored, won: bool) -> RankedBid:
    return RankedBid(scored.bid, scored.cost, scored.value, scored.unheard, scored.risk, scored.asking, won)


def _rounded(spent: Sum) -> Sum:
    return Sum(spent.tokens_in, spent.tokens_out, round(spent.seconds, 4), spent.dollars)
