"""Names that earlier versions wrote into users' files, and what they are called now.

Whoever reads such a file replaces the old names with `renamed`, `event` or `run` and goes on with the new ones.
For a file that the user writes, `tell` says so; files that edge-sale writes for itself are read without a word. It
warns instead of printing: the command line shows each warning as one line on stderr, and a program that uses
edge_sale as a library filters it like any other warning.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

OldNames = Mapping[str, str]  # old name -> name of today

# config.toml and the command line
AUCTION = {"carry": "extra_signals"}  # keys of [auction]
BIDS = {"reserve": "fallback"}  # values of [remotes.NAME] bids
POOLS = {"home": "mixed"}
WEIGHTS = {"home-1": "mixed-1"}  # names of weights files
ENGINE_GONE = ("lookup",)  # keys of [engine] that are read and do nothing

# weights files, and the weights that `edge-sale fit` keeps
WEIGHTS_KEYS = {"floor": "reserve_price"}

# what a market says of itself, in memory, in its exports and in the event that opens a trace
RUN = {"reserve_of": "fallback_of", "reserve": "fallback"}

# traces: the event's name -> its fields
EVENTS = {"refused": {"floor": "reserve_price"}, "weighed": {"reserve": "fallback"}}

# what is told of a trace, an export or a memory file with such names
OLD_RECORDS = (
    "written by an earlier version; its names reserve, floor and home are read as fallback, reserve_price and mixed"
)


class OldName(FutureWarning):
    """A file or an option uses a name of an earlier version; the message has both names."""


def renamed(mapping: Mapping[str, Any], names: OldNames) -> dict[str, Any]:
    """A copy with new names for old keys, in the same order.

    An old key stays where the new one is there too: the reader then treats it as any other unknown key.
    """
    return {names[key] if key in names and names[key] not in mapping else key: value for key, value in mapping.items()}


def event(written: Mapping[str, Any]) -> dict[str, Any]:
    """One event of a trace (see `events.to_json`) under the names of today."""
    found = renamed(written, EVENTS.get(str(written.get("event")), {}))
    if isinstance(found.get("run"), Mapping):
        found["run"] = run(found["run"])
    return found


def run(written: Mapping[str, Any]) -> dict[str, Any]:
    """What a recorded auction says of its market (`Auction.run`) under the names of today."""
    found = renamed(written, RUN)
    if isinstance(found.get("pool"), str):
        found["pool"] = POOLS.get(found["pool"], found["pool"])
    if isinstance(found.get("fallback"), Mapping):  # the event that weighed local bids against the fallback
        found["fallback"] = renamed(found["fallback"], EVENTS["weighed"])
    return found


def pool_name(name: str, where: object) -> str:
    """The name of today of a pool that an option or an argument gives; told if it is an old one."""
    if name in POOLS:
        tell(where, repr(name), repr(POOLS[name]))
    return POOLS.get(name, name)


def weights_name(name: str, where: object) -> str:
    """The name of today of a weights file that an option gives; told if it is an old one."""
    if name in WEIGHTS:
        tell(where, repr(name), repr(WEIGHTS[name]))
    return WEIGHTS.get(name, name)


def tell(where: object, old: str, new: str = "") -> None:
    """Warn that `where`, a file with a line or an option, uses `old`, which is called `new` now.

    Without `new` the old name does nothing any more.
    """
    what = f"is called {new} now; the old name still works" if new else "does nothing any more; you can take it out"
    warnings.warn(OldName(f"{where}: {old} {what}"), stacklevel=2)
