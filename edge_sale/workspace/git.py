"""Ask git about a repository, without running anything that its configuration names."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from edge_sale.environment import child_environment
from edge_sale.errors import TaskError

SECONDS = 120  # for one answer of git


def in_repository(root: Path) -> bool:
    """Return whether a folder belongs to a git repository that does not ignore all of it. Raises TaskError."""
    if shutil.which("git") is None or not any((folder / ".git").exists() for folder in (root, *root.parents)):
        return False
    return (root / ".git").exists() or run_git(root, "check-ignore", "-q", ".").returncode != 0


def run_git(root: Path, *words: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Run git on a repository that may come from a stranger, without running what its configuration names.

    Inside a git hook, git's environment variables name another repository. So only those that hold the user's
    configuration are passed on. Raises TaskError if git does not answer in time.
    """
    safe = ["-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "core.untrackedCache=false"]
    command = ["git", "-C", str(root), *safe, *words]
    given = child_environment().items()
    environment = {name: value for name, value in given if not name.startswith("GIT_") or "GIT_CONFIG_" in name}
    try:
        return subprocess.run(command, input=stdin, capture_output=True, timeout=SECONDS, env=environment)
    except subprocess.TimeoutExpired:
        raise TaskError(f"{root}: git did not answer within {SECONDS} s; give a folder below it with --repo") from None
