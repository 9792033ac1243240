"""How much memory is free, in bytes: of this machine, of the container around this process, and of the GPUs.

What GPUs there are is known to llama.cpp, which takes a quarter of a second to import.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from edge_sale.hardware.cgroups import CGROUPS, OWN, control_groups

UNLIMITED = 1 << 60  # cgroup v1 writes "no limit" as a number near 2**63


@dataclass(frozen=True, slots=True)
class Gpu:
    """A device on which llama.cpp can keep layers. The memory of an integrated GPU is part of the machine's."""

    name: str
    free: int
    total: int


@dataclass(frozen=True, slots=True)
class Free:
    """Free memory: `ram` can be used without swapping, `limit` names what limits it, `total` is the machine's."""

    ram: int
    total: int
    limit: str
    gpus: tuple[Gpu, ...] = ()


def free(gpus: bool = True) -> Free:
    """What is free now. Swap does not count, because a model in swap freezes the machine."""
    import psutil

    memory = psutil.virtual_memory()
    ram, limit = int(memory.available), "memory of this machine"
    if (left := cgroup_left()) is not None and left < ram:
        ram, limit = left, "memory limit of this container (cgroup)"
    return Free(ram, int(memory.total), limit, devices() if gpus else ())


def cgroup_left(root: Path = CGROUPS, own: Path = OWN) -> int | None:
    """The bytes that the tightest control group around this process leaves free; None if none sets a limit.

    Inactive file pages count as free, because the kernel reclaims them before it kills a process.
    """
    found = [_left(folder, *(V1 if is_v1 else V2)) for folder, is_v1 in control_groups("memory", root, own)]
    return min((left for left in found if left is not None), default=None)


# files of the limit and of what is used, and the key of inactive file pages in memory.stat
V2 = ("memory.max", "memory.current", "inactive_file")
V1 = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")


def _left(folder: Path, limit: str, used: str, inactive: str) -> int | None:
    try:
        most = (folder / limit).read_text(encoding="ascii").strip()
        if most == "max" or int(most) >= UNLIMITED:
            return None
        stat = dict(line.split() for line in (folder / "memory.stat").read_text(encoding="ascii").splitlines())
        taken = int((folder / used).read_text(encoding="ascii")) - int(stat.get(inactive, 0))
        return max(0, int(most) - max(0, taken))
    except (OSError, ValueError):
        return None


def devices() -> tuple[Gpu, ...]:
    """The GPUs that this build of llama.cpp sees, with their memory; none if it cannot use any."""
    if find_spec("llama_cpp") is None:
        return ()
    import llama_cpp.llama_cpp as lib

    if not lib.llama_supports_gpu_offload():
        return ()
    return _devices()


GPU_TYPES = (1, 2)  # GGML_BACKEND_DEVICE_TYPE_GPU and _IGPU


def _devices() -> tuple[Gpu, ...]:
    from llama_cpp._ggml import libggml

    count, get = libggml.ggml_backend_dev_count, libggml.ggml_backend_dev_get
    count.restype, get.restype, get.argtypes = ctypes.c_size_t, ctypes.c_void_p, [ctypes.c_size_t]
    kind, name, memory = (getattr(libggml, f"ggml_backend_dev_{what}") for what in ("type", "description", "memory"))
    kind.argtypes = name.argtypes = [ctypes.c_void_p]
    name.restype = ctypes.c_char_p
    memory.argtypes = [ctypes.c_void_p, ctypes.POINTER(ctypes.c_size_t), ctypes.POINTER(ctypes.c_size_t)]
    found = []
    for place in range(count()):
        device = get(place)
        if kind(device) in GPU_TYPES:
            left, total = ctypes.c_size_t(), ctypes.c_size_t()
            memory(device, ctypes.byref(left), ctypes.byref(total))
            found.append(Gpu(name(device).decode("utf-8", "replace"), left.value, total.value))
    return tuple(found)
