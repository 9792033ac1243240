"""`--repo`: what a user meets from the command to the undo."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import rmtree
from typing import Any

import pytest

from edge_sale import assemble
from edge_sale.agents.workspace import Workspace
from edge_sale.api import OpenMarket
from edge_sale.cli import repository as cli
from edge_sale.event_bus import EventBus
from edge_sale.remote_setup import no_terminal
from edge_sale.settings import load
from edge_sale.types import Outcome, Task
from edge_sale.workspace.change import Change
from tests.cli.kit import SCRIPTED, edge, new_home, only_document, start, wait_for
from tests.cli.test_terminal import on_terminal
from tests.workspace.kit import repository, tree, wrapped

BUGGY = "def add(a, b):\n    return a - b\n"
CHECK = "python3 -c 'from calc import add; assert add(2, 3) == 5; assert add(0, 4) == 4; assert add(7, 1) == 8'"
TASK = "add in calc.py should return the sum of a and b."
EDIT = "(copy / 'calc.py').write_text('def add(a, b):\\n    return a + b\\n', encoding='utf-8')"
CONFIG = "threads = 1\n[auction]\nplan_tokens = 16\nbid_seconds = 300\n[work]\nmax_tokens = 64\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return repository(tmp_path / "project", calc__py=BUGGY, notes__md="mine\n")


@pytest.mark.parametrize(
    "args, code, said",
    [
        (["--yes"], 2, "--yes needs --repo DIR"),
        (["--dry-run"], 2, "--dry-run needs --repo DIR"),
        (["--allow", ".env"], 2, "--allow needs --repo DIR"),
        (["--repo", "{root}", "--yes", "--dry-run"], 2, "--yes and --dry-run exclude each other"),
        (["--repo", "{root}", "--domain", "python"], 2, "with --repo it is a patch"),
        (["--repo", "{root}/nowhere"], 1, "no such folder; --repo takes the folder to work in"),
        (["--repo", "{root}/calc.py"], 2, "is a file"),
        (["--repo", "/"], 1, "holds your home folder"),
        (["--repo", "{root}", "--allow", "no.env"], 1, "--allow no.env: there is no such file"),
    ],
)
def test_mistakes_are_told_before_anything_is_loaded(args: list[str], code: int, said: str, root: Path) -> None:
    """One clear line each, and the right exit code, with no models on the machine."""
    args = [arg.replace("{root}", str(root)) for arg in args]
    done = edge(new_home(root.parent / "home"), "run", "Do it.", *args, EDGE_SALE_MODELS=str(root.parent / "none"))
    assert (done.returncode, said in done.stderr.replace("\n", " ")) == (code, True), done.stderr


def test_a_check_without_a_sandbox_is_refused_before_the_auction(root: Path) -> None:
    """No bubblewrap on PATH: the way out is named, with what going without means."""
    bare = root.parent / "bin"
    bare.mkdir()
    (bare / "git").symlink_to("/usr/bin/git")
    done = edge(new_home(root.parent / "home"), "run", "Do it.", "--repo", str(root), "--check", "true", PATH=str(bare))
    assert done.returncode == 1 and "install bubblewrap" in done.stderr and "--sandbox none" in done.stderr


# --- what becomes of changes, without a model ---------------------------------------------------

CHANGES = (Change("calc.py", BUGGY.encode(), BUGGY.replace("-", "+").encode()), Change("new/x.py", None, b"x = 1\n"))


def settle(root: Path, home: Path, monkeypatch: pytest.MonkeyPatch, status: Any = "passed", **how: bool) -> Any:
    monkeypatch.setenv("EDGE_SALE_HOME", str(home))
    workspace = Workspace(lambda: None, root=root, changes={"a": CHANGES})  # type: ignore[arg-type, return-value]
    options = {"yes": False, "dry_run": False, "show": False, **how}
    market = OpenMarket(assemble.plan(load()), EventBus(), workspace, None, no_terminal)
    return cli.conclude(market, Task("t", TASK, repo=True), Outcome("a", status, "patch"), **options)


@pytest.mark.parametrize(
    "how, said",
    [
        ({}, "no terminal to ask on"),
        ({"dry_run": True}, "dry run"),
        ({"status": "failed", "yes": True}, "the work failed"),
    ],
)
def test_nothing_is_applied_unless_it_was_agreed_to(
    how: dict[str, Any], said: str, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a terminal and without --yes, in a dry run, and where the work failed."""
    before = tree(root)
    changed = settle(root, tmp_path / "home", monkeypatch, **how)
    assert said in changed.note and changed.applied == "" and tree(root) == before


def test_yes_applies_and_undo_takes_back(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`edge-sale undo` restores files and deletes new ones, --redo puts them back, --list names them."""
    home = new_home(tmp_path / "home")
    before = tree(root)
    changed = settle(root, home, monkeypatch, yes=True)
    after = tree(root)
    assert changed.files == ("calc.py", "new/x.py") and after["new/x.py"] == b"x = 1\n"
    listed = only_document(edge(home, "undo", "--list", "--json").stdout)
    assert [(entry["id"], entry["state"], entry["files"]) for entry in listed] == [
        (changed.applied, "applied", ["calc.py", "new/x.py"])
    ]
    done = edge(home, "undo")
    assert done.returncode == 0 and "deleted new/x.py" in done.stderr and tree(root) == before
    assert edge(home, "undo", "--redo").returncode == 0 and tree(root) == after
    (root / "calc.py").write_text("the user's later work\n")
    refused = edge(home, "undo", "--json")
    assert refused.returncode == 1 and "calc.py has changed since, so nothing was undone" in refused.stderr
    assert only_document(refused.stdout)["exit"] == 1
    assert (root / "calc.py").read_text() == "the user's later work\n" and (root / "new/x.py").exists()


def test_what_changed_while_the_agent_worked_is_not_overwritten(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "calc.py").write_text("the user's, meanwhile\n")
    changed = settle(root, tmp_path / "home", monkeypatch, yes=True)
    assert "calc.py has changed since, so nothing was applied" in changed.note and changed.applied == ""
    assert (root / "calc.py").read_text() == "the user's, meanwhile\n" and not (root / "new").exists()


def test_what_cannot_be_applied_is_said_and_the_patch_is_kept(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file where a folder has to be, a journal that has no place: one note each, and the work is not lost."""
    home = new_home(tmp_path / "home")
    (root / "new").write_text("a file by now\n")
    changed = settle(root, home, monkeypatch, yes=True)
    assert "not applied" in changed.note and changed.applied == ""
    rmtree(home / "undo")
    (home / "undo").write_text("not a folder")
    done = edge(home, "run", "--repo", str(root), "--yes", TASK, program=SCRIPTED, EDIT=EDIT)
    assert done.returncode == 1 and "+    return a + b" in done.stdout
    assert f"the changes were not applied: {home / 'undo'}" in done.stderr
    assert (root / "calc.py").read_text() == BUGGY


def test_there_is_nothing_to_undo_at_first(tmp_path: Path) -> None:
    done = edge(new_home(tmp_path), "undo")
    assert done.returncode == 1 and "there is nothing to undo" in done.stderr


# --- the whole way, with a scripted agent --------------------------------------------------------


def test_a_task_in_a_pipe_is_as_good_as_an_argument(root: Path, tmp_path: Path) -> None:
    """stdin has been read to its end by then; that nobody can be asked there is said, with the patch."""
    home = new_home(tmp_path / "home")
    done = edge(home, "run", "--repo", str(root), "--json", stdin=TASK.encode(), program=SCRIPTED, EDIT=EDIT)
    document = only_document(done.stdout)
    assert done.returncode == 0 and "+    return a + b" in document["answer"]
    assert any("no terminal to ask on" in note for note in document["notes"])


@pytest.mark.parametrize("how", ["--dry-run", "-q"])
def test_a_patch_in_a_file_applies_in_every_locale(how: str, root: Path, tmp_path: Path) -> None:
    """Its bytes are those of the files, also where the terminal's signs are Latin-1."""
    edit = EDIT.replace("a + b", "a + b  # né")
    args = ("run", "--repo", str(root), how, TASK)
    done = edge(new_home(tmp_path / "home"), *args, program=SCRIPTED, EDIT=edit, PYTHONIOENCODING="latin-1")
    assert "# né" in done.stdout
    subprocess.run(["git", "apply", "-"], cwd=root, input=done.stdout.encode(), check=True)
    assert "# né" in (root / "calc.py").read_text(encoding="utf-8")


@pytest.mark.parametrize("how", ["-q", "--json"])
def test_what_is_asked_about_is_seen_first(how: str, root: Path, tmp_path: Path) -> None:
    """Quiet or not: on a terminal the patch is shown before the question, and yes applies it."""
    asked = {"typed": b"y\n", "until": "Apply to 1 file", "program": SCRIPTED, "EDIT": EDIT}
    code, shown = on_terminal(new_home(tmp_path / "home"), "run", how, "--repo", str(root), TASK, **asked)  # type: ignore[arg-type]
    assert code == 0 and "+    return a + b" in shown.partition("Apply to 1 file")[0]
    assert (root / "calc.py").read_text() != BUGGY


def test_breaking_the_question_off_is_a_no(root: Path, tmp_path: Path) -> None:
    """When everything is done and recorded, ^C and ^D do not say that it was not."""
    asked = {"typed": b"\x04", "until": "Apply to 1 file", "program": SCRIPTED, "EDIT": EDIT}
    code, shown = on_terminal(new_home(tmp_path / "home"), "run", "--repo", str(root), TASK, **asked)  # type: ignore[arg-type]
    assert code == 0 and "nothing was applied: you said no" in shown and "stopped" not in shown
    assert (root / "calc.py").read_text() == BUGGY


def test_a_file_whose_name_is_not_utf8_can_be_worked_on(root: Path, tmp_path: Path) -> None:
    """It stands in the trace and in the session, and both can be read again; the change is applied."""
    home, trace, name = new_home(tmp_path / "home"), tmp_path / "t.jsonl", os.fsdecode(b"caf\xe9.py")
    (root / name).write_text("x = 1\n")
    more: dict[str, Any] = {"program": SCRIPTED, "EDIT": "next(copy.glob('caf*')).write_text('x = 2\\n')"}
    done = edge(home, "run", TASK, "--repo", str(root), "--dry-run", "--trace", str(trace), **more)
    assert done.returncode == 0 and "+x = 2" in done.stdout
    assert edge(home, "trace", str(trace)).returncode == 0
    for again in ((), ("-c",)):
        done = edge(home, "chat", "--repo", str(root), "--yes", *again, stdin=TASK.encode(), **more)
        assert done.returncode == 0 and "bug in edge-sale" not in done.stderr, done.stderr
    assert (root / name).read_text() == "x = 2\n"


def at_work(root: Path, home: Path, **how: Any) -> tuple[subprocess.Popen[bytes], int, Path]:
    """A run whose agent hangs in a child process without a sandbox; the child's id, and the run's folder in /tmp."""
    told, temporary = home / "child", home / "tmp"
    temporary.mkdir()
    code = f"import os, time\nopen({str(told)!r}, 'w').write(f'{{os.getpid()}} ')\ntime.sleep(60)"
    edit = f"from edge_sale.sandbox.python import run_python; run_python({code!r}, seconds=60, mode='none')"
    args = ("run", "--repo", str(root), "--json", TASK)
    process = start(home, *args, EDIT=edit, TMPDIR=str(temporary), **{"program": SCRIPTED, **how})
    wait_for(" ", told, process)
    return process, int(told.read_text()), temporary


@contextmanager
def heeded(number: signal.Signals) -> Iterator[None]:
    """Whoever is started meanwhile does not inherit that a signal is ignored."""
    before = signal.signal(number, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(number, before)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_run_that_is_told_to_end_leaves_nothing(number: signal.Signals, root: Path, tmp_path: Path) -> None:
    """`kill`, or a terminal that is closed: no process, no private copy and no temporary folder stay behind."""
    home = new_home(tmp_path / "home")
    with heeded(signal.SIGHUP):  # where the tests themselves run under nohup, too
        process, child, temporary = at_work(root, home)
    process.send_signal(number)
    process.communicate(timeout=30)
    assert process.returncode == 128 + number
    assert list(temporary.iterdir()) == list((home / "cache/work").iterdir()) == []
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)


def test_a_run_under_nohup_goes_on(root: Path, tmp_path: Path) -> None:
    """Where SIGHUP is ignored it stays so."""
    process, child, _ = at_work(root, new_home(tmp_path / "home"), program=["nohup", *SCRIPTED])
    process.send_signal(signal.SIGHUP)
    time.sleep(0.5)
    assert process.poll() is None
    os.kill(child, signal.SIGKILL)
    assert process.wait(timeout=30) == 0


# --- with the starter model ----------------------------------------------------------------------


@wrapped
@pytest.mark.models
def test_a_bug_is_repaired_under_a_check_applied_and_undone(root: Path, tmp_path: Path) -> None:
    """The whole way with real weights: auction, drafts, check, patch, --yes, undo."""
    home = new_home(tmp_path / "home", CONFIG)
    (root / ".env").write_text("KEY=s3cret-value\n")
    before = tree(root)
    args = ["run", TASK, "--repo", str(root), "--check", CHECK, "--seed", "1", "--agent", "drafts", "--json"]
    dry = only_document(edge(home, *args, "--dry-run", seconds=400).stdout)
    assert dry["status"] == "passed" and dry["verified"] is True and dry["applied"] is None and tree(root) == before
    patched = subprocess.run(["git", "apply", "--check", "-"], cwd=root, input=dry["answer"].encode())
    assert patched.returncode == 0
    done = edge(home, *args, "--yes", seconds=400)
    document = only_document(done.stdout)
    assert done.returncode == 0 and document["files"] == ["calc.py"] and document["applied"]
    assert any(".env" in note for note in document["notes"]) and "s3cret-value" not in done.stdout + done.stderr
    scope: dict[str, Any] = {}
    exec((root / "calc.py").read_text(), scope)
    assert scope["add"](20, 3) == 23
    assert edge(home, "undo").returncode == 0 and tree(root) == before
    assert list((home / "cache/work").iterdir()) == []  # no private copy is left behind


@wrapped
@pytest.mark.models
def test_on_a_terminal_the_diff_is_shown_and_approved(root: Path, tmp_path: Path) -> None:
    """The user sees the patch and is asked; yes applies it."""
    home = new_home(tmp_path / "home", CONFIG)
    code, shown = on_terminal(
        home,
        "run",
        TASK,
        "--repo",
        str(root),
        "--check",
        CHECK,
        "--seed",
        "1",
        "--agent",
        "drafts",
        typed=b"y\n",
        until="Apply to 1 file",
    )
    assert code == 0 and "-    return a - b" in shown and "take it back with: edge-sale undo" in shown
    assert (root / "calc.py").read_text() != BUGGY


@pytest.mark.models
def test_a_session_is_kept_and_gone_on_with(tmp_path: Path) -> None:
    """Turns by a pipe, a JSON document each; -c goes on, and the earlier turns are in the prompt."""
    home = new_home(tmp_path / "home", CONFIG)
    first = edge(home, "chat", "--json", "--agent", "quick", stdin=b"My name is Ada.\n/why\n/cost\n", seconds=400)
    assert first.returncode == 0, first.stderr
    document = json.loads(first.stdout)
    assert document["status"] == "done" and "1 turns" in first.stderr
    second = edge(home, "chat", "-c", "--json", "--agent", "quick", stdin=b"What is my name?\n", seconds=400)
    assert json.loads(second.stdout)["session"] == document["session"]
    turns = (home / "sessions" / f"{document['session']}.jsonl").read_text().splitlines()
    assert [json.loads(line).get("said") for line in turns] == [None, "My name is Ada.", "What is my name?"]
    assert json.loads(second.stdout)["task"]["earlier"][0][0] == "My name is Ada."
    assert (home / "sessions" / f"{document['session']}.jsonl").stat().st_mode & 0o077 == 0
