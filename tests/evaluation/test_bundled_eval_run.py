"""`edge-sale bench bundled` whole, on the real models that come along, with a few tasks."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from edge_sale.evaluation.bundled_eval import remote_senior
from tests.cli.kit import edge, new_home, only_document

SANDBOX = "auto" if shutil.which("bwrap") else "none"
FEW = ("bench", "bundled", "--tasks", "24", "--train", "16", "--orders", "2", "--sandbox", SANDBOX, "--json")


class Ran(NamedTuple):
    home: Path
    out: Path
    done: subprocess.CompletedProcess[str]
    document: dict[str, Any]


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    home = new_home(tmp_path_factory.mktemp("bundled"))
    out = home / "few.jsonl"
    done = edge(home, *FEW, "--no-remote", "--out", str(out), "--html", str(home / "few.html"), seconds=500)
    return Ran(home, out, done, only_document(done.stdout))


def test_everyone_is_in_the_table(ran: Ran) -> None:
    """Each agent alone, the routers, the oracle, auctions with and without memory, ablations; nothing was sent."""
    rows = {row["name"]: row for row in ran.document["rows"]}
    assert {
        "junior",
        "lists",
        "texts",
        "senior",
        "random",
        "oracle",
        "k-NN",
        "WTP",
        "CARROT",
        "TO-Router",
        "FrugalGPT",
        "SALE without memory",
        "SALE",
        "SALE, the paper's fitting",
    } <= set(rows)
    assert sum(name.startswith("SALE without memory, ") for name in rows) == 7
    assert all(row["tasks"] == 24 for row in rows.values())
    assert rows["oracle"]["passed"] >= max(rows[name]["passed"] for name in ("junior", "lists", "texts", "senior"))
    assert rows["senior"]["share"] == 1.0 and rows["junior"]["share"] == 0.0
    assert "SALE: share of tasks won" not in ran.done.stdout and (ran.home / "few.html").stat().st_size > 10_000
    assert not (ran.home / "egress.jsonl").exists()


def test_real_plans_are_right_where_they_should_be(ran: Ran) -> None:
    """The senior does one step nearly always, and never fails to bid; a junior does no eight."""
    rows = {row["name"]: row for row in ran.document["rows"]}
    assert rows["senior"]["bins"]["1"][0] >= 0.8
    assert rows["senior"]["passed"] > rows["junior"]["passed"] > 0
    figures = {figure["what"]: figure for figure in ran.document["figures"]}
    assert figures["senior, pass@1"]["value"] == pytest.approx(100 * rows["senior"]["passed"])
    assert figures["this run"]["unit"] == "minutes"


def test_the_same_command_goes_on_and_says_the_same(ran: Ran) -> None:
    """Replies are kept: the second run asks no model for what the first one did, and ends with the same lines."""
    before = ran.out.read_text()
    again = edge(ran.home, *FEW, "--no-remote", "--out", str(ran.out), seconds=300)
    assert again.returncode == 0, again.stderr

    def results(text: str) -> list[Any]:
        values = [json.loads(line) for line in text.splitlines()]
        names = ("method", "order", "task", "tried", "success")
        return [[v[name] for name in names] for v in values if v["kind"] == "result"]

    assert results(ran.out.read_text()) == results(before)


@pytest.mark.skipif(bool(remote_senior.lacking()), reason=f"{remote_senior.lacking()} is not installed")
def test_the_senior_behind_a_server_is_a_row(ran: Ran) -> None:
    """Three agents at home, the senior behind a real endpoint bids and works; what is sent goes to loopback alone."""
    out = ran.home / "away.jsonl"
    done = edge(ran.home, *FEW, "--remote", "--orders", "1", "--out", str(out), seconds=500)
    row = next(row for row in only_document(done.stdout)["rows"] if row["name"] == remote_senior.NAME)
    assert row["tasks"] == 24 and row["passed"] > 0
    log = [json.loads(line) for line in (ran.home / "away.cache" / "egress.jsonl").read_text().splitlines()]
    sent = [line for line in log if "host" in line]
    assert {line["host"].partition(":")[0] for line in sent} == {"127.0.0.1"}
    assert {line["reason"].partition(":")[0] for line in sent} == {"auction", "escalate"}
    assert row["share"] > 0


def test_a_server_that_does_not_start_is_said(tmp_path: Path) -> None:
    """A file that is no model: one line with what the server said."""
    if package := remote_senior.lacking():
        pytest.skip(f"{package} is not installed")
    file = tmp_path / "no.gguf"
    file.write_bytes(b"no model")
    with pytest.raises(Exception, match=r"llama_cpp\.server did not start: "), remote_senior.server(file):
        pass
