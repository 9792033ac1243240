"""Trial loads: a model is loaded first in a child process, so that a file which crashes llama.cpp cannot crash us.

A good verdict is kept under the file's sha256 and the library's version, so that each file is tried once. Where
bubblewrap works, the child has no network and can write nowhere. Covered: crashes, hangs, refusals, numbers that are
not finite. Not covered: a file that behaves well in the child and badly here.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from edge_sale.environment import bare_environment
from edge_sale.errors import BadModelFile

VERSION = 1  # of the trial; raised when it tries more
START = 60.0  # seconds for the process and the library to start
PACE = 20e6  # bytes a second: the slowest disk that the time limit allows for

LOAD_PROBE = (sys.executable, "-P", "-m", "edge_sale.llama.load_probe")


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of a trial load: `seconds` to load the weights, `peak` resident bytes of the process."""

    ok: bool
    why: str = ""
    seconds: float = 0.0
    peak: int = 0
    library: str = ""
    version: int = VERSION


def loadable(file: Path, sha256: str, models_dir: Path, command: str = "") -> Verdict:
    """The verdict on a file whose sha256 the caller has verified. It is kept, so the next call is free.

    Raises BadModelFile with what happened in the child, and `command` as the way out.
    """
    if kept := read(sha256, models_dir):
        return kept
    verdict = tried(file)
    if not verdict.ok:
        way_out = f"; pull it again: {command}" if command else "; get another copy of it, or another model"
        raise BadModelFile(f"{file}: {verdict.why} in a child process, so it is not loaded here{way_out}")
    _keep(verdict, sha256, models_dir)
    return verdict


def read(sha256: str, models_dir: Path) -> Verdict | None:
    """The verdict that is kept for this file and this library, if any. Only good verdicts are kept."""
    try:
        verdict = Verdict(**json.loads(_place(sha256, models_dir).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    return verdict if verdict.ok and (verdict.library, verdict.version) == (library(), VERSION) else None


def tried(file: Path, program: Sequence[str] = LOAD_PROBE) -> Verdict:
    """Run a trial load to its end or to its time limit."""
    said, why = run(file, program=program)
    if why:
        return Verdict(False, why, library=library())
    return Verdict(True, "", float(said.get("seconds", 0)), int(said.get("peak", 0)), library())


def run(
    file: Path, *arguments: str, program: Sequence[str] = LOAD_PROBE, seconds: float | None = None
) -> tuple[dict[str, Any], str]:
    """What the load probe found in the file, and why it did not finish (empty where it did)."""
    limit = seconds or START + file.stat().st_size / PACE
    command = [*_wrap(), *program, str(file.resolve()), *arguments]
    child = subprocess.Popen(  # our own program; the file's name is one argument
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=bare_environment(),
        text=True,
        errors="replace",
    )
    try:
        out, _ = child.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        return {}, f"loading it took more than {limit:.0f} s"
    finally:
        child.kill()
        child.communicate()
    return _result(out, child.returncode)


def _result(out: str, code: int) -> tuple[dict[str, Any], str]:
    said: dict[str, Any] = {}
    for line in out.splitlines():
        try:
            said = json.loads(line)
        except ValueError:
            continue
    stage = said.get("stage", "starting")
    if said.get("ok"):
        return said, ""
    if why := said.get("why"):
        return said, str(why)
    number = -code if code < 0 else code - 128
    try:
        ended = f"by {signal.Signals(number).name}"
    except ValueError:
        ended = f"with exit code {code}"
    return said, f"llama.cpp was ended {ended} while {stage}"


def _wrap() -> list[str]:
    """The command that puts the child into bubblewrap, where that works: all is read-only, with no network."""
    from edge_sale.sandbox import level

    if not level().startswith("bubblewrap"):
        return []
    return [
        "bwrap",
        "--ro-bind",
        "/",
        "/",
        "--dev",
        "/dev",
        "--proc",
        "/proc",
        "--unshare-all",
        "--die-with-parent",
        "--new-session",
        "--cap-drop",
        "ALL",
        "--chdir",
        "/",
    ]


def library() -> str:
    """The version of the library that loads models. A verdict holds for this version only."""
    return version("llama-cpp-python")


def _place(sha256: str, models_dir: Path) -> Path:
    return models_dir / ".verdicts" / f"{sha256}.json"


def _keep(verdict: Verdict, sha256: str, models_dir: Path) -> None:
    file = _place(sha256, models_dir)
    beside = file.with_suffix(".new")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        beside.write_text(json.dumps(asdict(verdict)) + "\n", encoding="utf-8")
        beside.replace(file)
    except OSError:
        pass  # a folder that cannot be written to costs a trial each time, nothing else
