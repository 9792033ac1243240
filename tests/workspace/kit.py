"""Repositories and workspaces for tests of tools: real files, real git, a real private copy."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from edge_sale.sandbox.command import command_level
from edge_sale.workspace.private_copy import private_copy
from edge_sale.workspace.tools import WorkingCopy

wrapped = pytest.mark.skipif(command_level().startswith("missing"), reason=f"sandbox {command_level()}")


# What makes permissions hold for root as they do for anybody else; None: nothing here does.
AS_OWNER = (
    []
    if os.geteuid()
    else ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]
    if shutil.which("setpriv")
    else None
)
ALL = """
import os
from pathlib import Path
from edge_sale.agents.steps import act
from edge_sale.workspace import private_copy as copy, undo_log
from edge_sale.workspace.tool_calls import Call
from tests.workspace.kit import repository, run_git, tree, working_copy
here = Path({here!r})
"""


def as_owner(here: Path, code: str) -> str:
    """What this code prints as a process that file permissions hold for, with `here` and the tools at hand."""
    assert AS_OWNER is not None
    command = [*AS_OWNER, sys.executable, "-c", ALL.format(here=str(here)) + textwrap.dedent(code)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert done.returncode == 0, done.stderr
    return done.stdout


def repository(root: Path, *, git: bool = True, **files: str) -> Path:
    """A folder with these files (`__` in a name is a dot, `___` a slash), all committed where there is git."""
    root.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        file = root / name.replace("___", "/").replace("__", ".")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    if git:
        run_git(root, "init", "-q")
        run_git(root, "add", "-A")
        run_git(root, "commit", "-q", "-m", "first", "--allow-empty")
    return root


def run_git(root: Path, *words: str) -> str:
    who = ["-c", "user.name=t", "-c", "user.email=t@t"]
    done = subprocess.run(["git", "-C", str(root), *who, *words], capture_output=True, text=True, check=True)
    return done.stdout


def working_copy(root: Path, scratch: Path, *, mode: str = "auto", allow: tuple[str, ...] = ()) -> WorkingCopy:
    return WorkingCopy(private_copy(root, scratch, allow), mode, seconds=10, path=os.environ["PATH"])


def tree(root: Path) -> dict[str, bytes]:
    """Every plain file below a folder with its content, git's own left out."""
    return {
        str(file.relative_to(root)): file.read_bytes()
        for file in sorted(root.rglob("*"))
        if file.is_file() and not file.is_symlink() and ".git" not in file.relative_to(root).parts
    }
