"""Models loaded on demand within a memory budget; the least recently used is closed first.

Two names of one file share what is loaded. One thread at a time may use a `LoadedModels`: the model that it got last
stays loaded until it gets another.
"""

from __future__ import annotations

import dataclasses
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from edge_sale.catalog import memory_fit
from edge_sale.errors import NoRoom

E = TypeVar("E")  # an engine or an embedder: it has a close()


@dataclass(frozen=True, slots=True)
class Loadable(Generic[E]):
    """A model that can be loaded from `file`. `bytes` is the memory it will take (see memory_fit.need)."""

    file: Path
    bytes: int
    load: Callable[[], E]


class LoadedModels(Mapping[str, E]):
    """Loaded models by name. `budget` is the most bytes that all of them may take together; None: no limit."""

    def __init__(self, models: Mapping[str, Loadable[E]], budget: int | None = None) -> None:
        self._models = {name: dataclasses.replace(m, file=m.file.resolve()) for name, m in models.items()}
        self._loaded: OrderedDict[Path, tuple[E, int]] = OrderedDict()
        self.budget = budget

    def __getitem__(self, name: str) -> E:
        """The model, which is loaded now if it is not yet. Raises KeyError, NoRoom, and what loading raises."""
        wanted = self._models[name]
        if wanted.file not in self._loaded:
            self._make_room(name, wanted.bytes)
            self._loaded[wanted.file] = (wanted.load(), wanted.bytes)
        self._loaded.move_to_end(wanted.file)
        return self._loaded[wanted.file][0]

    def __iter__(self) -> Iterator[str]:
        return iter(self._models)

    def __len__(self) -> int:
        return len(self._models)

    @property
    def held(self) -> int:
        """Bytes that the loaded models take, as counted against the budget."""
        return sum(size for _, size in self._loaded.values())

    @property
    def loaded(self) -> list[str]:
        """Names of the models that are loaded, the least recently used file first."""
        return [name for file in self._loaded for name, model in self._models.items() if model.file == file]

    def close(self) -> None:
        """Close every model. They are loaded again when they are used again."""
        while self._loaded:
            self._close_oldest()

    def _make_room(self, name: str, wanted: int) -> None:
        if self.budget is None:
            return
        if wanted > self.budget:
            raise NoRoom(
                f"model {name!r} needs {memory_fit.size(wanted)}, the budget is {memory_fit.size(self.budget)}; "
                "a smaller model or context, or memory_gb in config.toml"
            )
        while self._loaded and self.held + wanted > self.budget:
            self._close_oldest()

    def _close_oldest(self) -> None:
        oldest: Any = self._loaded.popitem(last=False)[1][0]
        oldest.close()
