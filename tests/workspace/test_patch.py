"""Patches: `git apply` makes of the files before exactly the files after, whatever they hold and are called."""

import os
import subprocess

import pytest

from edge_sale.workspace import patch
from edge_sale.workspace.change import Change
from edge_sale.workspace.patch import as_patch, summary
from edge_sale.workspace.plain_patch import plain_patch
from tests.workspace.kit import run_git

TEXTS = [
    Change("a b/c d.txt", b"x\n", b"y\n"),
    Change("plain.py", b"1\n2\n3\n", b"1\n2\nthree\n"),
    Change('q"uote\\.txt', None, b"new\n"),
    Change("tab\there\nline", b"a\n", None),
    Change("caf\u00e9.txt", b"a\n", b"b\n"),
    Change("caf\udce9.txt", b"a\n", b"b\n"),
    Change("end", b"no newline", b"another, no newline"),
    Change("begin", b"newline\n", b"no newline"),
    Change("crlf.txt", b"one\r\ntwo\r\n", b"one\r\nTWO\r\n"),
    Change("empty", None, b""),
    Change("emptied", b"text\n", b""),
    Change("run.sh", b"echo\n", b"echo\n", 0o755, 0o644),
    Change("made.sh", None, b"#!/bin/sh\n", 0o755),
    Change("gone.sh", b"#!/bin/sh\n", None, 0o755, 0o755),
    Change("old name.py", b"moved = 1\n" * 20, None),
    Change("new name.py", None, b"moved = 1\n" * 20),
    Change("file", b"becomes a folder\n", None),
    Change("file/below.txt", None, b"text\n"),
    Change("folder/below.txt", b"text\n", None),
    Change("folder", None, b"becomes a file\n"),
    Change(".gitattributes", None, b"* -diff\n*.txt text eol=lf\n"),
]
BINARIES = [
    Change("new.png", None, bytes(range(256)) * 8),
    Change("old.png", bytes(range(256)) * 8, None),
    Change("changed.bin", b"\0" * 4000 + b"a", b"\0" * 4000 + b"b", 0o755, 0o644),
    Change("late.bin", b"a\n" * 9000 + b"\0", b"b\n" * 9000 + b"\0"),
    Change("latin.txt", b"caf\xe9\n", b"caf\xe8\n"),
    Change("from text", b"text\n", b"\0binary"),
]


def put(root, files):
    """Make a folder of exactly these files: name -> (content, executable)."""
    root.mkdir()
    for name, (data, executable) in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
        (root / name).chmod(0o755 if executable else 0o644)


def files(root):
    """Read a folder as `put` takes it."""
    found = (file for file in root.rglob("*") if file.is_file() and ".git" not in file.parts)
    return {str(file.relative_to(root)): (file.read_bytes(), bool(file.stat().st_mode & 0o100)) for file in found}


def sides(changes):
    before = {c.path: (c.before, bool(c.mode_before & 0o100)) for c in changes if c.before is not None}
    after = {c.path: (c.after, bool(c.mode & 0o100)) for c in changes if c.after is not None}
    return before, after


def applied(root, text):
    """What `git apply` makes of the folder."""
    run_git(root, "init", "-q")
    done = subprocess.run(
        ["git", "apply", "--whitespace=nowarn", "-"], cwd=root, input=text.encode(), capture_output=True
    )
    assert done.returncode == 0, done.stderr.decode()
    return files(root)


@pytest.mark.parametrize("change", TEXTS + BINARIES, ids=lambda change: ascii(change.path))
def test_each_kind_of_change_is_what_git_apply_makes_of_it(tmp_path, change):
    before, after = sides([change])
    put(tmp_path / "p", before)
    assert applied(tmp_path / "p", as_patch([change])) == after


def test_all_of_them_in_one_patch(tmp_path):
    """Folders become files and files folders in the same patch; the text is UTF-8 and names no temporary folder."""
    before, after = sides(TEXTS + BINARIES)
    put(tmp_path / "p", before)
    text = as_patch(TEXTS + BINARIES)
    assert applied(tmp_path / "p", text) == after
    assert "edge-sale-patch" not in text and "diff --git a/plain.py b/plain.py\n" in text


SETTINGS = """
[diff]
external = false
noprefix = true
mnemonicPrefix = true
renames = copies
algorithm = patience
[color]
ui = always
diff = always
[core]
quotePath = false
autocrlf = true
attributesFile = {attributes}
[diff "shout"]
textconv = tr a-z A-Z
"""


def test_the_users_settings_change_nothing(tmp_path, monkeypatch):
    """An external diff, colours, prefixes, line ends, attributes and GIT_* variables give the same patch."""
    wanted = as_patch(TEXTS + BINARIES)
    home = tmp_path / "home"
    home.mkdir()
    (home / "attributes").write_text("* diff=shout text eol=crlf\n")
    (home / ".gitconfig").write_text(SETTINGS.format(attributes=home / "attributes"))
    hostile = {
        "HOME": home,
        "XDG_CONFIG_HOME": home,
        "GIT_CONFIG_GLOBAL": home / ".gitconfig",
        "GIT_EXTERNAL_DIFF": "false",
        "GIT_DIFF_OPTS": "--unified=0",
        "GIT_DIR": home,
        "GIT_WORK_TREE": home,
        "GIT_INDEX_FILE": home / "index",
        "GIT_OBJECT_DIRECTORY": home,
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "color.ui",
        "GIT_CONFIG_VALUE_0": "always",
        "GIT_PAGER": "false",
    }
    for name, value in hostile.items():
        monkeypatch.setenv(name, str(value))
    assert as_patch(TEXTS + BINARIES) == wanted


def test_nothing_is_left_behind(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    as_patch(TEXTS)
    assert list(tmp_path.iterdir()) == []


def test_without_git_there_is_a_patch_all_the_same(tmp_path, monkeypatch):
    """It applies for text; of a binary file it says that it differs."""
    git = os.environ["PATH"]
    monkeypatch.setattr(patch, "bare_environment", lambda: {"PATH": str(tmp_path)})
    monkeypatch.setenv("PATH", str(tmp_path))
    text = as_patch(TEXTS)
    binary = as_patch([Change("x.png", None, b"\x00\x01")])
    monkeypatch.setenv("PATH", git)
    assert text == plain_patch(TEXTS)
    before, after = sides(TEXTS)
    put(tmp_path / "p", before)
    assert applied(tmp_path / "p", text) == after
    assert binary.splitlines()[-1] == "Binary files a/x.png and b/x.png differ"


def test_no_changes_give_no_patch():
    assert as_patch([]) == "" and summary([]) == []


def test_a_name_that_is_no_text_is_quoted_in_the_summary():
    """Notes are stored and printed as UTF-8."""
    assert summary([Change("caf\udce9.txt", b"a\n", b"b\n")]) == ['changed "caf\\351.txt" (+1 −1)']
