"""Peak memory of one auction in a process of its own: `python -m benchmarks.peak_memory`.

The peak is read inside that process: what its parent held when it forked would count otherwise.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from edge_sale.errors import EngineError

STATUS = Path("/proc/self/status")


def measured() -> Mapping[str, int]:
    """What a fresh process held for one auction of three agents, in bytes.

    `start` with Python and llama.cpp alone, `loaded` with the weights too, `end`, and `peak`; and `tokens`, how
    many the largest batch had in all its sequences together.
    """
    command = [sys.executable, "-m", "benchmarks.peak_memory"]
    done = subprocess.run(command, capture_output=True, text=True)  # our own program
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise EngineError(f"the process whose memory is measured ended with {done.returncode}: {last}")
    found: Mapping[str, int] = json.loads(done.stdout)
    return found


def one_auction() -> dict[str, int]:
    """Loads the starter's model, holds an auction, and says what memory that took in this process."""
    import llama_cpp  # noqa: F401  # what a user of llama.cpp pays before any model

    from benchmarks import engine_pool
    from edge_sale.auction.hold import hold
    from edge_sale.auction.scheduler import Scheduler

    start = resident()
    model = engine_pool.starter()
    engine = engine_pool.Watched(engine_pool.new_engine(model))
    loaded = resident()
    agents = engine_pool.agents()
    scheduler = Scheduler({model.name: engine}, agents={agent.name: agent for agent in agents})
    hold(engine_pool.task(0), agents, scheduler, engine_pool.weights(), engine_pool.Remembered())
    return {"start": start, "loaded": loaded, "end": resident(), "peak": peak(), "tokens": engine.tokens}


def resident() -> int:
    """Bytes resident at the moment; 0 where the system does not tell."""
    return _status("VmRSS:") or 0


def peak() -> int:
    """The most bytes that this process had resident at once."""
    scale = 1 if sys.platform == "darwin" else 1024  # bytes there, kilobytes elsewhere
    return _status("VmHWM:") or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale


def _status(name: str) -> int | None:
    try:
        lines = STATUS.read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(name)), None)


if __name__ == "__main__":
    print(json.dumps(one_auction()))
