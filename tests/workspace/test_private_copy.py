"""The private copy: what is in it, what is not, and what of it is taken over."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from edge_sale import settings
from edge_sale.errors import TaskError
from edge_sale.workspace import file_list, git
from edge_sale.workspace import private_copy as copies
from edge_sale.workspace.change import Change
from edge_sale.workspace.patch import as_patch, summary
from edge_sale.workspace.private_copy import private_copy
from tests.workspace.kit import AS_OWNER, as_owner, repository, run_git, tree


@pytest.fixture
def root(tmp_path):
    return repository(tmp_path / "project", a__py="x = 1\n", sub___b__txt="one\ntwo\n", __gitignore="ignored\n*.log\n")


def test_uncommitted_work_is_in_the_copy(root, tmp_path):
    """Changed and new files are copied as they stand; what git ignores and what was deleted is not."""
    (root / "a.py").write_text("x = 2\n")
    (root / "new.py").write_text("y = 1\n")
    (root / "ignored").write_text("secret of somebody")
    (root / "sub/b.txt").unlink()
    made = private_copy(root, tmp_path / "s")
    assert made.files == [".gitignore", "a.py", "new.py"]
    assert (made.folder / "a.py").read_text() == "x = 2\n" and made.changes() == []


def test_gits_own_files_are_left_alone(root, tmp_path):
    """A copy leaves nothing in `.git`: no worktree, no lock, no refreshed index."""
    before = {file: file.stat().st_mtime_ns for file in (root / ".git").rglob("*")}
    made = private_copy(root, tmp_path / "s")
    (made.folder / "a.py").write_text("x = 3\n")
    assert [change.path for change in made.changes()] == ["a.py"]
    assert {file: file.stat().st_mtime_ns for file in (root / ".git").rglob("*")} == before


def test_a_repository_of_a_stranger_runs_nothing(root, tmp_path):
    """git's configuration can name programs to be run; none of them is."""
    run_git(root, "config", "core.fsmonitor", f"touch {tmp_path}/ran; true")
    private_copy(root, tmp_path / "s")
    assert not (tmp_path / "ran").exists()
    subprocess.run(["git", "-C", str(root), "status"], capture_output=True)
    assert (tmp_path / "ran").exists()  # the control: git by itself does


def test_a_folder_that_a_repository_around_it_ignores_is_copied(tmp_path):
    """To git it is nothing; to the user who names it, it is the work: its files are seen, and new ones taken over."""
    repository(tmp_path / "outer", __gitignore="tmp/\n", tmp___mine___a__py="x", tmp___mine___b__log="y")
    made = private_copy(tmp_path / "outer/tmp/mine", tmp_path / "s")
    assert made.files == ["a.py", "b.log"]
    (made.folder / "new.py").write_text("y")
    assert [change.path for change in made.changes()] == ["new.py"]


def test_gits_variables_lead_nowhere_else(root, tmp_path, monkeypatch):
    """In a hook they name the repository that the hook is of."""
    other = repository(tmp_path / "other", z__py="z")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other))
    monkeypatch.setenv("GIT_INDEX_FILE", str(other / ".git/index"))
    made = private_copy(root, tmp_path / "s")
    assert made.files == [".gitignore", "a.py", "sub/b.txt"]
    (made.folder / "x.log").write_text("ignored here")
    assert made.changes() == []


def git_before_gits(monkeypatch, folder, script):
    """A git of our own on PATH, before the real one."""
    folder.mkdir()
    (folder / "git").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


def test_a_file_that_is_being_merged_is_copied_once(root, tmp_path, monkeypatch):
    """git lists each side of it, and makes one of them by itself only in newer versions: this is an older one."""
    run_git(root, "checkout", "-q", "-b", "one")
    (root / "a.py").write_text("x = 1.5\n")
    run_git(root, "commit", "-qam", "one")
    run_git(root, "checkout", "-q", "-")
    (root / "a.py").write_text("x = 2.5\n")
    run_git(root, "commit", "-qam", "two")
    with pytest.raises(subprocess.CalledProcessError):
        run_git(root, "merge", "one")
    assert run_git(root, "ls-files", "-c").count("a.py") == 3
    older = f'case "$*" in *--deduplicate*) exit 129 ;; esac; exec {shutil.which("git")} "$@"'
    git_before_gits(monkeypatch, tmp_path / "bin", older)
    assert private_copy(root, tmp_path / "s").files == [".gitignore", "a.py", "sub/b.txt"]


def test_a_git_that_does_not_answer_is_told(root, tmp_path, monkeypatch):
    git_before_gits(monkeypatch, tmp_path / "bin", "exec sleep 60")
    monkeypatch.setattr(git, "SECONDS", 0.2)
    with pytest.raises(TaskError, match=r"git did not answer within 0\.2 s"):
        private_copy(root, tmp_path / "s")


@pytest.mark.parametrize("git", [True, False])
@pytest.mark.parametrize("home", ["home", "."])
def test_what_is_edge_sales_own_is_neither_copied_nor_written(tmp_path, monkeypatch, git, home):
    """Memory, sessions, log and the copy itself, where they lie in the folder: it does not copy itself either."""
    root = repository(tmp_path / "p", git=git, a__py="x", home2___b__txt="y", models__py="z")
    monkeypatch.setenv("EDGE_SALE_HOME", str(root / home))
    places = settings.load().places
    own = ("memory.sqlite", "memory.sqlite-wal", "egress.jsonl", "sessions/1.jsonl", "undo/1/0.before")
    for name in own:
        (root / home / name).parent.mkdir(parents=True, exist_ok=True)
        (root / home / name).write_text("what was said")
    made = private_copy(root, root / home / "cache/work/1", own=places)
    assert made.files == ["a.py", "home2/b.txt", "models.py"]
    (made.folder / home).mkdir(exist_ok=True)
    (made.folder / home / "config.toml").write_text("sandbox = 'none'")
    assert made.changes() == []
    elsewhere = private_copy(root, root / "scratch", ["a.py"], places)
    assert elsewhere.files == made.files


def test_secrets_are_left_out_and_said(root, tmp_path):
    """`.env` and keys are not in the copy, tracked or not, unless they are allowed by name."""
    (root / ".env").write_text("KEY=1")
    (root / "server.pem").write_text("-----")
    run_git(root, "add", ".env")
    made = private_copy(root, tmp_path / "s")
    assert ".env" not in made.files and "server.pem" not in made.files
    assert made.left_out == ("left out as secrets (--allow FILE lets them be read): .env, server.pem",)
    assert ".env" in private_copy(root, tmp_path / "s2", [".env"]).files
    assert made.changes() == []  # what was never there is not deleted


@pytest.mark.parametrize("git", [True, False])
def test_what_is_allowed_is_there_whatever_git_ignores_and_however_it_is_written(tmp_path, git):
    """`.env` stands in most .gitignore files; its changes are taken over like any other's."""
    root = repository(tmp_path / "p", git=git, __gitignore=".env\n", __env="KEY=1\n", sub___a__txt="x")
    (root / ".cache").mkdir()
    (root / ".cache/kept.txt").write_text("x")
    (root / "way").symlink_to("sub")
    for name in (".env", "./.env", "sub/../.env", f"{root}/.env", "way/../.env"):
        made = private_copy(root, tmp_path / name.replace("/", "-"), [name, ".cache/kept.txt", "way/a.txt"])
        assert made.files == [".cache/kept.txt", ".env", ".gitignore", "sub/a.txt"]
        assert made.allowed == {".env", ".cache/kept.txt", "sub/a.txt"} and made.left_out == ()
    (made.folder / ".env").write_text("KEY=2\n")
    assert [change.path for change in made.changes()] == [".env"]
    made.restore()
    assert made.changes() == []
    for name in ("../p2/x", "/etc/passwd", ".."):
        with pytest.raises(TaskError, match="lies outside"):
            private_copy(root, tmp_path / "s", [name])


def test_an_allowed_file_that_is_not_there_is_told(root, tmp_path):
    with pytest.raises(TaskError, match=r"--allow nothing\.env: there is no such file"):
        private_copy(root, tmp_path / "s", ["nothing.env"])


def test_links_and_odd_files_are_left_out_and_said(root, tmp_path):
    """Links that lead outside, pipes, and hard links from elsewhere are named; a link inside is a link."""
    (root / "out").symlink_to("/etc/passwd")
    (root / "in").symlink_to("a.py")
    os.link(root / "sub/b.txt", tmp_path / "elsewhere")
    (tmp_path / "key").write_text("k")
    os.link(tmp_path / "key", root / "hard")
    made = private_copy(root, tmp_path / "s")
    assert (made.folder / "in").is_symlink() and (made.folder / "in").read_text() == "x = 1\n"
    assert not (made.folder / "out").exists() and not (made.folder / "hard").exists()
    assert sorted(line.split(":")[1].strip() for line in made.left_out) == ["hard", "out"]
    assert "sub/b.txt" in made.files  # git keeps it: it is the repository's own


def test_without_git_all_but_caches_is_copied(tmp_path):
    root = repository(tmp_path / "plain", git=False, a__py="x", __pycache_____a__pyc="x", node_modules___m__js="x")
    (root / ".venv").mkdir()
    (root / ".venv/pyvenv.cfg").write_text("home = /usr/bin")
    assert private_copy(root, tmp_path / "s").files == ["a.py"]


def test_no_more_files_are_looked_at_than_may_be_copied(tmp_path, monkeypatch):
    root = repository(tmp_path / "p", git=False, **{f"f{n}": "x" for n in range(9)})
    monkeypatch.setattr(copies, "MAX_FILES", 5)
    monkeypatch.setattr(file_list, "MAX_FILES", 5)
    with pytest.raises(TaskError, match="more than 5 files"):
        private_copy(root, tmp_path / "s")
    assert len(file_list.list_files(root)) == 6


@pytest.mark.parametrize("name", ["/", "home", "missing", "file"])
def test_folders_that_are_no_project_are_refused(name, tmp_path, monkeypatch):
    """The root, a home folder, nothing and a file are each refused in a line."""
    (tmp_path / "file").write_text("x")
    monkeypatch.setattr(copies.Path, "home", lambda: tmp_path / "home")
    (tmp_path / "home").mkdir()
    where = copies.Path("/") if name == "/" else tmp_path / name
    with pytest.raises(TaskError, match=r"holds your home folder|no such folder|is not a folder"):
        private_copy(where, tmp_path / "s")


def test_a_folder_that_is_too_large_is_refused(root, tmp_path, monkeypatch):
    monkeypatch.setattr(copies, "MAX_TOTAL", 5)
    with pytest.raises(TaskError, match="give a folder below it with --repo"):
        private_copy(root, tmp_path / "s")


def test_changes_are_what_was_written_made_and_taken_away(root, tmp_path):
    """A changed, a new, a deleted and a newly executable file; what git ignores, links and pipes are none."""
    made = private_copy(root, tmp_path / "s")
    (made.folder / "a.py").write_text("x = 2\n")
    (made.folder / "sub/b.txt").unlink()
    (made.folder / "new/deep").mkdir(parents=True)
    (made.folder / "new/deep/c.txt").write_text("c")
    (made.folder / "run.log").write_text("ignored")
    (made.folder / "link").symlink_to("/etc/passwd")
    os.mkfifo(made.folder / "pipe")
    (made.folder / ".gitignore").chmod(0o755)
    assert [(c.path, c.before, c.after) for c in made.changes()] == [
        (".gitignore", b"ignored\n*.log\n", b"ignored\n*.log\n"),
        ("a.py", b"x = 1\n", b"x = 2\n"),
        ("new/deep/c.txt", None, b"c"),
        ("sub/b.txt", b"one\ntwo\n", None),
    ]


@pytest.mark.parametrize("git", [True, False])
def test_what_a_check_leaves_behind_is_no_change(tmp_path, git):
    """Caches of its own are not the agent's work, whether git is told of them or not; a file that is kept is."""
    root = repository(tmp_path / "p", git=git, test_a__py="def test(): pass\n", __coverage="kept")
    made = private_copy(root, tmp_path / "s")
    subprocess.run([sys.executable, "-m", "pytest", "-q"], cwd=made.folder, check=True, capture_output=True)
    for name in (".coverage", ".coverage.h.1", "src/p.egg-info/PKG-INFO", ".mypy_cache/x.json", "__pycache__/a.pyc"):
        (made.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (made.folder / name).write_text("x")
    assert (made.folder / ".pytest_cache/.gitignore").exists()
    assert [change.path for change in made.changes()] == ([".coverage"] if git else [])


def test_a_change_with_its_time_set_back_is_seen(root, tmp_path):
    """Same size, same modification time: the time of the last change of any kind still tells."""
    made = private_copy(root, tmp_path / "s")
    file = made.folder / "a.py"
    about = file.stat()
    with file.open("r+") as stream:
        stream.write("x = 7\n")
    os.utime(file, ns=(about.st_atime_ns, about.st_mtime_ns))
    assert [change.path for change in made.changes()] == ["a.py"]


def test_restore_puts_everything_back(root, tmp_path):
    """After any damage the copy is what it was, and has no changes."""
    made = private_copy(root, tmp_path / "s")
    before = tree(made.folder)
    (made.folder / "a.py").unlink()
    (made.folder / "a.py").mkdir()
    (made.folder / "a.py/inside").write_text("x")
    (made.folder / "sub/b.txt").write_text("other")
    (made.folder / "more").write_text("x")
    (made.folder / "link").symlink_to("/")
    made.restore()
    assert tree(made.folder) == before and made.changes() == [] and not (made.folder / "link").is_symlink()


def test_files_that_no_walk_sees_are_never_taken_for_deleted(root, tmp_path):
    """Tracked files in a folder of dependencies, and closed ones that the user allowed."""
    for name in ("node_modules/a.js", "fixtures/venv/b.py", ".edge-sale.toml"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("x")
    run_git(root, "add", "-f", ".")
    made = private_copy(root, tmp_path / "s", [".edge-sale.toml"])
    assert {"node_modules/a.js", "fixtures/venv/b.py", ".edge-sale.toml"} <= set(made.files)
    assert made.changes() == []
    (made.folder / "a.py").unlink()
    made.restore()
    assert made.changes() == [] and (made.folder / "node_modules/a.js").read_text() == "x"


def test_restore_keeps_links_and_large_files(root, tmp_path):
    """Links to somewhere inside stand again, and a file that is larger than what a tool may write comes back whole."""
    (root / "alias.py").symlink_to("a.py")
    (root / "folder").symlink_to("sub")
    (root / "big.bin").write_bytes(b"x" * (5 * 2**20))
    made = private_copy(root, tmp_path / "s")
    os.utime(made.folder / "big.bin")
    (made.folder / "alias.py").unlink()
    (made.folder / "alias.py").symlink_to("/etc/passwd")
    (made.folder / "folder").unlink()
    made.restore()
    assert (made.folder / "alias.py").readlink() == Path("a.py") and (made.folder / "folder").readlink() == Path("sub")
    assert (made.folder / "big.bin").stat().st_size == 5 * 2**20 and made.changes() == []


@pytest.mark.skipif(AS_OWNER is None, reason="root may read and write everywhere")
def test_what_a_command_closes_is_opened_again(tmp_path):
    """Nothing in a closed folder counts as deleted, it is put back, and no copy of a file stays on the disk."""
    said = as_owner(
        tmp_path,
        """
        root = repository(here / "p", git=False, a__py="x", sub___b__txt="one", sub___deep___c__txt="two")
        made = copy.private_copy(root, here / "s")
        def close():
            (made.folder / "sub/b.txt").write_text("new")
            (made.folder / "sub/made").write_text("new")
            for name in ("sub/deep", "sub", "."):
                (made.folder / name).chmod(0)
        close()
        print([(change.path, change.after) for change in made.changes()])
        close()
        made.restore()
        print(tree(made.folder) == tree(root), made.changes())
        close()
        made.close()
        print(list((here / "s").iterdir()))
        """,
    )
    assert said.splitlines() == ["[('sub/b.txt', b'new'), ('sub/made', b'new')]", "True []", "[]"]


@pytest.mark.skipif(AS_OWNER is None, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_left_out_and_said(tmp_path):
    said = as_owner(
        tmp_path,
        """
        root = repository(here / "p", a__py="x", shut__txt="y")
        (root / "shut.txt").chmod(0)
        made = copy.private_copy(root, here / "s")
        print(made.files, made.left_out, made.changes())
        """,
    )
    assert said == "['a.py'] ('could not be read: shut.txt',) []\n"


def test_the_patch_is_one_that_git_applies(root, tmp_path):
    """Applied by git to the folder, the patch gives just what stands in the copy."""
    made = private_copy(root, tmp_path / "s")
    (made.folder / "a.py").write_text("x = 2\nno end of line")
    (made.folder / "sub/b.txt").unlink()
    (made.folder / "ü new.txt").write_text("one\n\ntwo\n")
    (made.folder / "run.sh").write_text("#!/bin/sh\n")
    (made.folder / "run.sh").chmod(0o755)
    (made.folder / "crlf.txt").write_bytes(b"a\r\nb\x0cc\r\n")
    changes = made.changes()
    done = subprocess.run(
        ["git", "apply", "--whitespace=nowarn", "-"], cwd=root, input=as_patch(changes).encode(), capture_output=True
    )
    assert done.stderr == b"" and done.returncode == 0
    assert tree(root) == tree(made.folder)
    assert os.access(root / "run.sh", os.X_OK)
    assert summary(changes)[0] == "changed a.py (+2 −1)"


def test_a_binary_file_is_in_the_patch_too():
    assert "GIT binary patch" in as_patch([Change("x.png", None, b"\x00\x01")]).splitlines()
