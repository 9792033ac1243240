"""Prints what this build of llama.cpp can do. It is a program, because a build for another CPU crashes on loading.

    python -m edge_sale.llama.build_info

prints one JSON object: version, system, features (name -> in use), gpu (whether it can offload), devices.
"""

from __future__ import annotations

import json
import re
from importlib.metadata import version


def main() -> None:
    import llama_cpp.llama_cpp as lib

    from edge_sale.hardware.memory import devices

    lib.llama_backend_init()
    system = lib.llama_print_system_info().decode("utf-8", "replace")
    print(
        json.dumps(
            {
                "version": version("llama-cpp-python"),
                "system": " ".join(system.split()),
                "features": features(system),
                "gpu": bool(lib.llama_supports_gpu_offload()),
                "devices": [[gpu.name, gpu.free, gpu.total] for gpu in devices()],
            }
        )
    )


def features(system: str) -> dict[str, bool]:
    """The features of a line such as `CPU : SSE3 = 1 | AVX2 = 1 | REPACK = 1 |`."""
    return {name: value != "0" for name, value in re.findall(r"(\w+) = (\d+)", system)}


if __name__ == "__main__":
    main()
