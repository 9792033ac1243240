"""`./scripts/bench work --data DIR`: agents that do the work, in code and over documents.

Parts: `mbpp` (work_mbpp), `quixbugs` (work_repairs), `loop` (work_loop) and `bipia` (work_attacks), together `code`;
and `docs` (work_docs). Answers and repairs are kept in a file (`--out`), so that a bench that was stopped goes on.
`--limit N` takes the first N tasks of every set.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks import work_attacks, work_docs, work_loop, work_mbpp, work_repairs
from benchmarks.work_setup import Tell, WorkSetup
from edge_sale.errors import EdgeSaleError
from edge_sale.evaluation.jsonl_store import KeyedStore
from edge_sale.evaluation.report import Figure

# part -> its module, and the folder of its set
CODE = {
    "mbpp": (work_mbpp, "mbpp_sanitized"),
    "quixbugs": (work_repairs, "quixbugs"),
    "loop": (work_loop, "quixbugs"),
    "bipia": (work_attacks, "bipia"),
}
PARTS = (*CODE, "code", "docs")


def measure(
    data: Path | None, runs: int, tell: Tell, *, limit: int | None = None, out: Path | None = None, part: str = ""
) -> Iterator[Figure]:
    """Figures of every part whose data is there, or of `part` alone. `runs` is not used, because seeds are fixed."""
    if data is None or not data.is_dir():
        raise EdgeSaleError("this bench needs task sets: ./scripts/bench work --data FOLDER")
    if part and part not in PARTS:
        raise EdgeSaleError(f"--part is one of {', '.join(PARTS)}, not {part!r}")
    wanted = [
        module for name, (module, folder) in CODE.items() if part in ("", "code", name) and (data / folder).is_dir()
    ]
    if part in CODE and not wanted:
        raise EdgeSaleError(f"{data / CODE[part][1]}: no such folder")
    with tempfile.TemporaryDirectory(prefix="edge-sale-bench-") as scratch:
        setup = WorkSetup(data, Path(scratch), KeyedStore(out), tell, limit) if wanted else None
        for module in wanted:
            assert setup is not None
            yield from module.measure(setup)
    if part in ("", "docs"):
        yield from work_docs.measure(data, runs, tell, limit=limit, out=out)
