"""`edge-sale models` and `edge-sale doctor` as their users meet them: listing, adding, checking, carrying away."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from edge_sale import environment
from edge_sale.catalog import cards, installed
from edge_sale.cli import doctor_machine
from edge_sale.cli.models.add import price_by_size
from tests.cli.kit import edge, new_home, only_document
from tests.hub import Hub, serve, sha256, write_gguf

hub = pytest.fixture(serve, name="hub")
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home without models, and no other program's caches."""
    monkeypatch.setenv("EDGE_SALE_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("OLLAMA_MODELS", str(tmp_path / "ollama"))
    return new_home(tmp_path / "home")


def listed(home: Path, *args: str) -> dict[str, Any]:
    rows = only_document(edge(home, "models", *args, "--json").stdout)
    return {row["name"]: row for row in rows}


def test_the_bare_command_and_ls_list_alike(home: Path) -> None:
    """Who says what the bytes should be stands beside every model."""
    bare = listed(home)
    assert bare == listed(home, "ls")
    assert (bare["qwen3-0.6b"]["sha256"], bare["gemma-4-e2b"]["sha256"]) == ("pinned", "at first pull")
    assert not bare["smollm2-135m"]["pulled"]
    assert bare["qwen3.5-4b"]["kind"] == "hybrid"
    table = edge(home, "models").stdout
    assert "at first pull" in table and "edge-sale pull qwen3-14b" in table


def test_every_pool_names_models_whose_weights_fit_the_machine_it_is_for() -> None:
    """Half of a laptop's memory, and what a card of 8 or 24 GB holds beside their contexts."""
    catalogue = cards.load()
    room = {"starter": 0.5, "laptop-8gb": 4, "laptop-16gb": 8, "laptop-32gb": 16, "gpu-8gb": 5, "gpu-24gb": 18}
    assert set(room) <= set(catalogue.pools)
    for name, gigabytes in room.items():
        pool = catalogue.pool(name)
        assert sum(catalogue.model(model).bytes for model in pool.models) < gigabytes * 1e9, name
        assert len({agent.name for agent in pool.agents}) >= 3


def test_every_shipped_card_says_where_it_comes_from_and_how_it_is_checked() -> None:
    """A commit where one is known, a sha256 for all but one, a kind, and a syntax to chat in."""
    catalogue = cards.load()
    unpinned = [card.name for card in catalogue.models.values() if not card.pinned]
    assert unpinned == ["gemma-4-e2b"]
    for card in catalogue.models.values():
        for source in card.sources:
            assert source.kind != "hub" or source.revision == "main" or len(source.revision) == 40
        assert card.role == "embed" or card.chat.syntax


def test_a_file_is_added_where_it_is_and_checked_from_then_on(home: Path, tmp_path: Path) -> None:
    """add, show, verify, rm: the file itself is never touched."""
    file = write_gguf(tmp_path / "mine" / "My Model.gguf")
    done = edge(home, "models", "add", str(file), "--price", "0.5", "--licence", "MIT")
    assert done.returncode == 0, done.stderr
    assert f"my-model: used where it is, {file}" in done.stdout
    row = listed(home)["my-model"]
    assert (row["price"], row["licence"], row["pulled"], row["sha256"]) == (0.5, "MIT", True, "your own file")
    shown = only_document(edge(home, "models", "show", "my-model", "--fit", "--json").stdout)
    assert shown["here"] == str(file) and shown["context"] == 64
    assert shown["fit"]["fits"] and shown["fit"]["weights"] == 2048 * 4 + 7 * 2
    assert f"ok   my-model: sha256 {sha256(file.read_bytes())}\n" in edge(home, "models", "verify").stdout
    again = edge(home, "models", "add", str(file))
    assert again.returncode == 1 and "is there already; choose another --name, or --force" in again.stderr
    removed = edge(home, "models", "rm", "my-model", "--card")
    assert f"its file stays where it is: {file}" in removed.stdout
    assert file.exists() and "my-model" not in listed(home)


def test_a_changed_file_is_found_by_verify(home: Path, tmp_path: Path) -> None:
    """Even where size and time are as before; exit code 1, and JSON says which."""
    file = write_gguf(tmp_path / "a.gguf")
    edge(home, "models", "add", str(file))
    stat, data = file.stat(), bytearray(file.read_bytes())
    data[-40] ^= 1
    file.write_bytes(data)
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    done = edge(home, "models", "verify")
    assert done.returncode == 1
    assert "BAD  a: " in done.stdout and "edge-sale: not what they should be: a" in done.stderr
    done = edge(home, "models", "verify", "--json")
    bad = [row["name"] for row in only_document(done.stdout) if not row["ok"]]
    assert (done.returncode, bad) == (1, ["a"])


def test_models_of_other_programs_are_found_and_used_where_they_are(home: Path, tmp_path: Path) -> None:
    """Ollama's manifest names a blob: `models search` shows it, `models add` takes it as it lies."""
    data = write_gguf(tmp_path / "x.gguf").read_bytes()
    root = tmp_path / "ollama"
    blob = root / "blobs" / f"sha256-{sha256(data)}"
    blob.parent.mkdir(parents=True)
    blob.write_bytes(data)
    manifest = root / "manifests" / "registry.ollama.ai" / "library" / "tiny" / "1b"
    manifest.parent.mkdir(parents=True)
    layer = {"mediaType": "application/vnd.ollama.image.model", "digest": f"sha256:{sha256(data)}"}
    manifest.write_text(json.dumps({"layers": [{"mediaType": "x", "digest": "y"}, layer]}))
    (manifest.parent / "broken").write_text("{")
    found = only_document(edge(home, "models", "search", "TINY", "--json").stdout)
    assert [(row["where"], row["name"], row["command"]) for row in found] == [
        ("ollama", "tiny:1b", "edge-sale models add ollama:tiny:1b")
    ]
    done = edge(home, "models", "add", "ollama:tiny:1b", "--name", "tiny")
    assert done.returncode == 0, done.stderr
    assert listed(home)["tiny"]["pulled"]
    assert not list((tmp_path / "models").rglob("*.gguf")), "nothing is copied"
    assert edge(home, "models", "rm", "tiny", "--card").returncode == 0
    assert blob.read_bytes() == data


def test_search_tells_cards_and_what_to_do_where_nothing_is_found(home: Path) -> None:
    """Every word counts; the network is asked only when told to."""
    rows = only_document(edge(home, "models", "search", "coder", "7b", "--json").stdout)
    assert [row["name"] for row in rows] == ["qwen2.5-coder-7b"]
    none = edge(home, "models", "search", "nonesuch")
    assert "nothing here is called 'nonesuch'; ask the hub too with --hub" in none.stdout


def test_a_repository_of_the_hub_becomes_a_pinned_card(home: Path, hub: Hub) -> None:
    """Commit, size and sha256 come from the hub; every request is in the egress log."""
    files = [
        {"path": "tiny-Q8_0.gguf", "lfs": {"oid": "aa" * 32, "size": 2000}},
        {"path": "tiny-Q4_K_M.gguf", "lfs": {"oid": "bb" * 32, "size": 1000}},
        {"path": "mmproj-tiny.gguf", "lfs": {"oid": "cc" * 32, "size": 10}},
        {"path": "big-00001-of-00002.gguf", "lfs": {"oid": "dd" * 32, "size": 10}},
        {"path": "README.md"},
    ]
    about = {
        "sha": COMMIT,
        "cardData": {"license": "apache-2.0"},
        "gguf": {"architecture": "llama", "context_length": 2048, "total": 600000000},
    }
    hub.files = {
        "/api/models/someone/tiny": json.dumps(about).encode(),
        f"/api/models/someone/tiny/tree/{COMMIT}?recursive=true": json.dumps(files).encode(),
        "/api/models?search=tiny&filter=gguf&sort=downloads&direction=-1&limit=20": json.dumps(
            [{"id": "someone/tiny", "downloads": 5}, {"id": "<script>"}]
        ).encode(),
    }
    reach = {"HF_ENDPOINT": hub.url, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
    found = only_document(edge(home, "models", "search", "tiny", "--hub", "--json", **reach).stdout)
    assert [(row["where"], row["name"]) for row in found] == [("hub", "someone/tiny")]
    done = edge(home, "models", "add", "someone/tiny", **reach)
    assert done.returncode == 0, done.stderr
    card = cards.load(home / "cards").model("tiny-q4_k_m")
    assert (card.files[0].sha256, card.files[0].bytes, card.sources[0].revision) == ("bb" * 32, 1000, COMMIT)
    assert (card.licence, card.context, card.price) == ("apache-2.0", 2048, 0.02)
    assert edge(home, "models", "add", "someone/tiny:q8_0", "--name", "other", **reach).returncode == 0
    assert cards.load(home / "cards").model("other").files[0].name == "tiny-Q8_0.gguf"
    wrong = edge(home, "models", "add", "someone/tiny:Q9", **reach)
    assert wrong.returncode == 1
    assert "which file? name one of: someone/tiny:tiny-Q8_0.gguf, someone/tiny:tiny-Q4_K_M.gguf" in wrong.stderr
    log = [json.loads(line)["what"] for line in (home / "egress.jsonl").read_text().splitlines()]
    assert log[0] == "GET /api/models" and len(log) == len(hub.seen) == 7
    off = edge(home, "models", "add", "someone/tiny", "--force", EDGE_SALE_OFFLINE="1", **reach)
    assert off.returncode == 1 and "offline is set" in off.stderr
    assert len(hub.seen) == 7


def test_a_model_is_carried_to_another_home_in_one_file(home: Path, tmp_path: Path) -> None:
    """export, import: the same bytes, checked on the way in; its card comes along where it is lacking."""
    data = write_gguf(tmp_path / "a.gguf").read_bytes()
    edge(home, "models", "add", str(tmp_path / "a.gguf"), "--name", "carried")
    done = edge(home, "models", "export", "carried", str(tmp_path))
    assert done.returncode == 0, done.stderr
    bundle = tmp_path / "carried.edge-sale.tar"
    there = new_home(tmp_path / "there")
    elsewhere = {"EDGE_SALE_MODELS": str(tmp_path / "elsewhere")}
    done = edge(there, "models", "import", str(bundle), **elsewhere)
    assert done.returncode == 0, done.stderr
    card = cards.load(there / "cards").model("carried")
    assert installed.ready(card, tmp_path / "elsewhere").read_bytes() == data
    again = edge(home, "models", "export", "carried", str(tmp_path))
    assert again.returncode == 1 and "is there already" in again.stderr


def test_a_model_that_is_here_already_can_be_imported_again(home: Path, tmp_path: Path) -> None:
    """It stays ready; a bundle of the name of a file of the user's own is refused."""
    write_gguf(tmp_path / "a.gguf")
    edge(home, "models", "add", str(tmp_path / "a.gguf"), "--name", "carried")
    edge(home, "models", "export", "carried", str(tmp_path))
    bundle, there = str(tmp_path / "carried.edge-sale.tar"), new_home(tmp_path / "there")
    for _ in range(2):
        done = edge(there, "models", "import", bundle, EDGE_SALE_MODELS=str(tmp_path / "elsewhere"))
        assert done.returncode == 0, done.stderr
    card = cards.load(there / "cards").model("carried")
    assert installed.missing([card], tmp_path / "elsewhere") == []
    refused = edge(home, "models", "import", bundle)
    assert refused.returncode == 1 and "a file of your own" in refused.stderr
    assert edge(home, "models", "verify", "carried").returncode == 0


def test_what_is_removed_is_what_was_pulled(home: Path, tmp_path: Path) -> None:
    """Files that the user keeps in a folder of that name stay, with a model pulled there or without."""
    kept = tmp_path / "models/qwen3-0.6b/notes.txt"
    kept.parent.mkdir(parents=True)
    kept.write_text("mine")
    reach = {"EDGE_SALE_MODELS": str(tmp_path / "models")}
    done = edge(home, "models", "rm", "qwen3-0.6b", **reach)
    assert done.returncode == 1 and "not on this machine yet" in done.stderr and kept.read_text() == "mine"
    write_gguf(tmp_path / "a.gguf")
    edge(home, "models", "add", str(tmp_path / "a.gguf"), "--name", "carried", **reach)
    (tmp_path / "models/carried/notes.txt").write_text("mine")
    done = edge(home, "models", "rm", "carried", "--card", **reach)
    assert done.returncode == 0 and [f.name for f in (tmp_path / "models/carried").iterdir()] == ["notes.txt"]
    assert (tmp_path / "a.gguf").exists()


def test_a_pool_of_the_users_own_is_pulled_by_its_name(home: Path) -> None:
    """What the way out says works, also where the pool is in config.toml alone."""
    with (home / "config.toml").open("a") as file:
        file.write('\n[pools.mine]\nagents = ["one"]\n[agents.one]\nmodel = "qwen3-0.6b"\nwork = "quick"\n')
        file.write("price = 0.1\n")
    done = edge(home, "pull", "mine", EDGE_SALE_OFFLINE="1")
    assert done.returncode == 1 and "unknown pool" not in done.stderr and "offline" in done.stderr


def test_a_proxy_that_nobody_knows_is_said(home: Path) -> None:
    done = edge(home, "pull", "qwen3-0.6b", ALL_PROXY="socks://127.0.0.1:9")
    assert done.returncode == 1 and "proxy" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize("how", ["flip", "cut", "text", "other"])
def test_a_bundle_that_is_not_whole_is_refused_and_leaves_nothing(how: str, home: Path, tmp_path: Path) -> None:
    """One wrong byte, a missing end, something else altogether, a tar of other files."""
    import tarfile

    write_gguf(tmp_path / "a.gguf")
    edge(home, "models", "add", str(tmp_path / "a.gguf"), "--name", "carried")
    edge(home, "models", "export", "carried", str(tmp_path))
    bundle = tmp_path / "carried.edge-sale.tar"
    data = bytearray(bundle.read_bytes())
    at = data.rindex(b"GGUF") + 3000
    data[at] ^= 1
    if how == "flip":
        bundle.write_bytes(data)
    elif how == "cut":
        os.truncate(bundle, at)
    elif how == "text":
        bundle.write_text("not a tar")
    else:
        with tarfile.open(bundle, "w") as archive:
            archive.add(tmp_path / "a.gguf", "../../a.gguf")
    there = new_home(tmp_path / "there")
    done = edge(there, "models", "import", str(bundle), EDGE_SALE_MODELS=str(tmp_path / "elsewhere"))
    assert done.returncode == 1, done.stdout
    assert done.stderr.count("\n") <= 3 and str(bundle) in done.stderr and "Traceback" not in done.stderr
    assert not list((tmp_path / "elsewhere").rglob("*.gguf")) and not (there / "cards").exists()


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("show", "nonesuch"), "unknown model 'nonesuch'"),
        (("rm", "qwen3-0.6b"), "not on this machine yet: 'qwen3-0.6b'"),
        (("verify", "qwen3-0.6b"), "not what they should be: qwen3-0.6b"),
        (("add", "nowhere.gguf"), "nowhere.gguf: no such file"),
        (("add", "~nobody-of-that-name/a.gguf"), "no such file"),
        (("add", "a" * 300), "no such file"),
        (("add", "ollama:nonesuch:1b"), "ollama:nonesuch:1b: no such file"),
        (("add", "some/where.gguf"), "some/where.gguf: no such file"),
        (("export", "qwen3-0.6b", "."), "pull with: edge-sale pull qwen3-0.6b"),
        (("optimise", "all-minilm-l6-v2"), "embeds texts: a re-quantized copy would give other vectors"),
        (("optimise", "qwen3-0.6b"), "not on this machine yet"),
        (("optimise", "qwen3-0.6b", "--undo"), "not on this machine yet"),
    ],
)
def test_a_mistake_is_one_line_with_the_way_out(args: tuple[str, ...], says: str, home: Path) -> None:
    """Exit code 1."""
    done = edge(home, "models", *args)
    assert done.returncode == 1 and says in done.stderr and "Traceback" not in done.stderr


def test_a_price_follows_size_as_the_papers_does() -> None:
    """$0.05 at 4B, 0.09 to 0.10 at 8B, 0.16 to 0.17 at 14B, and the least that hosts ask below 1.5B."""
    prices = [price_by_size(int(billions * 1e9)) for billions in (0.135, 4, 8, 14)]
    assert prices == [0.02, 0.05, pytest.approx(0.095, abs=0.005), pytest.approx(0.165, abs=0.005)]


def test_the_doctor_says_what_is_missing_and_what_to_do(home: Path) -> None:
    """Without models: exit code 1, everything else looked at, each line with its way out."""
    (home / "config.toml").write_text('pool = "starter"\n')
    done = edge(home, "doctor")
    assert done.returncode == 1
    assert "bad   pool        starter: smollm2-135m, all-minilm-l6-v2 not here" in done.stdout
    assert "-> edge-sale pull starter" in done.stdout
    names = {line.split()[1] for line in done.stdout.splitlines() if not line.startswith(" ")}
    assert names == {
        "python",
        "llama.cpp",
        "cpu",
        "gpu",
        "memory",
        "disk",
        "sandbox",
        "sqlite-vec",
        "model",
        "pool",
        "network",
    }
    rows = only_document(edge(home, "doctor", "--json").stdout)
    assert {row["name"] for row in rows} == names
    assert all(row["way_out"] for row in rows if row["state"] != "ok")


def test_the_doctor_survives_a_llama_cpp_that_was_built_for_another_cpu() -> None:
    """An illegal instruction ends a child, and is told as such; so is a library that is not there."""
    import sys

    code = "import os, signal; os.kill(os.getpid(), signal.SIGILL)"
    assert "built for another CPU" in doctor_machine.build_info((sys.executable, "-c", code))[1]
    build, why = doctor_machine.build_info((sys.executable, "-c", "import nonesuch"))
    assert build == {} and "does not load: ModuleNotFoundError: No module named 'nonesuch'" in why


def test_the_network_policy_has_no_password_in_it() -> None:
    """A proxy's user and password stay out of what is printed."""
    said = environment.network_policy(
        {"HTTPS_PROXY": "http://me:secret@proxy.example:3128", "HF_ENDPOINT": "https://m"}
    )
    assert said == {"proxy": "proxy.example:3128", "mirror": "https://m"}


@pytest.mark.models
def test_the_doctor_is_content_with_the_starter_pool(models_dir: Path, tmp_path: Path) -> None:
    """Every line is ok or could be better; exit code 0."""
    done = edge(new_home(tmp_path), "doctor", EDGE_SALE_MODELS=str(models_dir))
    assert done.returncode == 0, done.stdout
    assert "ok    model       smollm2-135m: verified" in done.stdout


@pytest.mark.models
def test_a_slow_type_is_optimised_measured_and_can_be_undone(models_dir: Path, tmp_path: Path) -> None:
    """The starter as Q5_0, which no CPU has fast kernels for, becomes faster; its original stays until dropped."""
    from edge_sale.catalog import convert

    catalogue = cards.load()
    starter = installed.ready(catalogue.model("smollm2-135m"), models_dir)
    slow = tmp_path / "slow.gguf"
    convert.requantize_file(starter, slow, "Q5_0", convert.quiet)
    home = new_home(tmp_path / "home")
    models = {"EDGE_SALE_MODELS": str(tmp_path / "models")}
    assert edge(home, "models", "add", str(slow), **models).returncode == 0
    done = edge(home, "models", "optimise", "slow", "--to", "Q4_0", "--json", **models)
    assert done.returncode == 0, done.stderr
    result = only_document(done.stdout)
    before, after = result["before"], result["tried"]["Q4_0"]
    assert after["prompt"] > before["prompt"], "the fast kernels are faster, whatever else"
    faster = (after["prompt"] / before["prompt"] * after["draw"] / before["draw"]) ** 0.5
    good = faster >= 1.1 and after["draw"] / before["draw"] >= 0.95
    assert bool(result["kept"]) == (good and after["perplexity"] <= 1.05 * before["perplexity"])
    if not result["kept"]:
        pytest.skip(f"not better on this machine: {done.stderr}")
    shown = only_document(edge(home, "models", "show", "slow", "--json", **models).stdout)
    assert shown["here"].endswith("slow.Q4_0.optimised.gguf") and shown["manifest"]["measured"]["prompt"] > 0
    assert slow.exists()
    again = edge(home, "models", "optimise", "slow", **models)
    assert again.returncode == 1 and "is optimised already" in again.stderr
    assert edge(home, "models", "verify", "slow", **models).returncode == 0
    assert edge(home, "models", "optimise", "slow", "--undo", **models).returncode == 0
    assert only_document(edge(home, "models", "show", "slow", "--json", **models).stdout)["here"] == str(slow)
    assert not list((tmp_path / "models").rglob("*.optimised.gguf"))


@pytest.mark.models
def test_a_run_that_does_not_fit_is_refused_with_numbers(models_dir: Path, tmp_path: Path) -> None:
    """Before anything is loaded: what it needs, what there is, what to do."""
    home = new_home(tmp_path / "home", 'pool = "starter"\nmemory_gb = 0.1\n')
    done = edge(home, "bid", "Say yes.", EDGE_SALE_MODELS=str(models_dir))
    assert done.returncode == 1
    assert "smollm2-135m needs " in done.stderr and "choose a model of at most 100 MB" in done.stderr
    assert "Traceback" not in done.stderr


TURNS = """
threads = 1
memory_gb = 0.6
pool = "turns"
[auction]
plan_tokens = 16
bid_seconds = 300
[pools.turns]
agents = ["quick", "other"]
[agents.other]
model = "other"
work = "quick"
price = 0.03
"""


@pytest.mark.models
def test_two_models_take_turns_in_memory_for_one(models_dir: Path, tmp_path: Path) -> None:
    """Each is loaded when it is asked and leaves for the other; both bid, and the auction ends."""
    from edge_sale.catalog import convert

    starter = installed.ready(cards.load().model("smollm2-135m"), models_dir)
    other = tmp_path / "other.gguf"
    convert.requantize_file(starter, other, "Q8_0", convert.quiet)
    home, models = new_home(tmp_path / "home", TURNS), tmp_path / "models"
    shutil.copytree(models_dir, models)
    assert edge(home, "models", "add", str(other), EDGE_SALE_MODELS=str(models)).returncode == 0
    done = edge(home, "bid", "Say yes.", "--no-memory", "--json", EDGE_SALE_MODELS=str(models))
    assert done.returncode == 0, done.stderr
    assert {'"quick"', '"other"'} <= set(done.stdout.replace(",", " ").replace(":", " ").split())


def test_the_doctor_names_everyone_who_may_send(home: Path) -> None:
    """The network line names pulls and every remote with the policy; offline it says why nothing is sent."""

    def network() -> str:
        rows = only_document(edge(home, "doctor", "--json").stdout)
        return str(next(row["found"] for row in rows if row["name"] == "network"))

    (home / "config.toml").write_text('[remotes.far]\nurl = "http://127.0.0.1:9/v1"\nmodel = "m"\n')
    assert "pull" in network() and "remotes (far; policy ask)" in network()
    (home / "config.toml").write_text("offline = true\n")
    assert network().startswith("nothing is sent: offline is set")
