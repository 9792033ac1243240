"""Bring a wheel with the ordinary package client: this Python's pip, or uv, or a pip on the PATH.

Its requests are its own, so the egress log has one line for all of them.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from edge_sale.download.http import Network, SourceFailed
from edge_sale.environment import child_environment

POLL_SECONDS = 0.2
PIP_OPTIONS = ("--disable-pip-version-check", "--no-input", "--progress-bar", "off", "--no-cache-dir")
WHEEL_ALONE = ("--no-deps", "--only-binary", ":all:")


def fetch(network: Network, requirement: str, scratch: Path, on_size: Callable[[int], None]) -> Path:
    """The folder in `scratch` that holds the wheel, or what uv unpacked of it.

    `on_size` is told every moment how many bytes lie in `scratch`, and may raise. Raises SourceFailed with the
    client's last words.
    """
    network.check_open()
    target = scratch / "got"
    command = _command(requirement, target)
    folder, output = str(scratch), scratch / "output"
    network.log("package index via pip", requirement, None)
    with output.open("wb") as out:
        # no shell; package and version come from a checked card
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            env=child_environment(TMPDIR=folder, TEMP=folder, TMP=folder),
        )
    try:
        while child.poll() is None:
            on_size(sum(_size(Path(at, name)) for at, _, names in os.walk(scratch) for name in names))
            time.sleep(POLL_SECONDS)
    finally:
        _stop(child)
    if child.returncode != 0:
        lines = output.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        raise SourceFailed(f"{Path(command[0]).name} ended with {child.returncode}: {_reason(lines)[:300]}")
    return target


def _command(requirement: str, target: Path) -> list[str]:
    pip = ["download", *PIP_OPTIONS, *WHEEL_ALONE, "-d", str(target), requirement]
    if importlib.util.find_spec("pip"):
        return [sys.executable, "-P", "-m", "pip", *pip]
    if uv := shutil.which("uv"):  # it has no download command, but installs to a folder
        install = ["pip", "install", "--python", sys.executable, "--no-cache", *WHEEL_ALONE]
        return [uv, *install, "--target", str(target), requirement]
    if found := shutil.which("pip3") or shutil.which("pip"):
        return [found, *pip]
    raise SourceFailed("there is neither pip nor uv to get it with")


def _reason(lines: list[str]) -> str:
    """The client's last error line. Where pip itself broke, that is a headline, and the last line has the cause."""
    errors = [line for line in lines if line.lower().startswith("error") and not line.endswith("Exception:")]
    return (errors or lines or ["it gave no reason"])[-1].strip()


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0


def _stop(child: subprocess.Popen[bytes]) -> None:
    """End the child if it still runs, and wait until it is gone."""
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(5)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
