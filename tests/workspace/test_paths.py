"""Path escapes: 200 ways out of the folder, none of which reads a secret or writes anything outside.

Each way is tried with every tool that takes a path; the control reads and writes by ordinary paths.
"""

import os
import threading
import time
import unicodedata

import pytest

from edge_sale.agents.steps import act
from edge_sale.workspace import paths
from edge_sale.workspace.paths import ToolRefused
from edge_sale.workspace.secret_names import is_secret, normalised
from edge_sale.workspace.tool_calls import Call
from tests.workspace.kit import repository, tree, working_copy

SECRET = "s3cret-of-somebody"


def ways_out(outside: str, root: str) -> list[str]:
    """Paths that lead, or are meant to lead, to a secret: 200 of them, all different."""
    up = ["..", "../..", "../../..", "a/../..", "./..", "a/./../..", "a//../..", ".//..", "a/b/../../.."]
    found = [f"{way}/home/id_ed25519" for way in up]
    found += [f"{way}/home/notes.txt" for way in up]
    found += [f"{way}/{outside.lstrip('/')}/notes.txt" for way in ("../" * n + ".." for n in range(1, 12))]
    found += [f"{outside}/notes.txt", f"/{outside}/notes.txt", f"//{outside}/notes.txt", f"/.{outside}/notes.txt"]
    found += [
        f"{root}/../home/notes.txt",
        f"{root}/a/../../home/notes.txt",
        f"{root}2/../home/notes.txt",
        root,
        f"{root}/",
    ]
    found += [
        f"{proc}{outside}/notes.txt"
        for proc in (
            "/proc/self/root",
            "/proc/1/root",
            "/proc/self/cwd/..",
            "/proc/thread-self/root",
            f"/proc/{os.getpid()}/root",
            "/proc/self/fd/3",
            "/dev/fd/3",
            "/dev/stdin",
            "/dev/shm",
            "/tmp/..",
        )
    ]
    found += ["~/.ssh/id_ed25519", "~root/.ssh/id_rsa", "$HOME/notes.txt", "${HOME}/notes.txt", "%HOME%/notes.txt"]
    found += [f"file://{outside}/notes.txt", "file:../home/notes.txt", "http://127.0.0.1/notes.txt", "\\\\host\\c$\\x"]
    # links that are in the folder already, and what is below them
    found += ["link/notes.txt", "link/id_ed25519", "link", "filelink", "deep/link/notes.txt", "loop", "loop/loop/x"]
    found += [
        "rootlink/etc/passwd",
        "proclink/self/environ",
        "parentlink/home/notes.txt",
        "chain/notes.txt",
        "dangling",
    ]
    found += ["hard.txt", "fifo", "link/../home/notes.txt", "link/./notes.txt", "LINK/notes.txt"]
    # signs that cut, hide or turn a path
    found += [f"a.txt\0{outside}/notes.txt", "a\0/../../home/notes.txt", "../home/notes.txt\0.py", "\0", "a.txt\n../x"]
    found += [f"..{sign}/home/notes.txt" for sign in ("\r", "\t", "\x0b", "\x1b", "\x7f", "\u0085")]
    found += ["..\\home\\notes.txt", "..\\..\\home\\notes.txt", "a\\..\\..\\home\\notes.txt", "C:\\notes.txt", "\\home"]
    found += ["..%2fhome%2fnotes.txt", "%2e%2e/home/notes.txt", "..%252fhome/notes.txt", "..%c0%afhome/notes.txt"]
    dots = [
        "\uff0e\uff0e",
        "\u2025",
        "\u2024\u2024",
        ".\u200b.",
        "\u202e..",
        "..\u200d",
        "\ufeff..",
        "\u3002\u3002",
        "․․",
    ]
    found += [f"{dot}/home/notes.txt" for dot in dots]
    slashes = ["\u2215", "\u2044", "\uff0f", "\u29f8", "\u2571", "\ufe68", "\u00b7"]
    found += [f"..{slash}home{slash}notes.txt" for slash in slashes]
    # git's own, written in every way that some file system takes for it
    git = [
        ".git",
        ".GIT",
        ".Git",
        ".git/",
        "./.git",
        ".git.",
        ".git ",
        ".g\u200cit",
        ".gi\u200dt",
        "git~1",
        ".git\ufeff",
        "\uff0egit",
        ".git. .",
        "a/../.git",
        "sub/.git",
        "GIT~1",
        ".\u200egit",
    ]
    found += [f"{name.rstrip('/')}/hooks/post-commit" for name in git]
    found += [
        ".git/config",
        ".git/HEAD",
        ".hg/hgrc",
        ".svn/entries",
        ".vscode/tasks.json",
        ".idea/workspace.xml",
        ".husky/pre-commit",
    ]
    # secrets in the folder itself
    found += [
        ".env",
        ".ENV",
        ".env.local",
        "config/.env",
        ".envrc",
        "prod.env",
        ".env.",
        ".e\u200bnv",
        "\uff0eenv",
        "./.env",
    ]
    found += [
        "id_rsa",
        "ID_RSA",
        "keys/id_ed25519",
        "server.pem",
        "server.KEY",
        ".netrc",
        ".npmrc",
        ".pypirc",
        ".git-credentials",
    ]
    found += [".ssh/config", ".aws/credentials", "credentials", "secrets.yaml", "secrets/prod.txt", "terraform.tfstate"]
    found += ["x" * 300, "a/" * 600 + "x", "", ".", "/", "//", "...", " ", "../", "-", "--help"]
    for before in ("deep/", "sub/../", "./deep/../", "link/", "missing/"):  # from elsewhere than the top
        found += [
            f"{before}../home/notes.txt",
            f"{before}../../home/id_ed25519",
            f"{before}.git/config",
            f"{before}.env",
            f"{before}loop/x",
            f"{before}link/notes.txt",
            f"{before}rootlink/etc/shadow",
        ]
    return list(dict.fromkeys(found))


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    """A repository beside somebody's home, with every kind of link in it, and its private copy."""
    base = tmp_path_factory.mktemp("escapes")
    home = base / "home"
    home.mkdir()
    for name in ("notes.txt", "id_ed25519"):
        (home / name).write_text(SECRET)
    root = repository(base / "project", a__txt="fine\n", deep___x__txt="fine\n", sub___y__txt="fine\n")
    for name in (
        ".env",
        ".env.local",
        "config/.env",
        "prod.env",
        "id_rsa",
        "keys/id_ed25519",
        "server.pem",
        ".netrc",
        ".npmrc",
        ".aws/credentials",
        "secrets.yaml",
        "secrets/prod.txt",
        "credentials",
        "terraform.tfstate",
    ):
        (root / name).parent.mkdir(exist_ok=True, parents=True)
        (root / name).write_text(SECRET)
    os.link(home / "notes.txt", root / "hard.txt")
    at = working_copy(root, base / "scratch")
    copy = at.copy.folder
    for folder in (root, copy):  # as they came with the repository, and as a command would make them
        for link, target in (
            ("link", home),
            ("filelink", home / "notes.txt"),
            ("deep/link", home),
            ("loop", "loop"),
            ("rootlink", "/"),
            ("proclink", "/proc"),
            ("parentlink", ".."),
            ("chain", "link"),
            ("dangling", home / "made-by-link"),
        ):
            (folder / link).symlink_to(target)
    os.mkfifo(copy / "fifo")
    return base, home, root, at


def test_there_are_two_hundred_ways(stage):
    """The list is as long as it says."""
    _, home, root, _ = stage
    found = ways_out(str(home), str(root))
    assert len(set(found)) == len(found) >= 200


def test_no_way_leads_out(stage):
    """Read, search, list and edit by every way: no secret comes back, nothing outside is written or made."""
    _, home, root, at = stage
    before, theirs = tree(home), tree(root)
    leaks = []
    for way in ways_out(str(home), str(root)):
        for call in (
            Call("read", {"path": way}),
            Call("search", {"pattern": "s3cret|notes", "path": way}),
            Call("list", {"path": way}),
            Call("edit", {"path": way}, "planted by a model\n"),
        ):
            seen, _ = act(at, call)
            if SECRET in seen:
                leaks.append((way, call.name, seen))
    assert leaks == []
    assert tree(home) == before and sorted(home.iterdir()) == [home / "id_ed25519", home / "notes.txt"]
    assert tree(root) == theirs
    assert not (root / ".git/hooks/post-commit").exists()


def test_what_was_written_is_never_taken_over_where_it_is_closed(stage):
    """Of all that was tried no change lies in git's own, in an editor's settings or in a secret's file."""
    _, _, _, at = stage
    assert [
        c.path
        for c in at.copy.changes()
        if paths.is_protected(c.path) or is_secret(c.path) or ".." in c.path.split("/")
    ] == []


def test_ordinary_paths_work(tmp_path):
    """The control: plain, absolute and odd but harmless names are read and written."""
    at = working_copy(repository(tmp_path / "project", a__txt="fine\n"), tmp_path / "scratch")
    for way in ("a.txt", "./a.txt", f"{tmp_path}/project/a.txt"):
        assert act(at, Call("read", {"path": way})) == ("1 fine", True)
    for name in (
        "new.txt",
        "sub/deep/new.txt",
        "naïve ü.txt",
        "with space.txt",
        ".gitignore",
        ".env.example",
        "secrets.py",
    ):
        assert act(at, Call("edit", {"path": name}, "text\n")) == (f"{name} written", True)
        assert (at.copy.folder / name).read_text() == "text\n"


def test_a_link_put_in_place_meanwhile_is_not_followed(tmp_path):
    """A thousand reads and writes while a folder is swapped for a link and back: no harm."""
    folder, home = tmp_path / "copy", tmp_path / "home"
    (folder / "real").mkdir(parents=True)
    home.mkdir()
    (folder / "real/f.txt").write_text("fine")
    (home / "f.txt").write_text(SECRET)
    over = threading.Event()

    def swap():
        while not over.is_set():
            (folder / "real").rename(folder / "aside")
            (folder / "real").symlink_to(home)
            time.sleep(0.0005)
            (folder / "real").unlink()
            (folder / "aside").rename(folder / "real")
            time.sleep(0.0005)

    thread = threading.Thread(target=swap)
    thread.start()
    seen, refused = set(), 0
    try:
        for _ in range(1000):
            try:
                seen.add(paths.read(folder, "real/f.txt"))
                paths.write(folder, "real/g.txt", b"mine")
            except ToolRefused:
                refused += 1
            except FileNotFoundError:  # the folder was being moved
                refused += 1
    finally:
        over.set()
        thread.join()
    assert seen <= {b"fine"} and seen and refused
    assert sorted(p.name for p in home.iterdir()) == ["f.txt"] and (home / "f.txt").read_text() == SECRET


@pytest.mark.parametrize(
    "name", [".env", "a/.ENV.local", "x.pem", ".ssh/known_hosts", "secrets.toml", "\uff0eenv", ".env\u200b"]
)
def test_secrets_are_known_by_their_names(name):
    """Whatever its case and its invisible signs, a secret's name is known for one."""
    assert is_secret(name)


@pytest.mark.parametrize(
    "name", [".env.example", "secrets.py", "environment.md", "monkey.py", "id_rsa.pub", "tokens.py"]
)
def test_ordinary_names_are_no_secrets(name):
    """What only sounds like a secret is read."""
    assert not is_secret(name)


def test_a_write_replaces_a_hard_link_and_keeps_permissions(tmp_path):
    """A second name of the same file elsewhere keeps its content; a script stays executable."""
    (tmp_path / "w").mkdir()
    (tmp_path / "w/run.sh").write_text("old")
    (tmp_path / "w/run.sh").chmod(0o755)
    os.link(tmp_path / "w/run.sh", tmp_path / "elsewhere")
    paths.write(tmp_path / "w", "run.sh", b"new")
    assert (tmp_path / "elsewhere").read_text() == "old"
    assert (tmp_path / "w/run.sh").read_text() == "new" and (tmp_path / "w/run.sh").stat().st_mode & 0o777 == 0o755


def test_plain_folds_what_file_systems_fold():
    """Compared are names as the most forgiving file system would."""
    assert normalised("\uff0eGi\u200ct. ") == ".git"
    assert unicodedata.normalize("NFKC", "\uff0e") == "."
