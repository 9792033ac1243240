"""`./scripts/bench work --data DIR`: agents that do the work, in code (`work_code`) and over documents (`work_docs`).

Everything measured is kept in a file beside the data's figures (`--out`), a line each, so that a bench that was
stopped goes on; `--limit N` takes the first N tasks of every set.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from edge_sale.bench.report import Figure
from edge_sale.errors import EdgeSaleError

HALVES = ("code", "docs")
PARTS = ("mbpp", "quixbugs", "loop", "bipia", *HALVES)


def measure(
    data: Path | None, runs: int, tell: Callable[[str], None], *, limit: int | None = None, out: Path | None = None,
    part: str = "",
) -> Iterator[Figure]:  # fmt: skip
    """Figures of every part that is there, or of `part` alone; `runs` is not used, seeds are fixed."""
    if data is None or not data.is_dir():
        raise EdgeSaleError("this bench needs task sets: ./scripts/bench work --data FOLDER")
    if part and part not in PARTS:
        raise EdgeSaleError(f"--part is one of {', '.join(PARTS)}, not {part!r}")
    for half in HALVES:
        module = f"edge_sale.bench.work_{half}"
        if find_spec(module) is None or part not in ("", half, *(PARTS[:4] if half == "code" else ())):
            continue
        inner = {"part": part} if half == "code" and part != "code" else {}
        yield from import_module(module).measure(data, runs, tell, limit=limit, out=out, **inner)
