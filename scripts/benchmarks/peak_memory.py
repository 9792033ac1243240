"""The peak memory of one auction, in a process of its own: `python -m benchmarks.peak_memory`.

The process reads its own peak, because measured from outside it would include what its parent held at the fork.
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

    The keys are `start` (Python and llama.cpp alone), `loaded` (with the weights), `end` and `peak`; and `tokens`,
    the number of tokens that the largest batch held in all its sequences. Raises EngineError.
    """
    command = [sys.executable, "-m", "benchmarks.peak_memory"]
    done = subprocess.run(command, capture_output=True, text=True)  # our own program
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise EngineError(f"the process whose memory is measured ended with {done.returncode}: {last}")
    found: Mapping[str, int] = json.loads(done.stdout)
    return found


def one_auction() -> dict[str, int]:
    """Load the starter's model, hold an auction, and return the memory that it took in this process."""
    import llama_cpp  # noqa: F401  # part of `start`: every user of llama.cpp pays for it

    from benchmarks import engine_pool
    from edge_sale.auction.hold import hold
    from edge_sale.auction.scheduler import Scheduler

    start = resident()
    model = engine_pool.starter()
    engine = engine_pool.RecordingEngine(engine_pool.new_engine(model))
    loaded = resident()
    agents = engine_pool.agents()
    scheduler = Scheduler({model.name: engine}, agents={agent.name: agent for agent in agents})
    hold(engine_pool.task(0), agents, scheduler, engine_pool.weights(), engine_pool.FixedMemory())
    return {"start": start, "loaded": loaded, "end": resident(), "peak": peak(), "tokens": engine.tokens}


def resident() -> int:
    """Resident bytes now; 0 on systems that do not tell."""
    return _status("VmRSS:") or 0


def peak() -> int:
    """The most resident bytes that this process has had."""
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
