"""Passes the events of a market on to everyone who listens."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from edge_sale.events import Event, Listener


class EventBus:
    """Passes each event to the listeners of that moment.

    The parts of a market get the bus when they are made. Listeners may come and go from task to task.
    """

    def __init__(self, *listeners: Listener) -> None:
        self._listeners = list(listeners)

    def __call__(self, event: Event) -> None:
        for listener in tuple(self._listeners):
            listener(event)

    @contextmanager
    def heard_by(self, listener: Listener) -> Iterator[None]:
        """Pass every event inside the block to `listener` too."""
        self._listeners.append(listener)
        try:
            yield
        finally:
            self._listeners.remove(listener)
