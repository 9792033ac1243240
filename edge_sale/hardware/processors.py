"""The processors of this machine, and how many of them this process may use."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable
from pathlib import Path

from edge_sale.hardware.cgroups import CGROUPS, OWN, control_groups

_TOPOLOGY = Path("/sys/devices/system/cpu")
_CPUINFO = Path("/proc/cpuinfo")


def cores() -> int:
    """How many cores llama.cpp should use: physical ones that this process may run on, within a container's quota.

    Two hyperthreads of a core share its arithmetic units, so a second thread there would wait for the first.
    """
    affinity = getattr(os, "sched_getaffinity", None)  # not on macOS and Windows
    allowed = set(affinity(0)) if affinity else set(range(os.cpu_count() or 1))
    count = physical(allowed)
    granted = quota()
    # rounded down: with a quota of 1.5 a second thread would have to wait
    return count if granted is None else min(count, max(1, int(granted)))


def quota(root: Path = CGROUPS, own: Path = OWN) -> float | None:
    """How many processors the tightest control group around this process grants; None if none sets a limit."""
    found = []
    for folder, is_v1 in control_groups("cpu", root, own):
        try:
            if is_v1:
                most, period = ((folder / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period"))
            else:
                most, period = (folder / "cpu.max").read_text().split()
            if most != "max" and int(most) > 0:
                found.append(int(most) / int(period))
        except (OSError, ValueError):
            pass
    return min(found, default=None)


def physical(cpus: Iterable[int], topology: Path = _TOPOLOGY) -> int:
    """How many different cores the logical processors `cpus` are on; each counts where the system does not say."""
    cores = set()
    for cpu in cpus:
        try:
            cores.add((topology / f"cpu{cpu}/topology/thread_siblings_list").read_text().strip())
        except OSError:
            cores.add(str(cpu))
    return max(1, len(cores))


def processor() -> str:
    """The processor's name as the system gives it."""
    try:
        for line in _CPUINFO.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def cpu_flags(file: Path = _CPUINFO) -> set[str]:
    """The CPU's features as Linux names them; empty on other systems."""
    try:
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return set()
    return {flag for line in lines if line.lower().startswith(("flags", "features")) for flag in line.split()[2:]}
