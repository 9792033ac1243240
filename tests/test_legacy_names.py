"""Old names in users' files: what earlier versions wrote is read under the names of today."""

from __future__ import annotations

import pytest

from edge_sale import legacy_names


def test_renamed_keeps_order_and_everything_else() -> None:
    """Old keys get their new names where they stand; what has no new name stays."""
    found = legacy_names.renamed({"a": 1, "floor": 2, "b": 3}, legacy_names.WEIGHTS_KEYS)
    assert list(found.items()) == [("a", 1), ("reserve_price", 2), ("b", 3)]


def test_an_old_name_beside_the_new_one_is_left_for_the_reader_to_refuse() -> None:
    """Nothing that the user wrote is dropped without a word."""
    both = {"floor": 1, "reserve_price": 2}
    assert legacy_names.renamed(both, legacy_names.WEIGHTS_KEYS) == both


def test_events_of_an_old_trace() -> None:
    """Each event's fields have today's names; events that did not change are the same."""
    opened = {"event": "opened", "run": {"pool": "home", "reserve_of": "gpt", "thrift": 0.3}}
    assert legacy_names.event(opened)["run"] == {"pool": "mixed", "fallback_of": "gpt", "thrift": 0.3}
    weighed = {"event": "weighed", "remote": "gpt", "local": 0.2, "reserve": 0.1}
    assert legacy_names.event(weighed) == {"event": "weighed", "remote": "gpt", "local": 0.2, "fallback": 0.1}
    refused = {"event": "refused", "reached": {"floor": 0.1}, "floor": 0.5, "reason": "r"}
    assert legacy_names.event(refused) == {
        "event": "refused",
        "reached": {"floor": 0.1},  # an agent may be called so
        "reserve_price": 0.5,
        "reason": "r",
    }
    said = {"event": "noted", "text": "floor"}
    assert legacy_names.event(said) == said


def test_an_old_record_of_a_market() -> None:
    """What memory holds of an auction's market: its pool, its fallback, and how they compared."""
    old = {"pool": "home", "reserve_of": "gpt", "reserve": {"event": "weighed", "reserve": 0.1, "lost": True}}
    new = {"pool": "mixed", "fallback_of": "gpt", "fallback": {"event": "weighed", "fallback": 0.1, "lost": True}}
    assert legacy_names.run(old) == new
    assert legacy_names.run(new) == new


def test_tell_is_a_warning_with_both_names() -> None:
    """One line that says where, what and how it is called now."""
    with pytest.warns(legacy_names.OldName, match=r"^config\.toml, line 3: carry is called extra_signals now; "):
        legacy_names.tell("config.toml, line 3", "carry", "extra_signals")
