"""Shell commands of an agent, run over a private copy of the user's folder.

Covered with bubblewrap: the command believes to be in the user's folder, and finds the private copy there;
the folder itself is nowhere. It can write to the copy and to /tmp (in memory, gone afterwards) and nowhere
else: the root is read-only. Of the rest of the machine it sees the system's programs and the tool chains on
the user's PATH, read-only, and nothing else of a home folder, so no key of the user's can be read. The
folder's `.git` is there read-only, without what its configuration may hold of passwords. There is no
network, not even this machine's own, no environment of the user's, no capability, no user namespace to make
and no other process to see. Time, memory, processes, output, the size of a file and what is written to the
copy are bounded, and everything that was started is dead when `run_command` returns.

On macOS the same is asked of sandbox-exec, but for the view of files: the copy stands where it is, the home
folder but for tool chains is refused, and limits on memory and processes are the system's own. That profile
is tested as text only.

Not covered: flaws in the kernel or in the sandbox (there is no system call filter); timing side channels;
what earlier commits of the repository hold; what the command prints, which the caller must treat as
untrusted. Limits are watched from outside, memory and processes 20 times a second, the disk once: a burst
can pass the mark for that long.

Mode "none" bounds time, output, memory a process and file size, and nothing else: the command stands in the
copy, but can read and write whatever the user can, and reach the network.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_sale.errors import SandboxMissing
from edge_sale.sandbox import bubblewrap, seatbelt
from edge_sale.sandbox.bubblewrap import Ran
from edge_sale.sandbox.child_process import watch
from edge_sale.sandbox.python import MODES

OUTPUT = 64 * 1024  # bytes kept of each of stdout and stderr
FILE = 512 * 2**20  # bytes in one file
DISK = 2**30  # bytes in the whole copy
MEMORY = 4096  # MB of address space a process, and of private pages for all
PROCESSES = 256
LEAST = 512  # MB: below it no interpreter starts

# What programs read of /etc: names of users and of formats, no password and no key.
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
BESIDE_BIN = ("lib", "lib64", "libexec", "include", "versions", "version")  # its share/ may be the user's own
PLAIN = (  # sections of git's configuration that commands may read
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
DEPENDENCIES = (".venv", "venv", "node_modules")  # too large to copy, and no work of the user's
OWN = ("pipx", "share/pipx", "share/uv/tools", "share/uv/python")  # where links of ~/.local/bin lead; no passwords


@dataclass(frozen=True, slots=True)
class Place:
    """Where a command stands: in `copy`, which it takes for `root`. `path` is the user's PATH."""

    root: Path
    copy: Path
    path: str = os.defpath


def run_command(command: str, place: Place, *, seconds: float = 60, memory_mb: int = MEMORY, mode: str = "auto") -> Ran:
    """What `command` did, given to the shell, within `seconds` of wall time.

    `mode` is a setting of the user's: "auto" and "bwrap" run sandboxed or raise SandboxMissing, "none" runs
    bare. Any failure of the command itself is in the result, never raised.
    """
    if mode not in MODES:
        raise ValueError(f"sandbox mode is auto, bwrap or none, not {mode!r}")
    mac = sys.platform == "darwin" and mode == "auto"
    wrapped = mode != "none" and not mac
    memory_mb = max(memory_mb, LEAST)
    path = search_path(place)
    with tempfile.TemporaryDirectory(prefix="edge-sale-") as folder, bubblewrap.counted(PROCESSES + 3) as head:
        if mac:
            wrap = seatbelt.wrapping(place.copy, Path(folder), tool_chains(path, place.root))
        else:
            wrap = _wrapped(place, path, Path(folder)) if wrapped else []
        shell = "/bin/bash" if Path("/bin/bash").exists() else "/bin/sh"
        limits = bubblewrap.limits(seconds, memory_mb, wrapped, FILE, PROCESSES)
        program = bubblewrap.limited([shell, "-c", command], limits)
        home = {"PATH": path, "HOME": folder, **ENVIRONMENT}
        process, init = bubblewrap.start([*wrap, *program], str(place.copy), tell=wrapped, environment=home, head=head)
        seen = watch(
            process,
            seconds=seconds,
            output=OUTPUT,
            processes=PROCESSES + 3,
            memory=memory_mb * 2**20,
            init=init,
            also=lambda: f"more than {DISK // 2**20} MB written" if _more_than(place.copy, DISK) else "",
        )
    return bubblewrap.ended(process.returncode, seen)


def command_level(mode: str = "auto") -> str:
    """What stands between an agent's commands and this machine in `mode`, in a line."""
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


def search_path(place: Place) -> str:
    """The folder's own environments first, then the user's PATH, then the Python that edge-sale runs on."""
    own = [place.root / name / "bin" for name in DEPENDENCIES[:2]] + [place.root / "node_modules" / ".bin"]
    given = [part for part in place.path.split(os.pathsep) if part.startswith("/")]
    wanted = [*(str(folder) for folder in own if folder.is_dir()), *given, str(Path(sys.executable).parent)]
    return os.pathsep.join(dict.fromkeys(wanted))


def tool_chains(path: str, root: Path) -> list[Path]:
    """Folders outside the system's own that programs on PATH are made of, and the root's dependencies."""
    found = [root / name for name in DEPENDENCIES if (root / name).is_dir() and not (root / name).is_symlink()]
    for entry in map(Path, path.split(os.pathsep)):
        if entry.is_dir() and not _of_system(entry):
            found += _chain(entry)
    found += [Path(sys.base_prefix), Path(sys.base_exec_prefix)]
    return [folder for folder in dict.fromkeys(found) if folder.is_dir() and not _too_wide(folder)]


def _chain(bin_: Path) -> Iterator[Path]:
    yield bin_
    prefix = bin_.parent
    if (prefix / "pyvenv.cfg").is_file():
        yield prefix
        home = re.search(r"^home\s*=\s*(.+)$", (prefix / "pyvenv.cfg").read_text(errors="replace"), re.MULTILINE)
        if home:
            yield Path(home[1].strip()).resolve().parent
    elif (prefix / "conda-meta").is_dir() or prefix.is_relative_to("/opt"):  # packages put there whole
        yield prefix
    else:
        yield from (prefix / name for name in BESIDE_BIN)
        yield from (prefix / name for name in OWN if prefix.name == ".local")
        if prefix.name == ".cargo":  # beside it lie rustup's own, and never ~/.cargo/credentials
            yield from (prefix / "registry", prefix.parent / ".rustup")
    real = bin_.resolve()
    if real != bin_:
        yield real


def _of_system(folder: Path) -> bool:
    return any(folder.is_relative_to(known) for known in bubblewrap.SYSTEM)


def _too_wide(folder: Path) -> bool:
    """Whether binding the folder would show a home folder, or everything."""
    home = Path.home()
    return folder == Path("/") or home == folder or home.is_relative_to(folder)


def _wrapped(place: Place, path: str, folder: Path) -> list[str]:
    """bubblewrap's command line: the system, the tool chains, the copy in the place of the root."""
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
        for number, config in enumerate(_configurations(git)):
            plain = folder / f"gitconfig-{number}"
            plain.write_text(without_passwords(config.read_text(errors="replace")), encoding="utf-8")
            wrap += ["--ro-bind", str(plain), str(config)]
    return [*wrap, "--remount-ro", "/", "--chdir", root]


def _configurations(git: Path) -> list[Path]:
    """git's files that may hold passwords: of the repository, its worktrees and its submodules."""
    found = [git / "config", git / "config.worktree"]
    for folder, name in (("modules", "config"), ("modules", "config.worktree"), ("worktrees", "config.worktree")):
        found += sorted((git / folder).rglob(name))
    return [file for file in found if file.is_file() and not file.is_symlink()]


def without_passwords(config: str) -> str:
    """A git configuration without what logs in somewhere.

    Only the sections in PLAIN, without headers, helpers and the like, and without names and passwords in addresses.
    """
    logs_in = r"(.*\])?\s*(extraheader|helper|\w*pass\w*|\w*token|cookiefile|sslkey|sslcert|proxy)\b"
    private, kept, known = re.compile(logs_in, re.IGNORECASE), list[str](), False
    for line in config.splitlines():
        if found := re.match(r"\s*\[\s*([\w.-]+)", line):
            known = found[1].partition(".")[0].lower() in PLAIN
        if known and not private.match(line):
            kept.append(line)
    return re.sub(r"://[^/@\s]+@", "://", "\n".join(kept) + "\n")


def _more_than(folder: Path, most: int) -> bool:
    """Whether the files below `folder` hold more than so many bytes on disk."""
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
    """The text in at most so many characters: its beginning and its end, where errors stand."""
    if len(text) <= most:
        return text
    half = (most - 5) // 2
    return f"{text[:half]}\n...\n{text[-half:]}"


def output_of(ran: Ran, most: int = 1500) -> str:
    """What a command printed and how it ended, as an agent is shown it."""
    said = "\n".join(part.rstrip() for part in (ran.stdout, ran.stderr) if part.strip())
    return f"{first_words(said, most)}\n[exit code {ran.exit_code}]".lstrip("\n")


__all__: Sequence[str] = ("Place", "command_level", "output_of", "run_command")
