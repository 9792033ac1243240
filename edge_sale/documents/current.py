"""An index that is brought up to date when it is opened."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

from edge_sale.documents import indexes
from edge_sale.documents.indexing import Progress, Report, unheard, update, wanted_of
from edge_sale.documents.store import Library
from edge_sale.documents.walk import Wanted
from edge_sale.types import Embedder

Shown = Callable[[str], AbstractContextManager[Progress]]
"""Opens a display of progress under a name, such as a bar; it is closed when the index is up to date."""


def not_shown(name: str) -> AbstractContextManager[Progress]:
    """Progress that nobody looks at."""
    return nullcontext(unheard)


@contextmanager
def current_index(
    library_dir: Path, folder: Path, embedder: Embedder, *, wanted: Wanted | None = None, shown: Shown = not_shown
) -> Iterator[tuple[Library, Report]]:
    """The index of a folder, up to date, and what was done for that. Only one process updates it at a time.

    `wanted` says which files to index; without it, those that were wanted before. Raises LibraryFault.
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
