"""What a chat keeps on disk."""

from pathlib import Path

from edge_sale import sessions


def test_a_turn_with_any_signs_is_read_as_it_was_written(tmp_path: Path) -> None:
    """Line separators of Unicode within an answer end no line of the file."""
    begun = sessions.new(tmp_path, "here")
    begun.add("one\u2028two", "a\x85b\x0cc\u2029")
    begun.add("three", "four")
    again = sessions.last(tmp_path, "here")
    assert [(turn["said"], turn["answer"]) for turn in again.turns] == [
        ("one\u2028two", "a\x85b\x0cc\u2029"),
        ("three", "four"),
    ]


def test_a_turn_behind_a_torn_line_is_read_again_and_again(tmp_path: Path) -> None:
    """What a kill cut short stays a line of its own; a torn file of another place hides nothing."""
    begun = sessions.new(tmp_path, "here")
    begun.add("one", "two")
    with begun.file.open("a") as file:
        file.write('{"said": "cut')
    for number in range(2):
        sessions.last(tmp_path, "here").add(f"more {number}", "yes")
    (tmp_path / "99990101-000000-aa.jsonl").write_text("not json\n")
    told = [turn["said"] for turn in sessions.last(tmp_path, "here").turns]
    assert told == ["one", "more 0", "more 1"]


def test_turns_that_are_not_to_be_kept_leave_no_file(tmp_path: Path) -> None:
    """They are there for the next turn, and nowhere else."""
    begun = sessions.new(tmp_path, "here")
    begun.kept = False
    begun.add("one", "two")
    assert begun.earlier() == (("one", "two"),) and list(tmp_path.iterdir()) == []
