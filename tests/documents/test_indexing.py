"""An index follows its folder, goes on where it was stopped, and is stopped by no file."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import apsw
import pytest

from edge_sale.documents import indexes, indexing, texts
from edge_sale.documents.indexing import update
from edge_sale.documents.store import Library
from edge_sale.documents.walk import Wanted
from edge_sale.errors import LibraryFault
from tests.documents.kit import Bags, indexed, paths, pdf, write

OLD = 1_700_000_000  # seconds since 1970: long before any test


def aged(folder: Path) -> Path:
    """The folder, as if nobody had touched it for long."""
    for file in folder.rglob("*"):
        os.utime(file, (OLD, OLD), follow_symlinks=False)
    return folder


def sound(library: Library) -> None:
    """Rows, words and vectors are of the same passages: what integrity_check cannot see."""
    db = apsw.Connection(str(library.file))
    assert db.pragma("integrity_check") == "ok"
    embedded = {n for (n,) in db.execute("SELECT number FROM passages WHERE embedded")}
    assert {n for (n,) in db.execute("SELECT rowid FROM vectors_rowids")} == embedded
    assert not list(db.execute("SELECT passage FROM names WHERE passage NOT IN (SELECT number FROM passages)"))
    db.execute("INSERT INTO words (words, rank) VALUES ('integrity-check', 1)")  # raises where the words are others
    db.close()


def test_only_what_changed_is_read_and_embedded_again(tmp_path: Path):
    """A second run over the same folder does nothing; a changed, a new and a removed file are followed."""
    folder = aged(write(tmp_path / "d", {"a.md": "# A\napples", "b.md": "# B\nbears", "c.md": "# C\ncats"}))
    embedder = Bags()
    library, first = indexed(tmp_path, folder, embedder)
    assert (first.new, first.passages, len(embedder.seen)) == (3, 3, 3)
    again = update(library, Wanted())
    assert (again.new, again.changed, again.unchanged, len(embedder.seen)) == (0, 0, 3, 3)
    write(folder, {"b.md": "# B\nbees", "d.md": "# D\ndogs"})
    (folder / "c.md").unlink()
    report = update(library, Wanted())
    assert (report.new, report.changed, report.removed, report.unchanged) == (1, 1, 1, 1)
    assert len(embedder.seen) == 5
    assert not [passage for passage in library.search("cats", 9) if "cats" in passage.text]
    assert library.search("bees", 1)[0].place == "b.md:1-2"
    sound(library)


def test_a_touched_or_moved_file_costs_no_vector(tmp_path: Path):
    """It is the content that counts: not the time stamp, not the name, and not the neighbouring sections."""
    sections = {f"# S{n}": f"words of section {n} " * 30 for n in range(20)}
    text = "\n\n".join(f"{head}\n{body}" for head, body in sections.items())
    folder = write(tmp_path / "d", {"a.md": text})
    embedder = Bags()
    library, _ = indexed(tmp_path, folder, embedder)
    made = len(embedder.seen)
    os.utime(folder / "a.md")
    update(library, Wanted())
    (folder / "a.md").rename(folder / "moved.md")
    update(library, Wanted())
    assert (paths(library), len(embedder.seen)) == (["moved.md"], made)
    (folder / "moved.md").write_text(text.replace("section 7 ", "paragraph 7 "))
    update(library, Wanted())
    assert len(embedder.seen) == made + 1
    sound(library)


def test_a_change_within_one_time_stamp_is_seen(tmp_path: Path):
    """A file that was written again right after it was read, with the same size and time, is read again."""
    folder = write(tmp_path / "d", {"a.md": "apples"})
    stamp = (folder / "a.md").stat().st_mtime_ns
    library, _ = indexed(tmp_path, folder)
    (folder / "a.md").write_text("orange")
    os.utime(folder / "a.md", ns=(stamp, stamp))
    assert update(library, Wanted()).changed == 1


def test_another_embedder_makes_all_vectors_anew(tmp_path: Path):
    """Vectors of two models never meet in one index."""
    folder = write(tmp_path / "d", {"a.md": "apples", "b.md": "bears"})
    library, _ = indexed(tmp_path, folder)
    library.close()
    other = Bags(identity="bags-2", dimension=32)
    library, report = indexed(tmp_path, folder, other)
    assert (report.unchanged, report.passages, library.size().waiting) == (2, 2, 0)
    assert library.search("bears", 1)[0].path == "b.md"
    sound(library)


CHILD = """
import sys, time
from pathlib import Path
sys.path.insert(0, {root!r})
from tests.documents.kit import Bags, indexed
class Slow(Bags):
    def embed(self, texts):
        print(len(texts), flush=True)
        time.sleep(0.03)
        return super().embed(texts)
indexed(Path({tmp!r}), Path({folder!r}), Slow())
print("done", flush=True)
"""


def test_a_killed_run_is_gone_on_with(tmp_path: Path):
    """After kill -9 at 6 moments the index is sound each time, keeps what it had, and ends complete."""
    files = {f"f{n}.md": "\n\n".join(f"# T{n}.{i}\nword{n} item{i} " + "x " * 30 for i in range(10)) for n in range(60)}
    folder = write(tmp_path / "d", files)
    root = str(Path(__file__).parents[2])
    code = textwrap.dedent(CHILD.format(root=root, tmp=str(tmp_path), folder=str(folder)))
    had, killed = -1, 0
    for turn in range(6):
        child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        for _ in range(1 + turn % 3):
            line = child.stdout.readline()
        if line.strip() in ("done", ""):
            child.wait()
            break
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        killed += 1
        library = Library.open(tmp_path / "index.sqlite")
        size = library.size()
        sound(library)
        library.close()
        assert size.passages - size.waiting > had or turn % 3 == 0
        had = max(had, size.passages - size.waiting)
    assert killed >= 4
    embedder = Bags()
    library, _ = indexed(tmp_path, folder, embedder)
    size = library.size()
    assert (size.files, size.passages, size.waiting) == (60, 600, 0)
    assert len(embedder.seen) == 600 - had
    sound(library)


def test_no_file_stops_the_others(tmp_path: Path):
    """Damaged, binary, huge, locked, empty, keyed: each is told in one line with its reason; the rest is indexed."""
    folder = write(
        tmp_path / "d",
        {
            "good.md": "apples",
            "zz.pdf": pdf(["A pear is green.", "A plum is blue."]),
            "cut.pdf": pdf(["pears"])[:200],
            "not.pdf": "%PDF-1.7 nothing else",
            "image.png": bytes(range(256)) * 40,
            "nul.txt": "text\0text",
            "key.txt": "-----BEGIN OPENSSH PRIVATE KEY-----\nabc",
            "empty.txt": "",
            "latin.txt": "caf\xe9 au lait".encode("latin-1"),
            "utf16.txt": "pomegranate".encode("utf-16"),
            "scan.pdf": pdf([""]),
        },
    )
    with (folder / "huge.log").open("wb") as huge:
        huge.truncate(1 << 30)  # sparse: a gigabyte that takes no room
    (folder / "loop").symlink_to(folder)
    library, report = indexed(tmp_path, folder)
    told = dict(report.left_out)
    assert set(told) == {"cut.pdf", "not.pdf", "image.png", "nul.txt", "key.txt", "huge.log", "loop", "scan.pdf"}
    assert told["huge.log"] == "1074 MB, over the bound of 32 MB (--max-mb)"
    assert told["image.png"] == told["nul.txt"] == "binary file"
    assert told["cut.pdf"].startswith("damaged PDF") and told["not.pdf"].startswith("damaged PDF")
    assert told["scan.pdf"] == "a PDF without text (a scan?)"
    assert [why for why in told.values() if "\n" in why] == []
    assert paths(library) == ["empty.txt", "good.md", "latin.txt", "utf16.txt", "zz.pdf"]
    assert library.search("which plum is blue", 1)[0].place == "zz.pdf, page 2"
    assert library.search("pomegranate", 1)[0].path == "utf16.txt"
    assert library.search("café", 1)[0].path == "latin.txt"
    assert dict(update(library, Wanted()).left_out) == told  # told again, not read again and not forgotten
    assert "key.txt" in paths(indexed(tmp_path, folder, wanted=Wanted(secrets=True))[0])


@pytest.mark.skipif(os.geteuid() == 0 and shutil.which("setpriv") is None, reason="root may read everything")
def test_what_may_not_be_read_is_told(tmp_path: Path):
    """A file and a folder without permission are named; the rest is indexed."""
    folder = write(tmp_path / "d", {"a.md": "apples", "closed.md": "no", "shut/b.md": "no"})
    (folder / "closed.md").chmod(0)
    (folder / "shut").chmod(0)
    tmp_path.chmod(0o777)
    folder.chmod(0o755)
    code = f"""
from pathlib import Path
from edge_sale.documents.walk import Wanted, walk
from edge_sale.documents.texts import Unreadable, read
for one in walk(Path({str(folder)!r}), Wanted()):
    try:
        read(Path({str(folder)!r}) / one.path, 1000)
        print(one.path, "read")
    except Unreadable as why:
        print(one.path, why)
"""
    if os.geteuid() != 0:
        command = [sys.executable, "-c", code]
    else:
        nobody = ["setpriv", "--reuid", "65534", "--clear-groups", "--inh-caps=-all", "--bounding-set=-all"]
        command = [*nobody, sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"})
    (folder / "shut").chmod(0o755)
    if done.returncode and "Permission" in done.stderr:
        pytest.skip("another user may not run this Python")
    assert done.stdout.splitlines() == [
        "a.md read",
        "closed.md cannot be read: Permission denied",
        "shut cannot be read: Permission denied",
    ]


def test_a_file_that_changes_while_it_is_read_is_told_and_kept_as_it_was(tmp_path: Path, monkeypatch):
    """No half of one state and half of another gets in; the state that was indexed last stays."""
    folder = aged(write(tmp_path / "d", {"a.md": "apples " * 1000, "b.md": "bears"}))
    library, _ = indexed(tmp_path, folder)
    (folder / "a.md").write_text("oranges " * 1000)
    real, looks = os.fstat, []

    def meddling(handle: int) -> os.stat_result:
        """Somebody writes to the file after every look at it."""
        seen = real(handle)
        looks.append(handle)
        (folder / "a.md").write_text("oranges " * (1000 + len(looks)))
        return seen

    monkeypatch.setattr(texts.os, "fstat", meddling)
    report = update(library, Wanted())
    monkeypatch.undo()
    assert len(looks) == 2 * texts.TRIES
    assert report.left_out == [("a.md", "changes while it is read; index again when it no longer does")]
    assert library.search("apples", 1)[0].path == "a.md"
    assert update(library, Wanted()).changed == 1  # at rest
    assert "oranges" in library.search("oranges", 1)[0].text


def test_a_full_disk_is_one_line_and_nothing_is_lost(tmp_path: Path):
    """Where no page can be added the run stops with the way out, and goes on once there is room."""
    folder = write(tmp_path / "d", {f"f{n}.md": f"# T{n}\n" + f"word{n} " * 150 for n in range(200)})
    library = Library.open(tmp_path / "index.sqlite", folder, Bags())
    pages = library._db.pragma("page_count")
    library._db.pragma("max_page_count", pages + 60)
    with pytest.raises(LibraryFault, match="the disk is full; free some space and index again: it goes on"):
        update(library, Wanted())
    kept = library.size()
    assert 0 < kept.files < 200
    sound(library)
    library._db.pragma("max_page_count", 1_000_000)
    update(library, Wanted())
    size = library.size()
    assert (size.files, size.waiting) == (200, 0)
    sound(library)


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("mount") is None, reason="needs root and mount for a small disk")
def test_a_really_full_disk(tmp_path: Path):
    """The same on a file system of 4 MB that is full."""
    folder = write(tmp_path / "d", {f"f{n}.md": f"# T{n}\n" + f"word{n} other{n} " * 60 for n in range(1500)})
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", disk], capture_output=True).returncode:
        pytest.skip("no tmpfs may be mounted here")
    try:
        library = Library.open(disk / "index.sqlite", folder, Bags())
        with pytest.raises(LibraryFault, match=r"the disk is full|cannot be read or written"):
            update(library, Wanted())
        library.close()
        subprocess.run(["mount", "-o", "remount,size=64m", disk], check=True)
        library = Library.open(disk / "index.sqlite", folder, Bags())
        update(library, Wanted())
        assert (library.size().files, library.size().waiting) == (1500, 0)
        sound(library)
        library.close()
    finally:
        subprocess.run(["umount", disk], check=True)


@pytest.mark.parametrize("content", [b"not a database at all, but long enough to look at" * 40, b"\0" * 4096])
def test_a_file_that_is_no_index_is_refused(tmp_path: Path, content: bytes):
    """What stands in the index's place is named and left as it is."""
    (tmp_path / "index.sqlite").write_bytes(content)
    folder = write(tmp_path / "d", {"a.md": "apples"})
    with pytest.raises(LibraryFault, match=r"index\.sqlite: "):
        indexed(tmp_path, folder)
    assert (tmp_path / "index.sqlite").read_bytes() == content


def test_two_do_not_index_the_same_folder_at_once(tmp_path: Path):
    """The second is told; the first goes on."""
    second = indexes.locked(tmp_path / "i.sqlite", seconds=0)
    with indexes.locked(tmp_path / "i.sqlite"), pytest.raises(LibraryFault, match="by another process"), second:
        pass
    with indexes.locked(tmp_path / "i.sqlite"):  # the control: one after the other
        pass


def test_progress_comes_to_its_end(tmp_path: Path):
    """Stages are counted up to their totals, so that the time left can be told."""
    folder = write(tmp_path / "d", {f"f{n}.md": f"apples {n}" for n in range(70)})
    heard: list[tuple[str, int, int]] = []
    library = Library.open(tmp_path / "index.sqlite", folder, Bags())
    indexing.update(library, Wanted(), lambda *said: heard.append(said))
    assert [h for h in heard if h[0] == "reading"][-1] == ("reading", 70, 0)
    assert [h for h in heard if h[0] == "embedding"] == [("embedding", n, 70) for n in (32, 64, 70)]
