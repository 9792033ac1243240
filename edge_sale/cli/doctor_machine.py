"""What `edge-sale doctor` checks of the machine: Python, llama.cpp, CPU, GPU, memory and disk."""

from __future__ import annotations

import json
import platform
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from edge_sale.environment import bare_environment
from edge_sale.hardware.processors import cpu_flags, processor
from edge_sale.settings import Settings

MIN_DISK = 5 << 30  # bytes, for a pool of small models
MIN_MEMORY = 1 << 30  # bytes: more than the starter pool needs
BUILD_INFO = (sys.executable, "-P", "-m", "edge_sale.llama.build_info")

FAST = {  # flag of the CPU -> llama.cpp's name for it, for the features that make small models fast
    "avx2": "AVX2",
    "avx512f": "AVX512",
    "avx512_vnni": "AVX512_VNNI",
    "avx_vnni": "AVX_VNNI",
    "amx_int8": "AMX_INT8",
    "asimddp": "DOTPROD",
    "i8mm": "MATMUL_INT8",
    "sve": "SVE",
}


@dataclass(frozen=True, slots=True)
class Check:
    """The result of one check. With state "poor" it works but could be better; with "bad" something does not work."""

    name: str
    state: Literal["ok", "poor", "bad"]
    found: str
    way_out: str = ""


def python(settings: Settings) -> list[Check]:
    """The Python that runs edge-sale."""
    found = f"{platform.python_version()} ({platform.machine()}, {platform.system()}), {sys.executable}"
    return [Check("python", "ok", found)]


def llama(settings: Settings) -> list[Check]:
    """llama.cpp's build, the CPU features that it uses, and the GPU."""
    build, why = build_info()
    if why:
        rebuild = "install llama-cpp-python anew, built on this machine: ./scripts/setup"
        return [Check("llama.cpp", "bad", why, rebuild)]
    used = [name for name, on in build["features"].items() if on]
    checks = [Check("llama.cpp", "ok", f"llama-cpp-python {build['version']}: {', '.join(used)}")]
    flags = cpu_flags()
    names = [name for flag, name in FAST.items() if flag in flags]
    unused = [name for name in names if not build["features"].get(name)]
    if unused:
        more = f"this build does not use {', '.join(unused)}: build it on this machine, ./scripts/setup with CMAKE_ARGS"
        checks.append(Check("cpu", "poor", f"{processor()}: {', '.join(names)}", more))
    else:
        checks.append(Check("cpu", "ok", f"{processor()}: {', '.join(names) or 'nothing special'}"))
    return [*checks, _gpu(build)]


def build_info(program: Sequence[str] = BUILD_INFO) -> tuple[dict[str, Any], str]:
    """What llama.cpp prints about its build in a child process, or the reason why it prints nothing."""
    try:
        done = subprocess.run(program, capture_output=True, text=True, timeout=60, env=bare_environment())
    except (OSError, subprocess.TimeoutExpired) as error:
        return {}, f"does not run: {error}"
    if done.returncode == 0:
        build: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return build, ""
    if done.returncode == -4:
        return {}, "was built for another CPU: it ends with an illegal instruction (SIGILL)"
    last = (done.stderr.strip().splitlines() or [f"it ends with {done.returncode}"])[-1]
    return {}, f"does not load: {last[:200]}"


def _gpu(build: dict[str, Any]) -> Check:
    from edge_sale.catalog.memory_fit import size

    if build["devices"]:
        found = [f"{name}, {size(free)} of {size(total)} free" for name, free, total in build["devices"]]
        return Check("gpu", "ok", "; ".join(found))
    cards = _nvidia_cards()
    if cards and not build["gpu"]:
        rebuild = "build llama.cpp for it: CMAKE_ARGS=-DGGML_CUDA=on ./scripts/setup"
        return Check("gpu", "poor", f"{cards}, not used", rebuild)
    return Check("gpu", "ok", f"{cards}, but llama.cpp sees none" if cards else "none: models run on the CPU")


def _nvidia_cards() -> str:
    """The names of NVIDIA cards as the driver's own program prints them; empty without it."""
    if not (program := shutil.which("nvidia-smi")):
        return ""
    command = [program, "--query-gpu=name", "--format=csv,noheader"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return ", ".join(done.stdout.split("\n")).strip(", ") if done.returncode == 0 else ""


def memory(settings: Settings) -> list[Check]:
    """Free memory, and what limits it."""
    from edge_sale.catalog.memory_fit import size
    from edge_sale.hardware.memory import free

    now = free(gpus=False)
    found = f"{size(now.ram)} of {size(now.total)} free ({now.limit})"
    if now.ram < MIN_MEMORY:
        return [Check("memory", "poor", found, "close other programs; see what fits: edge-sale models --fits")]
    return [Check("memory", "ok", found)]


def disk(settings: Settings) -> list[Check]:
    """Free disk space for models."""
    from edge_sale.catalog.memory_fit import size

    place = next(folder for folder in [settings.models_dir, *settings.models_dir.parents] if folder.exists())
    free = shutil.disk_usage(place).free
    found = f"{size(free)} free for {settings.models_dir}"
    if free < MIN_DISK:
        return [Check("disk", "poor", found, "models_dir in config.toml or EDGE_SALE_MODELS moves models elsewhere")]
    return [Check("disk", "ok", found)]
