"""The processors that this process may use."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable
from pathlib import Path

CGROUPS, OWN = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")
_TOPOLOGY = Path("/sys/devices/system/cpu")


def cores() -> int:
    """Cores for llama.cpp: physical ones that this process may run on, within a container's quota.

    Two hyperthreads of a core share its arithmetic units: a second thread there waits for the first.
    """
    affinity = getattr(os, "sched_getaffinity", None)  # not on macOS and Windows
    allowed = set(affinity(0)) if affinity else set(range(os.cpu_count() or 1))
    count = physical(allowed)
    granted = quota()
    return count if granted is None else min(count, max(1, int(granted)))  # of 1.5 a second thread would have to wait


def quota(root: Path = CGROUPS, own: Path = OWN) -> float | None:
    """Processors that the tightest control group around this process grants; None where none limits it."""
    found = []
    for folder, older in control_groups("cpu", root, own):
        try:
            if older:
                most, period = ((folder / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period"))
            else:
                most, period = (folder / "cpu.max").read_text().split()
            if most != "max" and int(most) > 0:
                found.append(int(most) / int(period))
        except (OSError, ValueError):
            pass
    return min(found, default=None)


def control_groups(kind: str, root: Path = CGROUPS, own: Path = OWN) -> list[tuple[Path, bool]]:
    """The folders of this process's control group and of those around it, innermost first; True for cgroup v1.

    `kind` is a controller such as cpu or memory: v1 keeps a tree for each.
    """
    try:
        lines = [line.split(":", 2) for line in own.read_text(encoding="ascii").splitlines()]
    except (OSError, UnicodeDecodeError):
        return []
    groups = []
    for _, controllers, path in (line for line in lines if len(line) == 3):
        if controllers and kind not in controllers.split(","):
            continue
        base = root / kind if controllers else root
        inner = base / path.lstrip("/")
        # inside a container the path may be the host's: then only the root is there, which is our own
        groups += [(folder, bool(controllers)) for folder in (inner, *inner.parents) if folder.is_relative_to(base)]
    return groups


def physical(cpus: Iterable[int], topology: Path = _TOPOLOGY) -> int:
    """How many different cores the logical processors `cpus` are on; each its own where nobody says."""
    cores = set()
    for cpu in cpus:
        try:
            cores.add((topology / f"cpu{cpu}/topology/thread_siblings_list").read_text().strip())
        except OSError:
            cores.add(str(cpu))
    return max(1, len(cores))


def processor() -> str:
    """The processor's name as the system tells it."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
