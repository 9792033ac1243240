"""300 pulls from a hub that misbehaves at random put the right file in place, or none."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from edge_sale.catalog import cards, installed
from edge_sale.download import http, partial, pull
from edge_sale.download import hub as hub_source
from edge_sale.download.job import PullJob
from edge_sale.errors import EdgeSaleError
from tests.hub import HUB, ROOT, Hub, Puller, card_text, sha256, write_gguf

URL = "/someone/tiny/resolve/main/tiny.gguf"
PLACES = 7000  # bytes of a file, about: where faults are put

# fault -> what it takes, drawn
FAULTS: dict[str, Any] = {
    "cut": lambda draw: draw.randrange(PLACES),
    "wrong": lambda draw: None,
    "flip": lambda draw: draw.randrange(PLACES),
    "longer": lambda draw: None,
    "shorter": lambda draw: draw.randrange(1, 100),
    "ignore-range": lambda draw: None,
    "416": lambda draw: None,
    "wrong-start": lambda draw: draw.randrange(1, 500),
    "status": lambda draw: draw.choice([401, 404, 429, 500, 503]),
    "redirect": lambda draw: draw.choice(["/moved", "/elsewhere", "ftp://127.0.0.1/x", "http:///x", URL]),
    "slow": lambda draw: None,
    "lie": lambda draw: None,
    "drop": lambda draw: None,
    "change": lambda draw: None,
}


@pytest.fixture
def hub_in_process(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> Hub:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", hub.url)
    template = hub.url + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(hub_source.time, "sleep", lambda seconds: None)  # between two tries
    return hub


def tried(card: cards.ModelCard, home: Path) -> tuple[Path | None, str]:
    try:
        return pull.pull(card, models_dir=home / "models", egress_log=home / "egress.jsonl", patience=2), ""
    except EdgeSaleError as error:
        return None, str(error)


def read_card(file: Path, data: bytes, pinned: bool) -> cards.ModelCard:
    text = card_text("tiny", {"tiny.gguf": data}, HUB)
    file.write_text(text if pinned else text.replace(f'sha256 = "{sha256(data)}"\n', ""))
    return cards.read_model(file)


@pytest.mark.parametrize("seed", range(6))
def test_no_pull_ends_with_another_file_than_the_cards(seed: int, tmp_path: Path, hub_in_process: Hub) -> None:
    """50 pulls for each seed, half of them of a file whose sha256 only the hub states, with up to three tries.

    Whatever the faults, a try that gives a path gives the right bytes, ready to load, and one that
    fails leaves no file in place and one line that says why. Once the hub behaves, all succeed.
    """
    hub, draw = hub_in_process, random.Random(seed)
    ends: Counter[str] = Counter()
    for case in range(50):
        home = tmp_path / str(case)
        home.mkdir()
        data = write_gguf(home / "tiny.gguf", values=32 * draw.randint(40, 60)).read_bytes()
        other = write_gguf(home / "other.gguf", values=len(data) // 128 * 32).read_bytes()
        hub.files = {URL: data, "/moved": data, "/elsewhere": other}
        hub.etag, hub.vouch, hub.seen = '"v1"', True, []
        card = read_card(home / "tiny.toml", data, pinned=bool(case % 2))
        for _ in range(3):
            names = draw.choices(list(FAULTS), k=draw.randint(1, 3))
            if "change" in names and case % 2:  # the file itself changes, with its tag: pinned cards refuse it
                hub.files[URL], hub.etag = bytes(reversed(data)), '"v2"'
            hub.faults = [(name, FAULTS[name](draw)) for name in names if name != "change"]
            path, why = tried(card, home)
            folder = home / "models" / "tiny"
            if path:
                assert path.read_bytes() == data, names
                assert installed.ready(card, home / "models") == path
                ends["right"] += 1
                break
            assert not list(folder.glob("*.gguf")) and "\n" not in why, names
            ends["refused"] += 1
        hub.files[URL], hub.faults = data, []
        path, why = tried(card, home)
        assert path and path.read_bytes() == data, why
        shutil.rmtree(home)
    assert ends["right"] > 10 and ends["refused"] > 20, ends


def test_a_sha256_that_nobody_pinned_is_recorded_from_the_hub_and_holds(tmp_path: Path, hub_in_process: Hub) -> None:
    """The recorded sha256 outlives the model: a changed file on the hub is refused until it is forgotten."""
    hub, data = hub_in_process, write_gguf(tmp_path / "a.gguf").read_bytes()
    hub.files, hub.vouch = {URL: data}, True
    card = read_card(tmp_path / "tiny.toml", data, pinned=False)
    assert not card.pinned and not installed.pinned(card, tmp_path / "models").pinned
    path, why = tried(card, tmp_path)
    assert path, why
    assert installed.read_pins(card, tmp_path / "models") == {"tiny.gguf": sha256(data)}
    shutil.rmtree(tmp_path / "models" / "tiny")
    hub.files[URL] = write_gguf(tmp_path / "b.gguf", values=2048).read_bytes()[:-1] + b"\1"
    path, why = tried(card, tmp_path)
    assert path is None
    assert f"the hub holds another tiny.gguf now (sha256 {sha256(hub.files[URL])[:12]}…" in why
    assert len(hub.seen) == 2, "told before its bytes are fetched"
    installed.forget_pins(card, tmp_path / "models")
    path, why = tried(card, tmp_path)
    assert path and path.read_bytes() == hub.files[URL]


def test_without_any_sha256_nothing_is_kept(tmp_path: Path, hub_in_process: Hub) -> None:
    """A card without a sha256 and a mirror that states none are refused, with the way out."""
    hub, data = hub_in_process, write_gguf(tmp_path / "a.gguf").read_bytes()
    hub.files = {URL: data}
    path, why = tried(read_card(tmp_path / "tiny.toml", data, pinned=False), tmp_path)
    assert path is None
    assert "neither the card nor the hub says the sha256 of tiny.gguf; add it to a card of your own" in why
    assert not (tmp_path / "models" / "tiny").exists()


def test_only_the_hubs_own_host_vouches(tmp_path: Path, hub_in_process: Hub, other_host: Hub) -> None:
    """The target of a redirect may send the bytes, but does not decide which are right."""
    hub, data = hub_in_process, write_gguf(tmp_path / "a.gguf").read_bytes()
    other_host.files, other_host.vouch = {"/cdn": data}, True
    hub.faults = [("redirect", f"{other_host.url}/cdn")]
    path, why = tried(read_card(tmp_path / "tiny.toml", data, pinned=False), tmp_path)
    assert path is None and "neither the card nor the hub says" in why


def test_files_of_one_model_come_side_by_side(tmp_path: Path, hub_in_process: Hub) -> None:
    """While one file stalls, the others arrive."""
    hub = hub_in_process
    files = {f"{name}.gguf": write_gguf(tmp_path / f"{name}.gguf").read_bytes() for name in "abc"}
    hub.files = {f"/someone/tiny/resolve/main/{name}": data for name, data in files.items()}
    make = '[make]\nwith = "requantize"\nto = "Q8_0"\nfile = "made.gguf"'
    (tmp_path / "tiny.toml").write_text(card_text("tiny", files, HUB, make))
    card = cards.read_model(tmp_path / "tiny.toml")
    hub.faults = [("stall", 10)]
    job = PullJob(card, tmp_path, http.Network(tmp_path / "e", "test"), lambda *_: None, lambda _: None)
    job.incoming.mkdir(parents=True)
    import threading

    thread = threading.Thread(target=hub_source.fetch, args=(job, card.sources[0], list(card.files)))
    thread.start()
    assert hub.stalled.wait(10)
    deadline = time.monotonic() + 10
    while len(list(job.incoming.glob("?.gguf"))) < 2 and time.monotonic() < deadline:
        threading.Event().wait(0.02)
    assert len(list(job.incoming.glob("?.gguf"))) == 2
    hub.go_on.set()
    thread.join(20)
    assert job.missing() == []


def test_a_saved_login_goes_to_the_hubs_own_host_alone(
    tmp_path: Path, puller: Puller, hub: Hub, tiny: tuple[Path, bytes]
) -> None:
    """A mirror gets the token in HF_TOKEN, but not the one that a login saved."""
    card, _ = tiny
    del puller.environment["HF_TOKEN"]
    saved = tmp_path / "hf" / "token"
    saved.parent.mkdir()
    saved.write_text("hf_saved")
    assert "error" not in puller.pull(card)
    assert [request.headers.get("authorization") for request in hub.seen] == [None]
    assert http._token("https://huggingface.co/x") is None, "the control: the tests' own home has no login"


def test_a_proxy_of_the_environment_is_used(puller: Puller, hub: Hub, tiny: tuple[Path, bytes]) -> None:
    """Requests go to the proxy in HTTP_PROXY, without the token."""
    card, data = tiny
    puller.environment |= {"HF_ENDPOINT": "http://mirror.invalid", "HTTP_PROXY": hub.url, "http_proxy": hub.url}
    hub.files["http://mirror.invalid/someone/tiny/resolve/main/tiny.gguf"] = data
    out = puller.pull(card)
    assert "error" not in out, out
    assert hub.seen[0].path == "http://mirror.invalid/someone/tiny/resolve/main/tiny.gguf"
    assert "authorization" not in hub.seen[0].headers, "not in the clear to another machine"


FULL = """
import sys
from pathlib import Path
from edge_sale.catalog import cards
from edge_sale.download import pull
from edge_sale.errors import EdgeSaleError

card, home = cards.read_model(Path(sys.argv[1])), Path(sys.argv[2])
filler = home / "filler"

def fill(stage, done, total):
    if stage.startswith("downloading") and not filler.exists():
        with filler.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(1 << 20))
            except OSError:
                pass
            try:
                while True:
                    file.write(b"x")
            except OSError:
                pass

def tried():
    try:
        print(pull.pull(card, models_dir=home / "models", egress_log=Path("/tmp/egress"), progress=fill))
    except EdgeSaleError as error:
        print(error)

tried()
print(sorted(path.name for path in (home / "models").rglob("*.gguf")))
filler.unlink()
filler.mkdir()
tried()
"""


def test_a_disk_that_fills_up_is_named_and_the_pull_goes_on_once_there_is_room(
    puller: Puller, tmp_path: Path, hub: Hub
) -> None:
    """A real file system of 80 MB is filled by another program in the middle of the download."""
    if not shutil.which("bwrap"):
        pytest.skip("bubblewrap is not installed: no small file system to fill")
    data = write_gguf(tmp_path / "large.gguf", values=1 << 20).read_bytes()
    hub.files["/someone/tiny/resolve/main/tiny.gguf"] = data
    card = tmp_path / "tiny.toml"
    card.write_text(card_text("tiny", {"tiny.gguf": data}, HUB))
    small = tmp_path / "small"
    small.mkdir()
    wrap = ["bwrap", "--bind", "/", "/", "--dev-bind", "/dev", "/dev", "--size", str(80 << 20), "--tmpfs", str(small)]
    done = subprocess.run(
        [*wrap, sys.executable, "-c", FULL, str(card), str(small)],
        env=puller.environment,
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=120,
    )
    if "bwrap" in done.stderr:
        pytest.skip(f"bubblewrap does not run here: {done.stderr[:200]}")
    first, files, second = done.stdout.splitlines()
    assert "No space left on device" in first and "models_dir in config.toml" in first
    assert files == "[]"
    assert second == str(small / "models" / "tiny" / "tiny.gguf")
    assert [request.headers.get("range") is not None for request in hub.seen] == [False, True]


def test_too_small_a_disk_is_refused_before_anything_is_fetched(
    tmp_path: Path, hub_in_process: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message says how much is needed and how much is free."""
    hub, data = hub_in_process, write_gguf(tmp_path / "a.gguf").read_bytes()
    hub.files = {URL: data}
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=1 << 20))
    path, why = tried(read_card(tmp_path / "tiny.toml", data, pinned=True), tmp_path)
    assert path is None and "needs 64 MiB in" in why and "1 MiB are free" in why
    assert hub.seen == []


@pytest.mark.parametrize("kind", ["hub", "ollama", "lmstudio"])
def test_a_file_in_another_programs_cache_is_used_where_it_is(
    kind: str, tmp_path: Path, hub_in_process: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is copied, fetched or changed. When the file goes, the model counts as not pulled."""
    from edge_sale import environment

    hub, data = hub_in_process, write_gguf(tmp_path / "a.gguf").read_bytes()
    digest, root = sha256(data), tmp_path / "cache"
    places = {
        "hub": root / "models--someone--tiny" / "blobs" / digest,
        "ollama": root / "blobs" / f"sha256-{digest}",
        "lmstudio": root / "someone" / "tiny" / "tiny.gguf",
    }
    places[kind].parent.mkdir(parents=True)
    places[kind].write_bytes(data)
    roots = ((kind, root),)
    monkeypatch.setattr(environment, "model_caches", lambda: roots)
    card = read_card(tmp_path / "tiny.toml", data, pinned=True)
    models = tmp_path / "models"
    path = pull.pull(card, models_dir=models, egress_log=tmp_path / "e", roots=roots)
    assert path == places[kind] and hub.seen == []
    assert installed.ready(card, models) == path
    assert not list(models.rglob("*.gguf"))
    path.unlink()
    assert installed.missing([card], models) == ["tiny"]


def test_a_cache_whose_file_is_not_what_its_name_says_is_not_used(tmp_path: Path, hub_in_process: Hub) -> None:
    """The file's bytes are read, not its name, and the hub is asked instead."""
    hub, data = hub_in_process, write_gguf(tmp_path / "a.gguf").read_bytes()
    hub.files = {URL: data}
    blob = tmp_path / "cache" / "blobs" / f"sha256-{sha256(data)}"
    blob.parent.mkdir(parents=True)
    blob.write_bytes(data[:-1] + b"\1")
    notes: list[str] = []
    card = read_card(tmp_path / "tiny.toml", data, pinned=True)
    roots = (("ollama", tmp_path / "cache"),)
    path = pull.pull(card, models_dir=tmp_path / "m", egress_log=tmp_path / "e", roots=roots, notice=notes.append)
    assert path == tmp_path / "m" / "tiny" / "tiny.gguf" and path.read_bytes() == data
    assert any("not used" in note for note in notes)


def test_a_part_says_where_an_answer_belongs(tmp_path: Path) -> None:
    """A whole answer begins at byte 0; a range is accepted only where it continues the part."""
    this = partial.Part.of(cards.FileSpec("a", 100, "ab" * 32), tmp_path)
    this.path.write_bytes(bytes(40))
    assert this.request() == {"Range": "bytes=40-"}
    this.remember({"etag": '"x"'}, {})
    assert this.request() == {"Range": "bytes=40-", "If-Range": '"x"'}
    assert this.begins(200, {}) == 0
    assert this.begins(206, {"content-range": "bytes 40-99/100"}) == 40
    assert this.begins(206, {"content-range": "bytes 39-99/100"}) is None
    assert this.begins(206, {}) is None
    assert this.begins(416, {}) is None
