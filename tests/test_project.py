"""What a project says of itself can only hold back, and fails closed."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_sale.errors import ConfigError
from edge_sale.project import NAME, find
from tests.cli.kit import edge, new_home

REMOTE = '[remotes.far]\nurl = "http://127.0.0.1:9/v1"\nmodel = "m"\n'


def test_found_from_the_folder_upward(tmp_path: Path) -> None:
    """A file above holds for everything below; without one nothing is held back."""
    deep = tmp_path / "a/b/c"
    deep.mkdir(parents=True)
    assert find(deep).private is None
    (tmp_path / "a" / NAME).write_text("private = true\n")
    assert find(deep).private == tmp_path / "a" / NAME
    assert find(tmp_path).private is None


def test_deeper_files_open_nothing(tmp_path: Path) -> None:
    """Neither private nor the policy can be loosened by a file further down."""
    (tmp_path / NAME).write_text('private = true\nescalate = "never"\n')
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / NAME).write_text('private = false\nescalate = "auto"\n')
    project = find(tmp_path / "sub")
    assert (project.private, project.escalate) == (tmp_path / NAME, "never")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("private = 1\n", "private should be true or false"),
        ("privat = true\n", "unknown key 'privat'"),
        ("private = true = \n", "not valid TOML"),
        ('escalate = "always"\n', "escalate is one of never, ask, auto, not 'always'"),
    ],
)
@pytest.mark.parametrize("command", [("models",), ("history",), ("run", "Say yes."), ("remote", "list"), ("egress",)])
def test_mistake_stops_every_command(text: str, words: str, command: tuple[str, ...], tmp_path: Path, monkeypatch):
    """A file that cannot be understood may have meant private: one line, exit 1, whatever was asked for."""
    (tmp_path / NAME).write_text(text)
    monkeypatch.chdir(tmp_path)
    if command[0] in ("run", "egress", "remote") or words.startswith("unknown"):
        done = edge(new_home(tmp_path / "home"), *command)
        assert (done.returncode, done.stdout) == (1, "")
        assert NAME in done.stderr and words in done.stderr and done.stderr.count("\n") == 1
    with pytest.raises(ConfigError, match=words):
        find(tmp_path)


def test_unreadable_file_stops_too(tmp_path: Path) -> None:
    """A folder of that name, or a link to nowhere, is not the same as no file."""
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / NAME).mkdir()
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / NAME).symlink_to(tmp_path / "nowhere")
    for name in "ab":
        with pytest.raises(ConfigError, match=NAME):
            find(tmp_path / name)


def test_private_closes_every_command_that_sends(tmp_path: Path, monkeypatch) -> None:
    """In a private project neither a test of a remote nor a pull sends a byte, and both say why."""
    home = new_home(tmp_path / "home", REMOTE)
    project = tmp_path / "project"
    project.mkdir()
    (project / NAME).write_text("private = true\n")
    monkeypatch.chdir(project)
    for command in (("remote", "test", "far"), ("pull",)):
        done = edge(home, *command, EDGE_SALE_MODELS=str(tmp_path / "none"))
        assert done.returncode == 1 and "private = true" in done.stderr
    assert edge(home, "egress", "--json").stdout == "[]\n"
    told = edge(home, "remote", "list")
    assert f"nothing leaves: {project / NAME} says private = true" in told.stderr


def test_private_cannot_be_overridden_on_the_command_line(tmp_path: Path, monkeypatch) -> None:
    """--escalate auto does not open what the project holds back."""
    from edge_sale.cli.options import settings_with

    home = new_home(tmp_path / "home", REMOTE)
    (tmp_path / NAME).write_text('escalate = "ask"\n')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EDGE_SALE_HOME", str(home))
    given = {"pool": None, "seed": None, "no_memory": False, "no_refine": False, "full_auction": False}
    assert settings_with(**given, escalate="auto").policy == "ask"
    assert settings_with(**given, escalate="never").policy == "never"
