"""`edge-sale index` and `run --docs`, as their users run them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest

from tests.cli.kit import CONFIG, EDGE_SALE, SCRIPTED, STARTER, edge, environment, new_home, only_document
from tests.documents.kit import pdf, write

HANDBOOK = {
    "team.md": "# Team\n\n## Budget\nAnna asked for 4,000 euros.\nThe board granted 3,500 euros on 2 May.\n",
    "sub/clara.txt": "Clara lives in Lyon. She was born in Turin.\n",
    "report.pdf": pdf(["Sales of lanterns fell by a tenth in March."]),
    ".env": "TOKEN=0123456789abcdef",
    "loop.png": bytes(range(256)) * 8,
}


@pytest.fixture
def home(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    return new_home(tmp_path / "home", STARTER if request.node.get_closest_marker("models") else CONFIG)


# --- without models ---------------------------------------------------------------------


def test_what_is_not_there_is_said_in_one_line(home: Path, tmp_path: Path):
    """A missing folder, a file for a folder, an index that is none: one line each, exit 1."""
    (tmp_path / "a.md").write_text("apples")
    for args, said in (
        (("index", str(tmp_path / "nowhere")), "No such file or directory; name a folder of documents"),
        (("index", str(tmp_path / "a.md")), "a file; name the folder that it is in"),
        (("run", "--docs", str(tmp_path / "nowhere"), "who?"), "No such file or directory; name a folder of documents"),
        (("index", "--remove", str(tmp_path)), "is not indexed (see: edge-sale index --list)"),
    ):
        done = edge(home, *args)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.count("\n") == 1 and said in done.stderr


@pytest.mark.parametrize(
    "args",
    [
        ("index",),
        ("index", "x", "--list"),
        ("run", "--docs", ".", "--check", "1", "q"),
        ("run", "--docs", ".", "--domain", "python", "q"),
        ("index", "x", "--max-mb", "0"),
    ],
)
def test_what_does_not_go_together_is_usage(home: Path, args: tuple[str, ...]):
    """Two things at once, or none, are refused with exit 2 before anything is loaded."""
    assert edge(home, *args).returncode == 2


def test_nothing_indexed_yet(home: Path):
    """An empty list is said on stderr, and is [] for programs."""
    done = edge(home, "index", "--list")
    assert (done.returncode, done.stdout) == (0, "") and "nothing indexed yet" in done.stderr
    assert only_document(edge(home, "index", "--list", "--json").stdout) == []


def test_a_private_project_holds_its_files_back(tmp_path: Path):
    """What a folder, one above or one inside it says counts for its documents and for work in it; not dependencies."""
    from edge_sale.policy import held_to
    from edge_sale.settings import load

    settings = replace(load({"EDGE_SALE_HOME": str(tmp_path / "home")}), policy="auto")
    folder = write(tmp_path / "docs", {"a/b/c.md": "x", "node_modules/p/.edge-sale.toml": "private = true"})
    assert held_to(settings, folder) == settings
    for place in (tmp_path, folder, folder / "a/b"):
        (place / ".edge-sale.toml").write_text('private = true\nescalate = "never"')
        held = held_to(settings, folder)
        assert (held.closed, held.policy) == (f"{place / '.edge-sale.toml'} says private = true", "never")
        (place / ".edge-sale.toml").unlink()
    refused = edge(tmp_path / "home2", "run", "--repo", "~nobody-of-that-name", "x")
    assert refused.returncode == 1 and "no such folder" in refused.stderr


def test_a_private_folder_below_closes_work_above_it(home: Path, tmp_path: Path):
    """`--repo` heeds it as `--docs` does, wherever it is called from."""
    folder = write(tmp_path / "docs", {"a.md": "x", "sub/.edge-sale.toml": "private = true"})
    done = edge(home, "run", "--repo", str(folder), "Do it.", "--json", program=SCRIPTED, EDIT="")
    told = only_document(done.stdout)["run"]["closed"]
    assert told == f"{folder / 'sub/.edge-sale.toml'} says private = true"


# --- with the starter's weights -----------------------------------------------------------


@pytest.mark.models
def test_a_folder_is_indexed_asked_listed_and_forgotten(home: Path, tmp_path: Path):
    """From documents to an answer with its source, and back to nothing."""
    folder = write(tmp_path / "docs", HANDBOOK)
    report = only_document(edge(home, "index", str(folder), "--json").stdout)
    assert (report["files"], report["new"], report["embedded"]) == (3, 3, report["passages"])
    assert report["left_out"] == [{"path": "loop.png", "why": "binary file"}]
    assert report["passed_over"] == {"may hold secrets (--secrets)": 1}

    asked = edge(home, "run", "--docs", str(folder), "When did the board grant 3,500 euros?", "--json", "--seed", "1")
    sale = only_document(asked.stdout)
    assert sale["status"] == "done" and sale["citations"]
    for citation in sale["citations"]:
        lines = HANDBOOK[citation["path"]]
        assert citation["place"] in sale["answer"]
        if not citation["path"].endswith(".pdf"):
            assert lines.splitlines()[citation["first"] - 1 : citation["last"]] == citation["text"].split("\n")
    assert "0123456789abcdef" not in asked.stdout + asked.stderr

    (row,) = only_document(edge(home, "index", "--list", "--json").stdout)
    assert (row["folder"], row["files"], row["waiting"]) == (str(folder.resolve()), 3, 0)
    stored = b"".join(part.read_bytes() for part in (home / "library").iterdir())
    assert b"Lyon" in stored and b"0123456789abcdef" not in stored
    assert oct(Path(row["index"]).stat().st_mode & 0o777) == "0o600"
    assert edge(home, "index", "--remove", str(folder)).returncode == 0
    assert [file.suffix for file in (home / "library").iterdir()] == [".lock"]
    assert sorted(p.name for p in folder.iterdir()) == [".env", "loop.png", "report.pdf", "sub", "team.md"]


@pytest.mark.models
def test_documents_that_changed_are_read_before_they_are_asked(home: Path, tmp_path: Path):
    """`run --docs` indexes what is new first: a citation is of the files as they are."""
    folder = write(tmp_path / "docs", {"a.txt": "The lantern is green.\n"})
    edge(home, "index", str(folder))
    write(folder, {"a.txt": "An empty line follows.\n\nThe lantern is violet.\n"})
    question = ("Which colour is the lantern?", "--json", "--no-memory", "-a", "quick")
    sale = only_document(edge(home, "run", "--docs", str(folder), *question).stdout)
    assert [c["place"] for c in sale["citations"]] in ([], ["a.txt:3"], ["a.txt:1"])
    assert "green" not in json.dumps(sale["citations"])
    assert not (home / "memory.sqlite").exists()


@pytest.mark.models
def test_a_stopped_run_says_so_and_goes_on(home: Path, tmp_path: Path):
    """^C while indexing: exit 130, and the next run makes only the vectors that are missing."""
    files = {f"f{n}.md": f"# T{n}\n" + f"words of document {n} " * 40 for n in range(400)}
    folder = write(tmp_path / "docs", files)
    process = subprocess.Popen(
        [*EDGE_SALE, "index", str(folder)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(home)
    )
    end = time.monotonic() + 120
    while time.monotonic() < end and process.poll() is None:
        rows = json.loads(edge(home, "index", "--list", "--json").stdout or "[]")
        if rows and 0 < rows[0]["waiting"] < rows[0]["passages"]:
            break
    os.kill(process.pid, signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert (process.returncode, stderr.decode().splitlines()[-1:]) == (130, ["edge-sale: stopped"])
    report = only_document(edge(home, "index", str(folder), "--json").stdout)
    assert (report["passages"], report["unchanged"]) == (400, 400)
    assert 0 < report["embedded"] < 400


@pytest.mark.models
def test_documents_stay_here_unless_the_command_line_says_otherwise(home: Path, tmp_path: Path):
    """What config.toml lets out is meant for tasks: with documents a remote is left out, and that is said."""
    (home / "config.toml").write_text(
        (home / "config.toml").read_text(encoding="utf-8")
        + '[escalate]\npolicy = "auto"\nthrift = 0\n'
        + '[remotes.far]\nurl = "http://127.0.0.1:9/v1"\nmodel = "m"\nkey = "none"\nprice_in = 1\nprice_out = 1\n'
        + '[remotes.near]\nurl = "http://127.0.0.1:9/v1"\nmodel = "m"\nkey = "none"\nprice_in = 0\nprice_out = 0\n'
        + 'location = "lan"\n',
        encoding="utf-8",
    )
    folder = write(tmp_path / "docs", HANDBOOK)
    asked = ("run", "--docs", str(folder), "Where does Clara live?", "--json", "--no-memory")
    sale = only_document(edge(home, *asked).stdout)
    assert any("documents stay on this machine" in note for note in sale["notes"])
    assert {bid["bid"]["agent"] for bid in sale["bids"]} <= {"quick", "planner", "drafts"}
    assert sale["fallback"] is None and not (home / "egress.jsonl").exists()
    # the control: asked for on the command line, the same remotes are tried (and nobody listens there)
    control = only_document(edge(home, *asked, "--escalate", "auto").stdout)
    assert not any("documents stay on this machine" in note for note in control["notes"])
    assert "near" in control["sat_out"] or "near" in {bid["bid"]["agent"] for bid in control["bids"]}
    assert (home / "egress.jsonl").exists()


@pytest.mark.models
def test_a_server_of_the_users_own_may_read_documents_where_it_is_the_only_remote(home: Path, tmp_path: Path):
    """`--escalate ask` lets it bid; there is nobody further away to escalate to, and that is no error."""
    near = '[remotes.near]\nurl = "http://127.0.0.1:9/v1"\nmodel = "m"\nkey = "none"\nprice_in = 0\nprice_out = 0\n'
    config = (home / "config.toml").read_text(encoding="utf-8")
    (home / "config.toml").write_text(f'{config}{near}location = "lan"\n', encoding="utf-8")
    folder = write(tmp_path / "docs", HANDBOOK)
    done = edge(
        home, "run", "--docs", str(folder), "Where does Clara live?", "--json", "--no-memory", "--escalate", "auto"
    )
    sale = only_document(done.stdout)
    assert "near" in sale["sat_out"] or "near" in {bid["bid"]["agent"] for bid in sale["bids"]}


@pytest.mark.models
def test_documents_keep_their_embedder_and_the_memory_its_own(tmp_path: Path):
    """Auctions of the bundled pool are remembered by its embedder once the starter is pulled; an index is not."""
    home = new_home(tmp_path / "home", CONFIG)
    told = only_document(edge(home, "bid", "Write a function that sorts a list.", "-a", "junior", "--json").stdout)
    new_home(home, CONFIG.replace('pool = "bundled"\n', ""))
    (found,) = only_document(edge(home, "memory", "search", "sort a list", "--json").stdout)
    assert found["id"] == told["id"]
    folder = write(tmp_path / "docs", HANDBOOK)
    assert only_document(edge(home, "index", str(folder), "--json").stdout)["embedded"] > 0
    asked = edge(home, "run", "--docs", str(folder), "Where does Clara live?", "--json", "-a", "quick")
    assert only_document(asked.stdout)["recorded"]
    assert only_document(edge(home, "index", str(folder), "--json").stdout)["embedded"] == 0


@pytest.mark.models
def test_a_question_that_the_documents_say_nothing_of_ends_in_a_word_of_warning(home: Path, tmp_path: Path):
    """An answer without a source is called a guess, or none is given."""
    folder = write(tmp_path / "docs", {"a.md": "# Tea\nTea is made of leaves.\n"})
    done = edge(home, "run", "--docs", str(folder), "Who won the cup in 1934?", "--json", "--no-memory", "-a", "quick")
    sale = only_document(done.stdout)
    assert sale["citations"] or any("guess" in note for note in sale["notes"])
