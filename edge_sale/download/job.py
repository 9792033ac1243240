"""What the steps of one pull share: the card, the folders, the network, and whom to tell."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from edge_sale.catalog import installed, staging
from edge_sale.catalog.cards import FileSpec, ModelCard
from edge_sale.catalog.convert import Progress
from edge_sale.download import install
from edge_sale.download.http import Network, SourceFailed

Notice = Callable[[str], None]
"""Is told in one line what the user should know: a source that failed, a wait."""


@dataclass(frozen=True, slots=True)
class PullJob:
    """One pull of one model. Its files are made ready in `incoming`, and moved from there when all are right."""

    asked: ModelCard  # as the catalogue has it
    models_dir: Path
    network: Network
    progress: Progress
    notice: Notice
    stop: threading.Event = field(default_factory=threading.Event)

    @property
    def card(self) -> ModelCard:
        """The card, with the sha256s that earlier pulls recorded."""
        return installed.pinned(self.asked, self.models_dir)

    @property
    def incoming(self) -> Path:
        return self.models_dir / ".incoming" / self.asked.name

    def missing(self) -> list[FileSpec]:
        """The card's files that are not in `incoming` yet, whole and verified."""

        def whole(spec: FileSpec) -> bool:
            file = self.incoming / spec.name
            return file.is_file() and not install.mismatch(file, spec, self.progress)

        return [spec for spec in self.card.files if not whole(spec)]

    def check_room(self, fetched: int) -> None:
        """Raise SourceFailed where the disk lacks room for `fetched` bytes, what is made of them, and a margin."""
        made = self.asked.bytes if self.asked.make else 0
        if why := staging.lacks_room(self.incoming, fetched + made):
            raise SourceFailed(why)

    def keep(self, fetched: Path, spec: FileSpec) -> str:
        """Verify a fetched file and move it to its name, or remove it and return what is wrong with it.

        A sha256 that the card lacks is recorded.
        """
        why = install.keep_if_right(fetched, self.incoming / spec.name, spec, self.progress)
        if not why:
            installed.record_pin(self.asked, spec, self.models_dir)
        return why
