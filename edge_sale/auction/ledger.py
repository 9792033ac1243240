"""What a run spent: a listener that collects the entries and adds them up."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from edge_sale.events import Event, Spent
from edge_sale.types import Entry

AUCTION = frozenset({"bid", "judge", "refine", "embed"})


@dataclass(frozen=True, slots=True)
class Sum:
    """Tokens read and written, seconds, and dollars at the agents' declared prices."""

    tokens_in: int = 0
    tokens_out: int = 0
    seconds: float = 0.0
    dollars: float = 0.0

    @property
    def tokens(self) -> int:
        return self.tokens_in + self.tokens_out


@dataclass(slots=True)
class Ledger:
    """Every entry of a run, in order."""

    entries: list[Entry] = field(default_factory=list)

    def __call__(self, event: Event) -> None:
        if isinstance(event, Spent):
            self.entries.append(event.entry)

    @property
    def auction(self) -> Sum:
        """What finding the winner cost: bids, judgements, refinements and embeddings."""
        return total(entry for entry in self.entries if entry.purpose in AUCTION)

    @property
    def work(self) -> Sum:
        """What the winner's work cost."""
        return total(entry for entry in self.entries if entry.purpose not in AUCTION)


def total(entries: Iterable[Entry]) -> Sum:
    """The entries' sum."""
    listed = list(entries)
    return Sum(
        sum(entry.tokens_in for entry in listed),
        sum(entry.tokens_out for entry in listed),
        sum(entry.seconds for entry in listed),
        sum(entry.dollars for entry in listed),
    )
