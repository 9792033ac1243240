"""Run an agent's shell commands in a private copy of the user's folder.

Covered with bubblewrap:

- The command finds the private copy at the path of the user's folder. The folder itself is not visible.
- It can write to the copy and to /tmp, which is in memory and gone afterwards, and nowhere else.
- Of the rest of the machine it sees the system's programs and the tool chains on the user's PATH, read-only. Nothing
  else of a home folder is visible, so no key of the user's can be read.
- The folder's `.git` is read-only, and its configuration has no passwords.
- There is no network, not even this machine's own, no environment of the user's, no capability, no way to make a user
  namespace, and no other process to see.
- Time, memory, processes, output, the size of a file and what is written to the copy are limited. Everything that was
  started is dead when `run_command` returns.

On macOS, sandbox-exec is asked for the same, except for the view of files: the copy stays at its own path, the home
folder except for tool chains is refused, and limits on memory and processes are the system's own. That profile is
tested only as text.

Not covered: flaws in the kernel or in the sandbox (there is no system call filter); timing side channels; what earlier
commits of the repository hold; what the command prints, which the caller must treat as untrusted. Limits are watched
from outside, memory and processes 20 times a second, the disk once a second; for that long a burst can exceed them.

Mode "none" limits time, output, memory of a process and file size, and nothing else: the command starts in the copy,
but can read and write whatever the user can, and reach the network.
"""

from __future__ import annotations

import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from edge_sale.errors import SandboxMissing
from edge_sale.sandbox import bubblewrap, git_config, seatbelt
from edge_sale.sandbox.bubblewrap import ProcessResult
from edge_sale.sandbox.child_process import watch
from edge_sale.sandbox.python import MODES
from edge_sale.sandbox.tool_chains import search_path, tool_chains

OUTPUT = 64 * 1024  # bytes kept of each of stdout and stderr
FILE = 512 * 2**20  # bytes in one file
DISK = 2**30  # bytes in the whole copy
MEMORY = 4096  # MB of address space of a process, and of private pages of all together
PROCESSES = 256
LEAST_MEMORY = 512  # MB: with less, no interpreter starts

# What programs read of /etc: names of users and formats, no password and no key.
ETC = (
    "/etc/passwd",
    "/etc/group",
    "/etc/nsswitch.conf",
    "/etc/hosts",
    "/etc/host.conf",
    "/etc/protocols",
    "/etc/services",
    "/etc/mime.types",
    "/etc/os-release",
    "/etc/profile",
    "/etc/bash.bashrc",
    "/etc/inputrc",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/java",
    "/etc/fonts",
    "/etc/gitattributes",
    "/etc/timezone",
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a command runs: in `copy`, which it sees at the path `root`. `path` is the user's PATH."""

    root: Path
    copy: Path
    path: str = os.defpath


def run_command(
    command: str, place: Place, *, seconds: float = 60, memory_mb: int = MEMORY, mode: str = "auto"
) -> ProcessResult:
    """Run `command` in the shell, for at most `seconds` of wall time.

    `mode` is a setting of the user's: "auto" and "bwrap" run sandboxed or raise SandboxMissing, "none" runs bare. Any
    failure of the command itself is in the result, never raised.
    """
    if mode not in MODES:
        raise ValueError(f"sandbox mode is auto, bwrap or none, not {mode!r}")
    on_mac = sys.platform == "darwin" and mode == "auto"
    wrapped = mode != "none" and not on_mac
    memory_mb = max(memory_mb, LEAST_MEMORY)
    path = search_path(place.root, place.path)
    with tempfile.TemporaryDirectory(prefix="edge-sale-") as folder, bubblewrap.process_limit(PROCESSES + 3) as head:
        if on_mac:
            wrap = seatbelt.wrapping(place.copy, Path(folder), tool_chains(path, place.root))
        else:
            wrap = _wrapped(place, path, Path(folder)) if wrapped else []
        shell = "/bin/bash" if Path("/bin/bash").exists() else "/bin/sh"
        limits = bubblewrap.limits(seconds, memory_mb, wrapped, FILE, PROCESSES)
        program = bubblewrap.limited([shell, "-c", command], limits)
        home = {"PATH": path, "HOME": folder, **ENVIRONMENT}
        process, init = bubblewrap.start([*wrap, *program], str(place.copy), tell=wrapped, environment=home, head=head)
        watched = watch(
            process,
            seconds=seconds,
            output=OUTPUT,
            processes=PROCESSES + 3,
            memory=memory_mb * 2**20,
            init=init,
            extra_check=lambda: f"more than {DISK // 2**20} MB written" if _more_than(place.copy, DISK) else "",
        )
    return bubblewrap.result_of(process.returncode, watched)


def command_level(mode: str = "auto") -> str:
    """Say in one line what protects this machine from an agent's commands in `mode`."""
    if mode == "none":
        return "none: commands can read and write what you can, and reach the network"
    if sys.platform == "darwin" and mode == "auto":
        return seatbelt.level()
    try:
        bubblewrap.wrapping()
    except SandboxMissing as missing:
        return f"missing: {missing}"
    return "bubblewrap: a private copy to write to, .git read-only, no network, nothing else of yours"


ENVIRONMENT = {
    "LANG": "C.UTF-8",
    "PYTHONIOENCODING": "utf-8",
    "PYTHONDONTWRITEBYTECODE": "1",
    "TERM": "dumb",
    "NO_COLOR": "1",
    "CI": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_CONFIG_COUNT": "1",
    "GIT_CONFIG_KEY_0": "safe.directory",
    "GIT_CONFIG_VALUE_0": "*",
}


def _wrapped(place: Place, path: str, folder: Path) -> list[str]:
    """bubblewrap's command line: the system, the tool chains, and the copy at the path of the root."""
    root = str(place.root)
    inside = [chain for chain in tool_chains(path, place.root) if chain.is_relative_to(place.root)]
    outside = [chain for chain in tool_chains(path, place.root) if chain not in inside]
    wrap = bubblewrap.wrapping()
    wrap += bubblewrap.environment({"PATH": path, "HOME": "/tmp", "TMPDIR": "/tmp", **ENVIRONMENT})  # noqa: S108
    if rustup := [str(chain) for chain in outside if chain.name == ".rustup"]:
        wrap += bubblewrap.environment({"RUSTUP_HOME": rustup[0]})
    for file in ETC:
        wrap += ["--ro-bind-try", file, file]
    for chain in outside:
        wrap += ["--ro-bind-try", str(chain), str(chain)]
    wrap += ["--bind", str(place.copy), root]
    for chain in inside:
        wrap += ["--ro-bind-try", str(chain), str(chain)]
    git = place.root / ".git"
    if git.is_dir() and not git.is_symlink():
        wrap += ["--ro-bind", str(git), str(git)]
        for number, config in enumerate(git_config.config_files(git)):
            plain = folder / f"gitconfig-{number}"
            plain.write_text(git_config.without_passwords(config.read_text(errors="replace")), encoding="utf-8")
            wrap += ["--ro-bind", str(plain), str(config)]
    return [*wrap, "--remount-ro", "/", "--chdir", root]


def _more_than(folder: Path, most: int) -> bool:
    """Whether the files below `folder` take more than `most` bytes on disk."""
    total, waiting = 0, [str(folder)]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                    else:
                        total += entry.stat(follow_symlinks=False).st_blocks * 512
                        if total > most:
                            return True
        except OSError:  # removed meanwhile
            continue
    return False


def first_words(text: str, most: int) -> str:
    """The text in at most `most` characters: its beginning and its end, since errors stand at the end."""
    if len(text) <= most:
        return text
    half = (most - 5) // 2
    return f"{text[:half]}\n...\n{text[-half:]}"


def output_of(ran: ProcessResult, most: int = 1500) -> str:
    """What a command printed and how it ended, as an agent sees it."""
    printed = "\n".join(part.rstrip() for part in (ran.stdout, ran.stderr) if part.strip())
    return f"{first_words(printed, most)}\n[exit code {ran.exit_code}]".lstrip("\n")
