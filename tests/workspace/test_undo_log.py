"""Taking over and taking back: whole or not at all, and never over somebody's work."""

import os
import stat
import subprocess
import sys
import time

import pytest
from filelock import FileLock

from edge_sale.errors import EdgeSaleError
from edge_sale.workspace import change_records, paths
from edge_sale.workspace import undo_log as undo_logs
from edge_sale.workspace.change import Change
from edge_sale.workspace.undo_log import ChangedSince, UndoLog
from tests.workspace.kit import AS_OWNER, as_owner, repository, run_git, tree, working_copy

CHANGES = [
    Change("a.py", b"x = 1\n", b"x = 2\n"),
    Change("deep/new.txt", None, b"new\n"),
    Change("old.txt", b"old\n", None),
    Change("run.sh", b"#!/bin/sh\n", b"#!/bin/sh\ntrue\n", 0o755, 0o644),
]


@pytest.fixture
def root(tmp_path):
    return repository(
        tmp_path / "project", a__py="x = 1\n", old__txt="old\n", run__sh="#!/bin/sh\n", other__py="mine\n"
    )


@pytest.fixture
def undo_log(tmp_path):
    return UndoLog(tmp_path / "undo")


def test_apply_undo_and_redo(root, undo_log):
    """Files are changed, made and deleted; undo puts all of it back, redo does it again."""
    before = tree(root)
    entry = undo_log.apply(root, CHANGES, "a task")
    after = tree(root)
    assert after == {
        "a.py": b"x = 2\n",
        "deep/new.txt": b"new\n",
        "other.py": b"mine\n",
        "run.sh": b"#!/bin/sh\ntrue\n",
    }
    assert os.access(root / "run.sh", os.X_OK)
    undo_log.undo()
    assert tree(root) == before and not (root / "deep").exists() and not os.access(root / "run.sh", os.X_OK)
    undo_log.redo()
    assert tree(root) == after
    undo_log.undo(entry.id[:12])
    assert tree(root) == before


def test_what_was_undone_last_is_put_back_first(root, undo_log):
    """An older change that was undone before stays undone."""
    undo_log.apply(root, [Change("a.py", b"x = 1\n", b"x = 2\n")], "bad")
    undo_log.undo()
    undo_log.apply(root, [Change("old.txt", b"old\n", b"new\n")], "good")
    undo_log.undo()
    assert undo_log.redo().task == "good"
    assert ((root / "a.py").read_text(), (root / "old.txt").read_text()) == ("x = 1\n", "new\n")


def test_the_index_and_other_work_of_the_user_are_untouched(root, undo_log):
    """What is staged stays staged, and files that no agent changed are not written at all."""
    (root / "other.py").write_text("staged\n")
    run_git(root, "add", "other.py")
    (root / "other.py").write_text("and more\n")
    before = run_git(root, "diff", "--cached"), (root / "other.py").stat().st_mtime_ns
    undo_log.apply(root, CHANGES, "t")
    undo_log.undo()
    assert (run_git(root, "diff", "--cached"), (root / "other.py").stat().st_mtime_ns) == before


@pytest.mark.parametrize(
    "path, text", [("a.py", "the user's"), ("deep/new.txt", "the user's"), ("old.txt", None), ("run.sh", None)]
)
def test_nothing_is_applied_over_what_changed_meanwhile(root, undo_log, path, text):
    """One file that is not as it was, or is there by now: not one of them is touched."""
    (root / path).parent.mkdir(exist_ok=True)
    (root / path).unlink(missing_ok=True)
    if text is not None:
        (root / path).write_text(text)
    before = tree(root)
    with pytest.raises(ChangedSince, match=r"nothing was applied"):
        undo_log.apply(root, CHANGES, "t")
    assert tree(root) == before and undo_log.list() == []


@pytest.mark.parametrize("path", ["a.py", "deep/new.txt", "old.txt"])
def test_nothing_is_undone_over_what_changed_since(root, undo_log, path):
    """The user's later work on one of the files stops the undo as a whole, and is named."""
    undo_log.apply(root, CHANGES, "t")
    (root / path).write_text("the user's later work")
    before = tree(root)
    with pytest.raises(ChangedSince, match=path):
        undo_log.undo()
    assert tree(root) == before


def test_a_link_in_the_place_of_a_file_is_refused(root, undo_log, tmp_path):
    """Neither applied nor undone through a link: what it points to stays as it was."""
    (tmp_path / "target").write_bytes(b"x = 1\n")
    (root / "a.py").unlink()
    (root / "a.py").symlink_to(tmp_path / "target")
    with pytest.raises(ChangedSince, match="link"):
        undo_log.apply(root, CHANGES, "t")
    assert (tmp_path / "target").read_bytes() == b"x = 1\n"


def test_several_changes_are_undone_from_the_last_on(root, undo_log):
    """Undo twice takes back two changes; redo puts the earlier one back first."""
    undo_log.apply(root, [Change("a.py", b"x = 1\n", b"x = 2\n")], "one")
    time.sleep(0.01)
    undo_log.apply(root, [Change("a.py", b"x = 2\n", b"x = 3\n")], "two")
    assert [undo_log.undo().task, undo_log.undo().task] == ["two", "one"]
    assert (root / "a.py").read_text() == "x = 1\n"
    with pytest.raises(EdgeSaleError, match="nothing to undo"):
        undo_log.undo()
    assert [undo_log.redo().task, undo_log.redo().task] == ["one", "two"]


def test_an_earlier_change_that_others_built_on_is_not_torn_out(root, undo_log):
    """By its id an earlier change can be named, and is refused where its files were changed again."""
    first = undo_log.apply(root, [Change("a.py", b"x = 1\n", b"x = 2\n")], "one")
    undo_log.apply(root, [Change("a.py", b"x = 2\n", b"x = 3\n")], "two")
    with pytest.raises(ChangedSince):
        undo_log.undo(first.id)


KILLED = """
import os, sys
from pathlib import Path
from edge_sale.workspace import change_records as records, paths, undo_log
from edge_sale.workspace.change import Change
count = 0
def dying(real):
    def call(*a, **k):
        global count
        count += 1
        if count > int(sys.argv[3]):
            os._exit(9)
        return real(*a, **k)
    return call
records.write_durably, paths.write, paths.remove = map(dying, (records.write_durably, paths.write, paths.remove))
changes = [Change("a.py", b"x = 1\\n", b"x = 2\\n"), Change("deep/new.txt", None, b"new\\n")]
changes += [Change("old.txt", b"old\\n", None)]
undo_log.UndoLog(Path(sys.argv[2])).apply(Path(sys.argv[1]), changes, "t")
"""


def test_killed_at_every_point_it_can_be_taken_back(root, undo_log, tmp_path):
    """Wherever applying is cut off, either nothing has happened yet or undo puts everything back."""
    before = tree(root)
    for point in range(20):
        done = subprocess.run([sys.executable, "-c", KILLED, str(root), str(undo_log.folder), str(point)])
        if undo_log.list():
            undo_log.undo()
        assert tree(root) == before, point
        if done.returncode == 0:
            break
        for entry in undo_log.list():
            change_records.shutil.rmtree(undo_log.folder / entry.id)
    assert done.returncode == 0 and point >= 8


def test_a_disk_that_fills_half_way_leaves_nothing_changed(root, undo_log, monkeypatch):
    """The third file cannot be written: the first two go back to what they were, and the error is the disk's."""
    before, real, count = tree(root), paths.write, iter(range(9))

    def full(folder, name, data, *more):
        if name == "run.sh" and data == b"#!/bin/sh\ntrue\n" and next(count) == 0:
            raise OSError(28, "No space left on device", name)
        real(folder, name, data, *more)

    monkeypatch.setattr(paths, "write", full)
    with pytest.raises(OSError, match="No space left"):
        undo_log.apply(root, CHANGES, "t")
    assert tree(root) == before
    assert [entry.state for entry in undo_log.list()] == ["undone"]


def test_a_save_while_it_is_applied_is_kept(root, undo_log, monkeypatch):
    """The user saves a file when the first ones are written: it stays, those go back, and nothing is left to undo."""
    real = paths.write

    def write(folder, name, data, *more):
        real(folder, name, data, *more)
        (root / "run.sh").write_text("the user's, just now\n")

    before = {**tree(root), "run.sh": b"the user's, just now\n"}
    monkeypatch.setattr(paths, "write", write)
    with pytest.raises(ChangedSince, match=r"run\.sh has changed since, so nothing was applied"):
        undo_log.apply(root, CHANGES, "t")
    assert tree(root) == before
    assert [entry.state for entry in undo_log.list()] == ["undone"]


def test_a_save_while_it_is_put_back_is_kept_too(root, undo_log, monkeypatch):
    """A file that was written, and changed before it could go back: it is named, and undo says the same."""
    real = paths.write

    def write(folder, name, data, *more):
        if name == "run.sh":
            (root / "a.py").write_text("the user's, just now\n")
            raise OSError(28, "No space left on device", name)
        real(folder, name, data, *more)

    monkeypatch.setattr(paths, "write", write)
    with pytest.raises(undo_logs.NotRestored, match=r"No space left.*/a\.py has changed since"):
        undo_log.apply(root, CHANGES, "t")
    assert (root / "a.py").read_text() == "the user's, just now\n" and not (root / "deep").exists()
    assert [entry.state for entry in undo_log.list()] == ["applying"]
    monkeypatch.undo()
    (root / "a.py").write_text("x = 2\n")
    undo_log.undo()
    assert (root / "a.py").read_text() == "x = 1\n" and (root / "old.txt").exists()


@pytest.mark.skipif(AS_OWNER is None, reason="root may write everywhere")
def test_a_file_that_cannot_be_written_is_named_and_hides_no_earlier_change(tmp_path):
    """What was written before it goes back, the change counts as undone, and `undo` takes the one before it."""
    said = as_owner(
        tmp_path,
        """
        from edge_sale.workspace.change import Change
        root = repository(here / "p", git=False, a__py="1", ro___b__py="1")
        kept = undo_log.UndoLog(here / "undo")
        kept.apply(root, [Change("a.py", b"1", b"2")], "earlier")
        (root / "ro").chmod(0o500)
        for changes in ([Change("a.py", b"2", b"3"), Change("ro/b.py", b"1", b"2")], [Change("ro/b.py", b"1", None)]):
            try:
                kept.apply(root, changes, "later")
            except OSError as error:
                print(error.strerror, error.filename == str(root / "ro/b.py"))
        print(tree(root), [entry.state for entry in kept.list()], kept.undo().task)
        (root / "ro").chmod(0o700)
        """,
    )
    assert said.splitlines() == [
        *["Permission denied, so nothing was applied True"] * 2,
        "{'a.py': b'2', 'ro/b.py': b'1'} ['applied', 'undone', 'undone'] earlier",
    ]


def test_one_process_at_a_time(root, undo_log, monkeypatch):
    """Who comes second waits, and is told where the first one does not end."""
    monkeypatch.setattr(undo_logs, "WAIT", 0.1)
    undo_log.folder.mkdir()
    before = tree(root)
    with FileLock(undo_log.folder / ".lock"):
        for act in (lambda: undo_log.apply(root, CHANGES, "t"), undo_log.undo, undo_log.redo):
            with pytest.raises(EdgeSaleError, match="another edge-sale is applying"):
                act()
    assert tree(root) == before and undo_log.list() == []
    undo_log.apply(root, CHANGES, "t")


@pytest.mark.parametrize("turned", [False, True])
def test_a_file_becomes_a_folder_and_a_folder_a_file(tmp_path, undo_log, turned):
    """Both are applied, undone and put back; a file of the user's in the folder stops it."""
    file, folder = {"conf": b"one"}, {"conf/a": b"two", "conf/deep/b": b"three"}
    old, new = (folder, file) if turned else (file, folder)
    root = tmp_path / "p"
    for name, data in old.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    changes = [Change(name, data, None) for name, data in old.items()]
    changes += [Change(name, None, data) for name, data in new.items()]
    undo_log.apply(root, changes, "t")
    assert tree(root) == new
    undo_log.undo()
    assert tree(root) == old
    undo_log.redo()
    assert tree(root) == new
    if turned:
        undo_log.undo()
    (root / "conf/mine").write_text("the user's")
    with pytest.raises(ChangedSince, match="conf is a folder"):
        undo_log.redo() if turned else undo_log.undo()
    assert tree(root) == {**folder, "conf/mine": b"the user's"}


def test_a_damaged_entry_is_told_and_undoes_nothing(root, undo_log):
    """What was kept is not what was written: one clear line, and no file is touched."""
    entry = undo_log.apply(root, CHANGES, "t")
    (undo_log.folder / entry.id / "0.before").write_bytes(b"other")
    before = tree(root)
    with pytest.raises(EdgeSaleError, match="is damaged"):
        undo_log.undo()
    assert tree(root) == before


def test_only_so_many_changes_are_kept(root, undo_log, monkeypatch):
    monkeypatch.setattr(change_records, "KEPT", 3)
    for number in range(5):
        undo_log.apply(
            root, [Change("a.py", f"x = {number + 1}\n".encode(), f"x = {number + 2}\n".encode())], str(number)
        )
    assert sorted(entry.task for entry in undo_log.list()) == ["2", "3", "4"]


@pytest.mark.parametrize("umask, file, folder", [(0o077, 0o600, 0o700), (0o022, 0o644, 0o755), (0o002, 0o664, 0o775)])
def test_new_files_have_what_the_umask_leaves(tmp_path, undo_log, umask, file, folder):
    """As if the user had made them; a file that is there keeps its permissions."""
    root = repository(tmp_path / "p", a__py="1")
    (root / "a.py").chmod(0o640)
    before = os.umask(umask)
    try:
        at = working_copy(root, tmp_path / "s")
        at.put("new/b.py", "2")
        at.put("a.py", "2")
        undo_log.apply(root, at.copy.changes(), "t")
    finally:
        os.umask(before)
    modes = [stat.S_IMODE((root / name).stat().st_mode) for name in ("new/b.py", "new", "a.py")]
    assert modes == [file, folder, 0o640]


def test_what_is_kept_is_the_users_alone(root, undo_log):
    entry = undo_log.apply(root, CHANGES, "t")
    files = [undo_log.folder / entry.id, *(undo_log.folder / entry.id).iterdir()]
    assert {file.stat().st_mode & 0o077 for file in files} == {0}
