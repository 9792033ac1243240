"""Open an index and bring it up to date."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

from edge_sale.documents import indexes
from edge_sale.documents.indexing import Progress, Report, no_progress, update, wanted_of
from edge_sale.documents.store import Library
from edge_sale.documents.walk import Wanted
from edge_sale.protocols import Embedder

Shown = Callable[[str], AbstractContextManager[Progress]]
"""Opens a display of progress, such as a bar, under a name. It is closed when the index is up to date."""


def not_shown(name: str) -> AbstractContextManager[Progress]:
    """Show no progress."""
    return nullcontext(no_progress)


@contextmanager
def current_index(
    library_dir: Path, folder: Path, embedder: Embedder, *, wanted: Wanted | None = None, shown: Shown = not_shown
) -> Iterator[tuple[Library, Report]]:
    """Open the index of a folder, bring it up to date, and report what was done. One process updates it at a time.

    `wanted` says which files to index; by default the same as last time. Raises LibraryFault.
    """
    file = indexes.index_file(library_dir, folder)
    with indexes.locked(file):
        library = Library.open(file, folder, embedder)
        try:
            with shown(str(folder)) as progress:
                report = update(library, wanted or wanted_of(library), progress)
        except BaseException:
            library.close()
            raise
    with library:
        yield library, report
