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
        ("one\u2028two", "a\x85b\x0cc\u2029"), ("three", "four"),
    ]  # fmt: skip
