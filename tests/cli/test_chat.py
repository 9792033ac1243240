"""`edge-sale chat`: what can be typed, and sessions on disk, without a model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edge_sale import sessions
from edge_sale.errors import EdgeSaleError
from tests.cli.kit import edge, new_home
from tests.cli.test_terminal import on_terminal
from tests.workspace.kit import repository


def test_commands_need_no_model(tmp_path: Path) -> None:
    """/help, /agents and /cost answer at once; a pinned agent is marked; what is unknown is told."""
    done = edge(new_home(tmp_path), "chat", stdin=b"/help\n/agents\n/agent junior\n/agents\n/cost\n/nonsense\n")
    assert done.returncode == 0 and done.stdout == ""
    assert "/undo" in done.stderr and "* senior" in done.stderr and "  senior" in done.stderr
    assert "from now on: junior" in done.stderr and "0 turns" in done.stderr
    assert "no /nonsense; there are: /undo" in done.stderr


@pytest.mark.parametrize(
    "typed, said",
    [
        (b"/agent nobody\n", "unknown agent 'nobody'"),
        (b"/why\n", "nothing was sold in this session yet"),
        (b"/undo\n", "this session changes no files"),
        (b"Hello.\n", "no bid reaches the reserve price"),
    ],
)
def test_mistakes_in_a_pipe_end_it_with_a_line(typed: bytes, said: str, tmp_path: Path) -> None:
    done = edge(new_home(tmp_path), "chat", stdin=typed, EDGE_SALE_MODELS=str(tmp_path / "none"))
    assert done.returncode == 1 and said in done.stderr


def test_a_line_in_another_encoding_is_left_out(tmp_path: Path) -> None:
    """It is told, and what comes behind it is answered."""
    done = edge(new_home(tmp_path), "chat", stdin=b"/cost\ncaf\xe9\n/agent junior\n")
    assert done.returncode == 0 and "a line is not UTF-8 text (byte 3), so it is left out" in done.stderr
    assert "from now on: junior" in done.stderr


def test_on_a_terminal_a_mistake_is_told_and_the_session_goes_on(tmp_path: Path) -> None:
    code, shown = on_terminal(new_home(tmp_path), "chat", typed=b"/why\n/quit\n", until="/help for what can be typed")
    assert code == 0 and "nothing was sold in this session yet" in shown


def test_undo_in_a_session_is_of_its_folder(tmp_path: Path) -> None:
    root = repository(tmp_path / "p", a__py="x = 1\n")
    done = edge(new_home(tmp_path / "home"), "chat", "--repo", str(root), stdin=b"/undo\n")
    assert done.returncode == 1 and f"there is nothing to undo in {root}" in done.stderr


def test_options_of_a_folder_need_one(tmp_path: Path) -> None:
    done = edge(new_home(tmp_path), "chat", "--check", "true")
    assert done.returncode == 2 and "--check needs --repo DIR" in done.stderr


def test_there_is_nothing_to_go_on_with_at_first(tmp_path: Path) -> None:
    done = edge(new_home(tmp_path), "chat", "-c")
    assert done.returncode == 1 and "no session to continue; begin one without -c" in done.stderr


def test_the_last_session_of_a_place_is_found(tmp_path: Path) -> None:
    """Sessions belong to a folder; the latest of that folder goes on, and a line that was cut off is left out."""
    one, two = sessions.new(tmp_path, "/a"), sessions.new(tmp_path, "/b")
    one.add("hello", "yes")
    two.add("other", "no")
    with one.file.open("a") as file:
        file.write('{"said": "cut o')
    found = sessions.last(tmp_path, "/a")
    assert [turn["said"] for turn in found.turns] == ["hello"] and found.earlier() == (("hello", "yes"),)
    with pytest.raises(EdgeSaleError, match="no session about /c"):
        sessions.last(tmp_path, "/c")


def test_a_damaged_session_is_told_and_left(tmp_path: Path) -> None:
    file = tmp_path / "20260101-000000-aa.jsonl"
    text = json.dumps({"place": ""}) + "\nnot json\n" + json.dumps({"said": "a", "answer": "b"}) + "\n"
    file.write_text(text)
    with pytest.raises(EdgeSaleError, match="line 2: is not a turn of a session"):
        sessions.last(tmp_path, "")
    assert file.read_text() == text


def test_earlier_turns_are_bounded(tmp_path: Path) -> None:
    session = sessions.new(tmp_path, "")
    for number in range(9):
        session.add("x" * 5000 + str(number), "y" * 5000)
    assert len(session.earlier()) == 3 and max(len(part) for turn in session.earlier() for part in turn) == 600
