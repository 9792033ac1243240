"""git's configuration as a command in the sandbox may read it: without what logs in anywhere."""

from __future__ import annotations

import re
from pathlib import Path

HARMLESS_SECTIONS = (  # that commands may read
    "core",
    "extensions",
    "init",
    "user",
    "remote",
    "branch",
    "submodule",
    "diff",
    "merge",
    "color",
    "push",
    "pull",
    "lfs",
    "gc",
    "index",
    "status",
    "log",
    "commit",
    "fetch",
    "rebase",
    "format",
)


def config_files(git: Path) -> list[Path]:
    """The configuration files below `.git`, which may hold passwords: of the repository, worktrees and submodules."""
    found = [git / "config", git / "config.worktree"]
    for folder, name in (("modules", "config"), ("modules", "config.worktree"), ("worktrees", "config.worktree")):
        found += sorted((git / folder).rglob(name))
    return [file for file in found if file.is_file() and not file.is_symlink()]


def without_passwords(config: str) -> str:
    """A git configuration without what logs in anywhere.

    Kept are the sections in HARMLESS_SECTIONS, without headers, helpers and the like, and without the names and
    passwords in addresses.
    """
    private_keys = r"(.*\])?\s*(extraheader|helper|\w*pass\w*|\w*token|cookiefile|sslkey|sslcert|proxy)\b"
    private, kept, harmless = re.compile(private_keys, re.IGNORECASE), list[str](), False
    for line in config.splitlines():
        if found := re.match(r"\s*\[\s*([\w.-]+)", line):
            harmless = found[1].partition(".")[0].lower() in HARMLESS_SECTIONS
        if harmless and not private.match(line):
            kept.append(line)
    return re.sub(r"://[^/@\s]+@", "://", "\n".join(kept) + "\n")
