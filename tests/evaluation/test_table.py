"""From lines to a table: the figures, and what is refused rather than averaged over."""

import json
import re

import numpy as np
import pytest

from edge_sale.evaluation import page, printed, table
from edge_sale.evaluation import runs as runs_of
from edge_sale.evaluation.jsonl_store import BadRecord
from edge_sale.evaluation.markdown import markdown_table
from tests.evaluation.kit import write

SET = {"kind": "set", "set": "x", "prices": {"small": 1.0, "large": 100.0}, "prompts": "p1", "models": {}}


def method(name, group="alone"):
    return {"kind": "method", "name": name, "group": group, "source": "", "departs": ""}


def result(name, task, success, tried, order=0, **more):
    return {
        "kind": "result",
        "method": name,
        "order": order,
        "task": task,
        "bin": f"b{task[-1]}",
        "tried": tried,
        "success": success,
        "tokens": 100,
        "dollars": 0.01,
        "seconds": 1.0,
        "auction": [25, 0.002, 0.5],
        "bids": [],
        **more,
    }


def ten_lines():
    """Two tasks, two agents alone, an auction in two orders."""
    return [
        SET,
        method("small"),
        method("large"),
        method("SALE", "sale"),
        result("small", "t1", True, ["small"]),
        result("small", "t2", False, ["small"]),
        result("large", "t1", True, ["large"], dollars=0.1),
        result("large", "t2", True, ["large"], dollars=0.1),
        result("SALE", "t1", True, ["small"]),
        result("SALE", "t2", True, ["small", "large"]),
        result("SALE", "t2", False, ["small"], order=1),
        result("SALE", "t1", True, ["small"], order=1),
    ]


def rows(tmp_path, values, **options):
    return {row.name: row for row in table.rows(runs_of.read([write(tmp_path / "r.jsonl", values)]), **options)}


def test_a_row_worked_by_hand(tmp_path):
    """Three of four right, the large one in one of four, the auction's own cost in every figure."""
    row = rows(tmp_path, ten_lines())["SALE"]
    assert (row.passed, row.share, row.tasks) == (0.75, 0.25, 2)
    assert row.spread == pytest.approx(0.25)  # 1.0 in one order, 0.5 in the other
    assert row.per_task == pytest.approx(0.012)
    assert row.per_million == pytest.approx(0.048 / 500 * 1e6)
    assert row.overhead == pytest.approx(0.2)
    assert row.seconds == pytest.approx(1.5)
    assert row.workload == {"small": 0.75, "large": 0.25}
    assert {name: bin[:3] for name, bin in row.bins.items()} == {"b1": (1.0, 0.0, 1), "b2": (0.5, 0.5, 1)}
    assert np.mean([bin[3] for bin in row.bins.values()]) == pytest.approx(row.per_task)


def test_shapley_of_the_pool(tmp_path):
    """small does half of what large does alone: 0.25 and 0.75 of the oracle's 1."""
    runs = runs_of.read([write(tmp_path / "r.jsonl", ten_lines())])
    assert table.pool_value(runs) == {"small": 0.25, "large": 0.75}


@pytest.mark.parametrize(
    "change, words",
    [
        (lambda v: [*v[:5], "{half", *v[5:]], "r.jsonl, line 6: is not JSON"),
        (lambda v: v[1:], "line 1: should be the 'set' line"),
        (lambda v: [*v, result("SALE", "t1", True, ["small"])], "'SALE' has task 't1' twice in order 0"),
        (
            lambda v: [x for x in v if x.get("task") != "t2" or x["method"] != "small"],
            "'small' has results for 1 of 2 tasks, 't2' is missing",
        ),
        (lambda v: [*v, {**v[-1], "order": 2, "success": "yes"}], "line 13: 'success' should be bool"),
        (lambda v: [*v, {**v[-1], "order": 2, "tokens": None}], "line 13: tokens and dollars should be numbers"),
        (lambda v: [*v, {**v[-1], "order": 2, "tried": []}], "line 13: 'tried' should name an agent"),
        (lambda v: [*v, {"kind": "noise"}], "line 13: 'kind' should be"),
        (lambda v: v[:4], "holds no results"),
    ],
)
def test_what_is_wrong_is_named_and_never_averaged_over(change, words, tmp_path):
    """The line, the method or the task."""
    with pytest.raises(BadRecord) as caught:
        rows(tmp_path, change(ten_lines()))
    assert words in str(caught.value)


def test_common_compares_the_tasks_that_all_methods_have(tmp_path):
    """Asked for, the table stands on the shared tasks."""
    values = [x for x in ten_lines() if x.get("task") != "t2" or x["method"] != "small"]
    assert {row.tasks for row in rows(tmp_path, values, common=True).values()} == {1}


@pytest.mark.parametrize("key, value", [("prompts", "p2"), ("set", "y"), ("models", {"m": "sha"}), ("prices", {})])
def test_runs_of_different_kinds_share_no_table(key, value, tmp_path):
    """Two files with other prompts, models, prices or tasks are told apart by name."""
    one = write(tmp_path / "1.jsonl", ten_lines())
    other = write(tmp_path / "2.jsonl", [{**SET, key: value}])
    with pytest.raises(BadRecord, match=f"2.jsonl, line 1: {key} is"):
        runs_of.read([one, other])


def test_two_files_of_one_kind_are_one_table(tmp_path):
    """Methods may be measured in files of their own."""
    values = ten_lines()
    one, other = write(tmp_path / "1.jsonl", values[:8]), write(tmp_path / "2.jsonl", [SET, *values[8:]])
    assert len(table.rows(runs_of.read([one, other]))) == 3


def test_printed_forms_agree(tmp_path):
    """Text, Markdown and JSON say the same of the same row."""
    runs = runs_of.read([write(tmp_path / "r.jsonl", ten_lines())])
    found = table.rows(runs)
    head, body = printed.cells(found)
    assert dict(zip(head, body[2], strict=True))["pass@1 %"] == "75.0"
    lines = printed.markdown(found).splitlines()
    assert [cell.strip() for cell in lines[4].split("|")[1:3]] == ["SALE", "75.0"]
    assert re.fullmatch(r"\|-+\|(-+:\|){7}", lines[1]) and len({len(line) for line in lines}) == 1
    document = json.loads(json.dumps(printed.document(runs, found), allow_nan=False))
    assert document["rows"][2]["passed"] == 0.75
    assert printed.bins(found)[1][2] == ["SALE", "100 (0)", "50 (50)"]
    assert printed.costs(found)[1][2] == ["SALE", *(f"{1e6 * bin[3]:.3g}" for bin in found[2].bins.values())]


def test_a_page_holds_its_data_and_reaches_for_nothing(tmp_path):
    """One file; text from tasks and models cannot leave the place where data stand."""
    evil = "</script><script>alert(1)</script><!--"
    bid = {
        "agent": "small",
        "price": 1.0,
        "tokens": 5,
        "cost": 0.1,
        "value": 0.7,
        "right": True,
        "signals": {"chance": 0.7},
        "scores": {"juror": 3.0},
        "plan": evil,
    }
    values = ten_lines()
    values[8:10] = [{**v, "bids": [bid, {**bid, "agent": "large", "right": False, "value": 0.2}]} for v in values[8:10]]
    collected = page.BidCollector()
    runs = runs_of.read([write(tmp_path / "r.jsonl", values)], collected)
    page.write(tmp_path / "t.html", runs, table.rows(runs), collected)
    text = (tmp_path / "t.html").read_text()
    assert text.count("</script>") == 2 and "alert(1)</script>" not in text
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "").replace("http-equiv", "")
    data = json.loads(text.split('id="data">')[1].split("</script>")[0])
    assert data["auctions"]["SALE"][0]["bids"][0]["plan"] == evil
    value = next(s for s in data["signals"]["SALE"] if s["name"] == "value")
    assert value["auc"] == 1.0


def test_a_cell_cannot_break_the_markdown():
    """A bar is escaped and a line break becomes a space, so that each row stays one row with its own cells."""
    found = markdown_table(["a|b", "n"], [["x\ny", "1"]], right=[1]).splitlines()
    assert [line.replace(" ", "") for line in (found[0], found[2])] == ["|a\\|b|n|", "|xy|1|"]
    assert found[1] == "|------|--:|"
