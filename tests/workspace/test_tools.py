"""The tools themselves: what each does for an agent, and how it refuses."""

import json
import sys
from pathlib import Path

import pytest

from edge_sale.agents.steps import act
from edge_sale.workspace import tools
from edge_sale.workspace.tool_calls import Call
from tests.workspace.kit import AS_OWNER, as_owner, repository, working_copy, wrapped


@pytest.fixture
def at(tmp_path):
    files = {"a__py": "def f(x):\n    return x\n", "long__py": "x = 1\n" * 200, "sub___b__txt": "needle\nhay\n"}
    root = repository(tmp_path / "p", **files)
    return working_copy(root, tmp_path / "s")


def do(at, name, body=None, **arguments):
    return act(at, Call(name, arguments, body))


def test_list_names_files(at):
    assert do(at, "list") == ("a.py\nlong.py\nsub/b.txt", True)
    assert do(at, "list", path="sub") == ("sub/b.txt", True)
    assert do(at, "list", path="nowhere") == ("refused: there are no files in nowhere", False)


@pytest.mark.parametrize("ripgrep", [True, False])
def test_search_finds_lines(at, ripgrep, monkeypatch):
    """With ripgrep and without, a hit is path, line and text."""
    if ripgrep and tools.shutil.which("rg") is None:
        pytest.skip("ripgrep is not installed here")
    if not ripgrep:
        monkeypatch.setattr(tools.shutil, "which", lambda *a, **k: None)
    assert do(at, "search", pattern="needle") == ("sub/b.txt:1:needle", True)
    assert do(at, "search", pattern="needle", path="a.py") == ("no line matches 'needle'", True)
    assert do(at, "search", pattern="")[1] is False


def test_read_shows_numbered_lines_and_how_many_there_are(at):
    assert do(at, "read", path="a.py") == ("1 def f(x):\n2     return x", True)
    seen, _ = do(at, "read", path="long.py", first=199)
    assert seen == "199 x = 1\n200 x = 1\n(200 lines in all)"
    assert do(at, "read", path="a.py", first=9) == ("refused: a.py has 2 lines", False)
    assert len(do(at, "read", path="long.py")[0].splitlines()) == tools.LINES + 1


def test_binary_and_large_files_are_refused(at):
    (at.copy.folder / "x.bin").write_bytes(b"\xff\xfe\x00")
    with (at.copy.folder / "big").open("wb") as file:
        file.truncate(2**30)
    assert "is not UTF-8 text" in do(at, "read", path="x.bin")[0]
    assert "larger than" in do(at, "read", path="big")[0]


def test_a_folder_is_no_file(at):
    """It is said so, and nothing stays open."""
    descriptors = Path("/proc/self/fd" if sys.platform == "linux" else "/dev/fd")
    before = len(list(descriptors.iterdir()))
    assert do(at, "read", path="sub") == ("refused: sub is a folder", False)
    assert do(at, "edit", "x", path="sub") == ("refused: sub is a folder", False)
    assert len(list(descriptors.iterdir())) == before


@pytest.mark.skipif(AS_OWNER is None, reason="root may write everywhere")
def test_what_the_system_refuses_is_told(tmp_path):
    """A command closed the folder: the agent hears of it in words without a path of this machine."""
    said = as_owner(
        tmp_path,
        """
        root = repository(here / "p", git=False, sub___b__txt="one")
        at = working_copy(root, here / "s")
        (at.copy.folder / "sub").chmod(0o500)
        print(act(at, Call("edit", {"path": "sub/b.txt"}, "two")))
        """,
    )
    assert said == "('refused: permission denied', False)\n"


def test_an_edit_that_does_not_parse_is_not_written(at):
    """The first error comes back with its line, and the file stays as it was."""
    seen, useful = do(at, "edit", "def f(x:\n    return x", path="a.py")
    assert seen.startswith("refused: a.py was not written, it would not parse: line 1: ") and not useful
    assert at.text("a.py") == "def f(x):\n    return x\n"


def test_after_two_repairs_only_a_smaller_unit_is_taken(at):
    """Three broken whole files: from then on lines are asked for; a good edit of lines clears the account."""
    for number in range(3):
        assert "would not parse" in do(at, "edit", f"def f(x:\n    return {number}", path="a.py")[0]
    assert "edit a few lines of a.py at a time" in do(at, "edit", "def f(x):\n    return 2", path="a.py")[0]
    assert do(at, "edit", "return 2", path="a.py", first=2, last=2) == ("a.py written", True)
    assert do(at, "edit", "def f(x):\n    return 3", path="a.py") == ("a.py written", True)


def test_a_file_that_did_not_parse_before_may_be_edited(at):
    """JSON with comments is what some programs read; the agent is told, and an edit that mends it is taken too."""
    at.put("tsconfig.json", '{\n  // strict\n  "strict": false\n}\n')
    seen, useful = do(at, "edit", '"strict": true', path="tsconfig.json", first=3, last=3)
    assert seen.startswith("tsconfig.json written; as before it does not parse: line 2: ") and useful
    assert '"strict": true' in at.text("tsconfig.json")
    assert do(at, "edit", '{"strict": true}', path="tsconfig.json") == ("tsconfig.json written", True)
    assert "would not parse" in do(at, "edit", '{"strict": }', path="tsconfig.json")[0]


@wrapped
def test_a_source_whose_headers_are_not_found_may_be_edited(at):
    """Only its own build knows where they are."""
    if tools.shutil.which("gcc") is None:
        pytest.skip("no gcc here")
    at.put("a.c", '#include "made_by_the_build.h"\nint f(void) { return 1; }\n')
    seen, useful = do(at, "edit", "int f(void) { return 2; }", path="a.c", first=2, last=2)
    assert seen.startswith("a.c written; as before it does not parse: a.c:1:") and useful
    assert "would not parse: b.c:" in do(at, "edit", "int f(void) { return }", path="b.c")[0]


@wrapped
def test_a_name_may_be_as_long_as_the_disk_takes_it(at):
    name = f"{'x' * 252}.sh"
    assert do(at, "edit", "echo 1", path=name) == (f"{name} written", True)
    assert [change.path for change in at.copy.changes()] == [name]


def test_an_edit_that_changes_nothing_is_refused(at):
    assert "change something" in do(at, "edit", "def f(x):\n    return x\n", path="a.py")[0]


@wrapped
@pytest.mark.parametrize("name, bad, good", [("a.sh", "if true; then", "echo 1"), ("b.js", "function (", "let x = 1")])
def test_other_languages_are_asked_of_their_compilers(at, name, bad, good):
    """Shell and JavaScript are parsed in the sandbox, where their programs are here."""
    if tools.shutil.which(tools.editing.CHECKERS[name[1:]].split()[0]) is None:
        pytest.skip(f"no compiler for {name} here")
    assert "would not parse" in do(at, "edit", bad, path=name)[0]
    assert do(at, "edit", good, path=name) == (f"{name} written", True)
    assert sorted(change.path for change in at.copy.changes()) == [name]


@wrapped
def test_run_shows_what_was_printed_and_the_exit_code(at):
    assert do(at, "run", command="cat sub/b.txt; exit 2") == ("needle\nhay\n[exit code 2]", True)


def test_run_without_a_sandbox_is_refused(at, monkeypatch, tmp_path):
    """The model is told, and nothing was run."""
    from edge_sale import sandbox

    monkeypatch.setenv("PATH", str(tmp_path))
    sandbox.bubblewrap.probe.cache_clear()
    try:
        seen, useful = do(at, "run", command=f"touch {tmp_path}/ran")
    finally:
        sandbox.bubblewrap.probe.cache_clear()
    assert seen.startswith("refused: no sandbox") and not useful and not (tmp_path / "ran").exists()


def test_what_comes_back_is_bounded(at):
    at.put("wide.json", json.dumps(["x" * 5000] * 100))
    for call in ({"name": "read", "path": "wide.json"}, {"name": "search", "pattern": "x"}):
        name = call.pop("name")
        assert len(do(at, name, **call)[0]) < 3 * tools.SHOWN
