"""The Linux control groups around this process, which limit what a container may use."""

from __future__ import annotations

from pathlib import Path

CGROUPS, OWN = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")


def control_groups(controller: str, root: Path = CGROUPS, own: Path = OWN) -> list[tuple[Path, bool]]:
    """The folders of this process's control group and of those around it, innermost first.

    Each comes with whether it is of cgroup v1, which keeps a tree for each `controller`, such as cpu or memory.
    """
    try:
        lines = [line.split(":", 2) for line in own.read_text(encoding="ascii").splitlines()]
    except (OSError, UnicodeDecodeError):
        return []
    groups = []
    for _, controllers, path in (line for line in lines if len(line) == 3):
        if controllers and controller not in controllers.split(","):
            continue
        base = root / controller if controllers else root
        inner = base / path.lstrip("/")
        # inside a container the path may be the host's; then only the root exists, and it is the container's own group
        groups += [(folder, bool(controllers)) for folder in (inner, *inner.parents) if folder.is_relative_to(base)]
    return groups
