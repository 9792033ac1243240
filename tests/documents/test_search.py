from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge_sale.documents import ranking
from tests.documents.kit import indexed, write

TRAVEL = {
    "film.md": "# The Long Night\nThe Long Night is a film of 1961. It was directed by Marta Oliveira in Lisbon.",
    "oliveira.md": "# Marta Oliveira\nMarta Oliveira (1920, Porto) painted before she turned to other things.",
    "porto.md": "# Tea\nTea is made of leaves and hot water, at any hour of the day.",
    "other.md": "# Directors\nA director of a film leads its actors. Many directors were born in capitals.",
    "born.md": "# Births\nWhere someone was born is written in a register.",
}


def test_fused_ranks_are_the_formulas():
    """Σ weight / (constant + rank), with rank from 1."""
    assert ranking.fuse([["a", "b"], ["b", "c"]], [1.0, 0.5], 10) == ["b", "a", "c"]
    assert ranking.fuse([["a", "b"], ["c"]], [1.0, 1.0], 10) == ["a", "c", "b"]


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # of a busy machine
@given(st.text(max_size=60))
def test_no_question_is_syntax(text: str):
    """Whatever is asked, FTS5 is given quoted words alone."""
    assert all(part.startswith('"') and part.endswith('"') for part in ranking.match(text).split(" OR ") if part)


@pytest.mark.parametrize("question", ['"', "AND", "NEAR(", "a* OR -b", "title:x", "", "?!", "\0", "the of", "ａ 漢字"])
def test_odd_questions_find_or_find_nothing(tmp_path: Path, question: str):
    """No question breaks a search."""
    library, _ = indexed(tmp_path, write(tmp_path / "d", TRAVEL))
    assert len(library.search(question, 3)) <= 3


def test_a_word_is_found_in_its_other_forms_and_by_its_title(tmp_path: Path):
    """Stems count as the word; a title counts for more than the text."""
    texts = {"a.md": "# Budgets\nnothing here", "b.md": "# Other\nthe budget, in a text", "c.md": "x"}
    folder = write(tmp_path / "d", texts)
    library, _ = indexed(tmp_path, folder)
    found = [passage.path for _, passage in library.passages(library.by_words("budgeting"))]
    assert found == ["a.md", "b.md"]


def test_a_second_search_finds_what_the_first_hits_mention(tmp_path: Path):
    """Who directed the film is in its passage; where she was born is in hers, which the question does not name."""
    library, _ = indexed(tmp_path, write(tmp_path / "d", TRAVEL))
    question = "Where was the director of The Long Night born?"
    once = [p.path for p in library.search(question, 5, twice=False)]
    twice = [p.path for p in library.search(question, 5)]
    assert "film.md" in once[:3]
    assert twice.index("oliveira.md") < once.index("oliveira.md")


def test_a_name_is_a_run_of_words_or_a_capitalised_one():
    """What may be a title is found in a text; a common word in lower case is not."""
    found = ranking.mentions("It was directed by Marta Oliveira, who likes tea and Lisbon.")
    assert {"marta oliveira", "lisbon"} <= found and "tea" not in found
    titles = ["Marta Oliveira (director)", "C", "About"]
    assert [ranking.name(title) for title in titles] == ["marta oliveira", "", ""]


def test_without_an_embedder_words_alone_are_searched(tmp_path: Path):
    """An index that is only looked at can be searched."""
    from edge_sale.documents.store import Library

    library, _ = indexed(tmp_path, write(tmp_path / "d", TRAVEL))
    library.close()
    assert Library.open(tmp_path / "index.sqlite").search("leaves and hot water", 1)[0].path == "porto.md"
