"""What a chat keeps on disk."""

from pathlib import Path

from edge_sale import sessions


def test_a_turn_with_any_characters_is_read_as_it_was_written(tmp_path: Path) -> None:
    """A Unicode line separator in an answer does not end the line of the file."""
    session = sessions.new(tmp_path, "here")
    session.add("one\u2028two", "a\x85b\x0cc\u2029")
    session.add("three", "four")
    again = sessions.last(tmp_path, "here")
    assert [(turn["said"], turn["answer"]) for turn in again.turns] == [
        ("one\u2028two", "a\x85b\x0cc\u2029"),
        ("three", "four"),
    ]


def test_a_turn_after_a_torn_line_is_read(tmp_path: Path) -> None:
    """A line that a kill cut short stays a line of its own, and a damaged file of another place hides no session."""
    session = sessions.new(tmp_path, "here")
    session.add("one", "two")
    with session.file.open("a") as file:
        file.write('{"said": "cut')
    for number in range(2):
        sessions.last(tmp_path, "here").add(f"more {number}", "yes")
    (tmp_path / "99990101-000000-aa.jsonl").write_text("not json\n")
    texts = [turn["said"] for turn in sessions.last(tmp_path, "here").turns]
    assert texts == ["one", "more 0", "more 1"]


def test_turns_that_are_not_to_be_kept_leave_no_file(tmp_path: Path) -> None:
    """They are in memory for the next turn, and nowhere else."""
    session = sessions.new(tmp_path, "here", on_disk=False)
    session.add("one", "two")
    assert session.earlier() == (("one", "two"),) and list(tmp_path.iterdir()) == []
