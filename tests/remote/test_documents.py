"""Passages of documents leave only through the egress gate: with consent, redacted and logged."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edge_sale import assemble
from edge_sale.auction.market import Market
from edge_sale.errors import NotSent
from edge_sale.remote.egress_log import read
from edge_sale.types import Task
from tests.documents.kit import indexed, write
from tests.remote.kit import KEY, engine, market, remote
from tests.remote.servers import good, recorder, saying
from tests.scripted import Heard

SECRET = "AKIAIOSFODNN7EXAMPLE"
CLARA = f"# Clara\nClara lives in Lyon.\nHer key is {SECRET}, and ours {KEY}.\n"
DOCS = {"clara.md": CLARA, "tea.md": "# Tea\nLeaves."}
TASK = Task("t1", "Where does Clara live?")


def over_documents(sold: Market, tmp_path: Path) -> Market:
    library, _ = indexed(tmp_path, write(tmp_path / "docs", DOCS))
    return assemble.over_documents(sold, library)


def test_passages_are_redacted_and_logged_like_any_task(tmp_path: Path) -> None:
    """An escalated task sends the question with the passages, without the secrets in them; the log has its size."""
    log = tmp_path / "egress.jsonl"
    with recorder(saying(good("in Lyon [1] [7]"))) as far:
        sold, _ = market(engine(remote(far.url, seconds=20), log))
        sale = over_documents(sold, tmp_path).solve(TASK, heard := Heard())
    (request,), (line, *_) = far.requests, read(log)
    body = json.loads(request.partition(b"\r\n\r\n")[2])
    sent = body["messages"][-1]["content"]
    assert "Clara lives in Lyon." in sent and "Where does Clara live?" in sent
    assert SECRET not in request.decode() and KEY not in request.partition(b"\r\n\r\n")[2].decode()
    assert (line["bytes"], line["task"]) == (len(request), "t1")
    assert sale.outcome is not None and sale.outcome.agent == "far"
    assert [c.place for c in sale.outcome.citations] == ["clara.md:2"]
    assert "dropped [7]: cited, but not among the passages that were read" in sale.outcome.notes
    assert heard.events  # nothing of it is hidden from who listens


@pytest.mark.parametrize("closed, said", [("offline is set", ""), ("", "you said no")])
def test_no_passage_leaves_where_the_way_out_is_shut(tmp_path: Path, closed: str, said: str) -> None:
    """Offline or without consent, the remote's work fails before a byte is sent."""
    with recorder(saying(good("in Lyon"))) as far:
        shut = engine(remote(far.url, seconds=20), tmp_path / "e.jsonl", closed=closed, agree=lambda outbound: said)
        sold = over_documents(market(shut)[0], tmp_path)
        job = sold.scheduler.agents["far"].execute(TASK, "", lambda text: None)
        failed = sold.scheduler.drive({"far": job}, "escalate")["far"]
    assert isinstance(failed, NotSent) and far.requests == []


def test_bids_and_the_reserves_weighing_send_no_passage(tmp_path: Path) -> None:
    """An auction alone reads no document: no event before the work has anything of them."""
    with recorder(saying(good("in Lyon"))) as far:
        sold = over_documents(market(engine(remote(far.url), tmp_path / "e.jsonl"))[0], tmp_path)
        heard = Heard()
        sold.solve(TASK, heard, execute=False)
    assert far.requests == []
    assert "Lyon" not in repr(heard.events)
