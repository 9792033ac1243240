"""A mistake ends in one line that names the problem and the way out, and in the right exit code."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from tests.cli.kit import EDGE_SALE, STARTER, edge, new_home, only_document, shell

RUN = ("run", "Say yes.")
CASES = [
    # arguments, exit code, what the message says
    (("run", ""), 1, "the task is empty"),
    (("run", " \n "), 1, "the task is empty"),
    (("run",), 1, "the task is empty"),  # standard input is empty
    (("run", "-f", "nowhere.txt"), 1, "nowhere.txt: cannot be read: No such file"),
    (("run", "-f", os.sep), 1, "cannot be read: Is a directory"),
    ((*RUN, "-f", "x"), 2, "either as an argument or with --file"),
    (("run", "Say", "yes."), 2, 'put it in quotes: edge-sale run "Say yes."'),
    ((*RUN, "--pool", "startr"), 1, "starter; did you mean 'starter'?"),
    ((*RUN, "--agent", "senor"), 1, "unknown agent 'senor'; known: junior, lists, senior, texts; did you mean"),
    ((*RUN, "--domain", "rust"), 2, "'rust' is not one of 'python', 'text'"),
    ((*RUN, "--seed", "-1"), 2, "-1 is not in the range"),
    ((*RUN, "--check", "assert f("), 2, "--check is not Python (line 1:"),
    ((*RUN, "--nonsense"), 2, "--nonsense"),
    (("rum",), 2, "no command 'rum'; did you mean 'run'?"),
    (("history", "-n", "0"), 2, "0 is not in the range"),
    (("show",), 1, "nothing recorded yet; try: edge-sale run"),
    (("trace", "nowhere.jsonl"), 1, "nowhere.jsonl: cannot be read: No such file"),
    (("pull", "gpt-9"), 1, "unknown pool or model 'gpt-9'; known: "),
    (("completion", "tcsh"), 2, "'tcsh' is not one of"),
]


def test_a_fallback_alone_cannot_hold_an_auction(tmp_path: Path) -> None:
    """No agent would bid. The run fails with one line before any model is loaded."""
    remote = '[remotes.far]\nurl = "http://127.0.0.1:9/v1"\nmodel = "m"\nkey = "none"\nprice_in = 1\nprice_out = 1\n'
    done = edge(new_home(tmp_path, remote), "run", "-a", "far", "Sort a list in Python.")
    assert done.returncode == 1 and "far stands by as a fallback" in done.stderr and done.stderr.count("\n") == 1


@pytest.mark.parametrize(("args", "code", "says"), CASES)
def test_mistake_is_named_on_stderr(args: tuple[str, ...], code: int, says: str, tmp_path: Path) -> None:
    """Nothing is on stdout, and there is no traceback. The code is 1 for errors to fix, 2 for wrong usage."""
    done = edge(new_home(tmp_path), *args)
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert (done.returncode, done.stdout) == (code, "")


@pytest.mark.parametrize("args", [("run", ""), ("run", "x", "-q"), ("show",), ("bid", "x", "-p", "nope")])
def test_failure_is_one_json_document_too(args: tuple[str, ...], tmp_path: Path) -> None:
    """With --json a failure is one JSON document on stdout, with the exit code in it."""
    done = edge(new_home(tmp_path), *args, "--json")
    document = only_document(done.stdout)
    assert document["exit"] == done.returncode != 0
    assert document["error"] in done.stderr


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (bytes(range(256)), "standard input: is not UTF-8 text (byte 128)"),
        (b"a\0b", "NUL byte"),
        (b"x" * (4 * 2**20 + 1), "standard input: over 4 MiB"),
    ],
)
def test_stdin_that_is_no_text_is_refused(data: bytes, says: str, tmp_path: Path) -> None:
    """A binary or endless pipe is refused before any model is loaded."""
    done = edge(new_home(tmp_path), "run", stdin=data)
    assert (done.returncode, done.stdout) == (1, "")
    assert says in done.stderr


def test_argument_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    """A task in another encoding is refused with a message that says so."""
    done = shell(new_home(tmp_path), "edge-sale run $'caf\\xe9'")
    assert done.returncode == 1
    assert "the task is not UTF-8 text" in done.stderr


def test_unknown_key_is_named_with_file_and_line(tmp_path: Path) -> None:
    """A misspelt key in config.toml stops every run; the message names file and line."""
    home = new_home(tmp_path, 'pool = "starter"\n\n[auction]\nplan_token = 3\n')
    done = edge(home, *RUN)
    assert done.returncode == 1
    assert f"{home / 'config.toml'}, line 4: unknown key [auction] 'plan_token'" in done.stderr


def test_missing_models_name_the_command(tmp_path: Path) -> None:
    """Without models a run says which are missing and what pulls them. Without a terminal it asks nothing."""
    for args, stdin in ((RUN, b""), (("run",), b"Say yes.")):
        done = edge(new_home(tmp_path, STARTER), *args, stdin=stdin, EDGE_SALE_MODELS=str(tmp_path / "none"))
        assert (done.returncode, done.stdout) == (1, "")
        assert "'smollm2-135m'; pull with: edge-sale pull starter" in done.stderr


@pytest.mark.parametrize("command", ["history", "show"])
def test_damaged_memory_is_named_and_left_alone(command: str, tmp_path: Path) -> None:
    """A file that is no memory is named in the message, and none of its bytes change."""
    file = new_home(tmp_path) / "memory.sqlite"
    file.write_bytes(b"not a database, whatever its name says")
    done = edge(tmp_path, command)
    assert (done.returncode, done.stdout) == (1, "")
    assert str(file) in done.stderr and "move it aside" in done.stderr
    assert file.read_bytes() == b"not a database, whatever its name says"
    assert {path.name for path in tmp_path.iterdir()} == {"config.toml", "memory.sqlite"}


@pytest.mark.parametrize("text", ["hello\n", "[1]\n", '{"event": 3, "t": 0}\n', ""])
def test_a_file_that_is_no_trace_is_refused(text: str, tmp_path: Path) -> None:
    """`edge-sale trace` names the file and the first line that is no event."""
    file = tmp_path / "t.jsonl"
    file.write_text(text)
    done = edge(tmp_path, "trace", str(file))
    assert (done.returncode, done.stdout) == (1, "")
    assert f"{file}{', line 1' if text else ''}: " in done.stderr


@pytest.mark.parametrize("command", ["history", "config", "models --json", "pools"])
def test_output_that_cannot_be_written_is_one_line(command: str, tmp_path: Path) -> None:
    """A closed stdout and a full disk end in one line and exit code 1, without a crash file."""
    home = new_home(tmp_path)
    closed = shell(home, f"edge-sale {command} >&-")
    assert (closed.returncode, closed.stderr) == (
        1,
        "edge-sale: stdout is closed; redirect it to a file or to /dev/null\n",
    )
    if Path("/dev/full").exists() and command != "history":  # an empty history writes nothing
        full = shell(home, f"edge-sale {command} > /dev/full")
        assert (full.returncode, full.stderr) == (1, "edge-sale: No space left on device\n")
    assert not (home / "crashes").exists()


def test_reader_that_leaves_early_is_no_error(tmp_path: Path) -> None:
    """`edge-sale … | head -1` prints one line and no error."""
    both = "edge-sale config | head -1; edge-sale config --example | :"
    done = shell(new_home(tmp_path), f"for i in 1 2 3; do {both}; done")
    assert done.stderr == ""
    assert done.stdout.count("config_file") == 3


def test_closed_stdin_and_stderr_do_no_harm(tmp_path: Path) -> None:
    """A service that has only stdout gets its JSON."""
    done = shell(new_home(tmp_path), "edge-sale history --json <&- 2>&-")
    assert (done.returncode, done.stdout) == (0, "[]\n")


def test_a_locale_without_our_characters_is_no_error(tmp_path: Path) -> None:
    """A character that stdout cannot encode is printed as a question mark."""
    file = new_home(tmp_path) / "t.jsonl"
    file.write_text('{"event": "noted", "t": 0, "text": "\u2211 x"}\n', encoding="utf-8")
    done = edge(tmp_path, "trace", str(file), PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, "")
    assert "note: ? x" in done.stdout


def test_a_bug_leaves_a_crash_file(tmp_path: Path) -> None:
    """The exit code is 3, and the traceback is in a file that only the user can read."""
    program = (
        "import sys, types, click, edge_sale.cli as program\n"
        "module = types.ModuleType('edge_sale.cli.boom')\n"
        "module.boom = click.Command('boom', callback=lambda: 1 / 0)\n"
        "sys.modules[module.__name__] = module\n"
        "program.COMMANDS['boom'] = 'boom'\n"
        "program.main(['boom'])\n"
    )
    done = shell(new_home(tmp_path), f'"{sys.executable}" -c "{program}"')
    assert (done.returncode, done.stdout) == (3, "")
    (crash,) = (tmp_path / "crashes").iterdir()
    assert done.stderr.startswith("edge-sale: bug in edge-sale: ZeroDivisionError: ")
    assert str(crash) in done.stderr and "Traceback" not in done.stderr
    assert "ZeroDivisionError" in crash.read_text()
    assert crash.stat().st_mode & 0o077 == 0


def test_the_home_of_an_unknown_user_is_one_line() -> None:
    """EDGE_SALE_HOME names a user that does not exist. There is no place for a crash file either."""
    done = edge(Path("~nobody-of-that-name/x"), "history")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == ("edge-sale: EDGE_SALE_HOME is ~nobody-of-that-name/x, and there is no user of that name\n")


@pytest.mark.parametrize(
    "args", [("undo", "--repo"), ("index",), ("index", "--remove"), ("run", "Who?", "--docs"), ("run", "Do.", "--repo")]
)
def test_a_folder_that_does_not_exist_is_named(args: tuple[str, ...], tmp_path: Path) -> None:
    """The home of an unknown user and a loop of links end in one line and exit code 1."""
    home = new_home(tmp_path / "home")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for folder in ("~nobody-of-that-name/x", str(tmp_path / "loop")):
        done = edge(home, *args, folder)
        assert done.returncode == 1 and done.stdout == "", done.stderr
        assert done.stderr.count("\n") == 1 and "bug in edge-sale" not in done.stderr
        assert folder in done.stderr


def complete(home: Path, words: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a completion after `words`."""
    done = edge(home, _EDGE_SALE_COMPLETE="bash_complete", COMP_WORDS=words, COMP_CWORD=str(len(words.split(" ")) - 1))
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("sh", ["bash", "zsh", "fish"])
def test_completion_script_calls_the_program(sh: str, tmp_path: Path) -> None:
    """The script of each shell sets the variable that makes the program print completions."""
    done = edge(new_home(tmp_path), "completion", sh)
    assert done.returncode == 0 and "_EDGE_SALE_COMPLETE" in done.stdout


def test_completion_offers_commands_agents_and_pools(tmp_path: Path) -> None:
    """Names from the user's own configuration are offered too."""
    home = new_home(tmp_path, '[agents.quicker]\nmodel = "smollm2-135m"\nwork = "quick"\nprice = 0.01\n')
    assert complete(home, "edge-sale hi") == (0, "plain,history\n", "")
    assert complete(home, "edge-sale run -a quick") == (0, "plain,quick\nplain,quicker\n", "")
    assert complete(home, "edge-sale run -p st") == (0, "plain,starter\n", "")


def test_completion_is_silent_about_a_broken_config(tmp_path: Path) -> None:
    """No message is printed into the line that is being typed."""
    code, out, err = complete(new_home(tmp_path, "nonsense = 1\n"), "edge-sale run -a ")
    assert (code, out.strip(), err) == (0, "", "")


def test_example_config_is_a_config(tmp_path: Path) -> None:
    """The output of `config --example` is a valid config.toml, and its values are the defaults."""
    example = edge(new_home(tmp_path, ""), "config", "--example").stdout
    without = json.loads(edge(tmp_path, "config", "--json").stdout)
    with_it = json.loads(edge(new_home(tmp_path, example), "config", "--json").stdout)
    assert with_it == without


def test_module_runs_as_the_program() -> None:
    """`python -m edge_sale` runs the same command line."""
    assert EDGE_SALE[1:] == ["-m", "edge_sale"]
    assert edge(Path("unused"), "--version").stdout.startswith("edge-sale, version ")
