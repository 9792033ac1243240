"""The sandbox of macOS: sandbox-exec with a profile of ours. `command` says what it covers.

It has not been run on a Mac.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from edge_sale.errors import SandboxMissing

PROFILE = """(version 1)
(deny default)
(allow process-exec process-fork)
(allow signal (target same-sandbox))
(allow sysctl-read)
(allow mach-lookup (global-name "com.apple.system.opendirectoryd.libinfo"))
(allow file-read-metadata)
(allow file-read* (subpath "/usr") (subpath "/bin") (subpath "/sbin") (subpath "/System") (subpath "/Library")
  (subpath "/opt/homebrew") (subpath "/private/etc") (subpath "/private/var/db/timezone") (subpath "/dev"))
(deny file-read* (subpath "/Library/Keychains") (literal "/private/etc/master.passwd"))
(allow file-write* (literal "/dev/null") (literal "/dev/zero") (literal "/dev/tty"))
{reads}
{writes}
(deny file-write* (regex #"/\\\\.git(/|$)"))
(deny network*)
"""


def wrapping(copy: Path, scratch: Path, tool_chains: Sequence[Path]) -> list[str]:
    """The command line up to the program. Raises SandboxMissing where there is no sandbox-exec."""
    if (program := shutil.which("sandbox-exec")) is None:
        raise SandboxMissing(
            "no sandbox for commands: sandbox-exec is not on PATH (it is part of macOS, in /usr/bin); "
            "or run commands bare, at your own risk, with --sandbox none"
        )
    return [program, "-p", profile(copy, scratch, tool_chains)]


def profile(copy: Path, scratch: Path, tool_chains: Sequence[Path]) -> str:
    """A profile that lets a program write to `copy` and `scratch`, read the tool chains, and send nothing."""
    reads = [f"(allow file-read* (subpath {_quoted(folder)}))" for folder in (*tool_chains, copy, scratch)]
    writes = [f"(allow file-write* (subpath {_quoted(folder)}))" for folder in (copy, scratch)]
    return PROFILE.format(reads="\n".join(reads), writes="\n".join(writes))


def level() -> str:
    """Say in one line what protects this Mac from an agent's commands."""
    if shutil.which("sandbox-exec") is None:
        return "missing: sandbox-exec is not on PATH; run commands bare, at your own risk, with --sandbox none"
    return "sandbox-exec: a private copy to write to, no network, nothing else of your home folder"


def _quoted(folder: Path) -> str:
    """A path as a string of the profile's language, with links resolved, since /tmp is one on macOS."""
    text = str(folder.resolve()).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'
