"""Pulling from a hub that cuts, lies, redirects and stalls; each pull is a process of its own."""

from __future__ import annotations

import re
import signal
import stat
import time
from pathlib import Path
from typing import Any

import pytest

from tests.hub import HUB, Hub, Puller, card_text, write_gguf

Tiny = tuple[Path, bytes]


def ranges(hub: Hub) -> list[str | None]:
    return [request.headers.get("range") for request in hub.seen]


def in_place(puller: Puller, data: bytes) -> bool:
    files = sorted(file.name for file in puller.folder().iterdir())
    return files == ["tiny.gguf", "tiny.json"] and (puller.folder() / "tiny.gguf").read_bytes() == data


def test_a_model_is_pulled_once_with_progress_and_one_request(puller: Puller, tiny: Tiny, hub: Hub) -> None:
    """The second pull sends nothing. The hub learns the file, the token and our name, and nothing else."""
    card, data = tiny
    out = puller.pull(card)
    assert out["path"] == str(puller.folder() / "tiny.gguf")
    assert in_place(puller, data)
    assert ["downloading tiny.gguf", len(data), len(data)] in out["stages"]
    assert puller.pull(card)["path"] == out["path"]
    (request,) = hub.seen
    assert request.path == "/someone/tiny/resolve/main/tiny.gguf"
    assert request.headers["authorization"] == "Bearer hf_secret"
    assert request.headers["user-agent"].startswith("edge-sale/")
    assert set(request.headers) == {"host", "accept", "accept-encoding", "connection", "user-agent", "authorization"}


def test_every_request_is_in_the_egress_log_which_only_its_owner_reads(
    puller: Puller, tiny: Tiny, hub: Hub, other_host: Hub
) -> None:
    """Redirects too are logged, each with its exact size; the token is not in the log."""
    card, data = tiny
    other_host.files["/cdn/tiny"] = data
    hub.faults = [("redirect", f"{other_host.url}/cdn/tiny?signature=s3cret")]
    other_host.files["/cdn/tiny?signature=s3cret"] = data
    assert "error" not in puller.pull(card)
    lines = puller.egress()
    said = [(line["host"], line["what"], line["reason"]) for line in lines]
    assert said == [
        (f"127.0.0.1:{hub.port}", "GET /someone/tiny/resolve/main/tiny.gguf", "pull tiny"),
        (f"127.0.0.1:{other_host.port}", "GET /cdn/tiny", "pull tiny"),
    ]
    assert all(100 < line["bytes"] < 2000 and abs(line["time"] - time.time()) < 60 for line in lines)
    assert [line["bytes"] for line in lines] == [request.size for request in (*hub.seen, *other_host.seen)]
    log = puller.home / "egress.jsonl"
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    assert "secret" not in log.read_text() and "s3cret" not in log.read_text()


def test_the_token_does_not_follow_a_redirect_to_another_origin(
    puller: Puller, tiny: Tiny, hub: Hub, other_host: Hub
) -> None:
    """Another port is another origin. A redirect within the hub's own origin keeps the token."""
    card, data = tiny
    other_host.files["/cdn"] = data
    hub.faults = [("redirect", f"{hub.url}/moved"), ("redirect", f"{other_host.url}/cdn")]
    hub.files["/moved"] = data
    assert "error" not in puller.pull(card)
    assert [request.headers.get("authorization") for request in hub.seen] == ["Bearer hf_secret"] * 2
    assert [request.headers.get("authorization") for request in other_host.seen] == [None]


def test_a_cut_connection_is_resumed_from_the_byte_where_it_broke(puller: Puller, tiny: Tiny, hub: Hub) -> None:
    """The request has the tag of the first bytes, so that a changed file is not appended to them."""
    card, data = tiny
    hub.faults = [("cut", 1000), ("cut", 500)]
    out = puller.pull(card)
    assert in_place(puller, data)
    assert ranges(hub) == [None, "bytes=1000-", "bytes=1500-"]
    assert hub.seen[1].headers["if-range"] == '"v1"'
    assert [note for note in out["notes"] if f"resuming at 1500 of {len(data)} bytes" in note]


def test_a_part_left_by_an_earlier_pull_is_resumed(puller: Puller, tiny: Tiny, hub: Hub) -> None:
    """A pull that gives up keeps its bytes and says how many."""
    card, data = tiny
    hub.faults = [("cut", 1000), *[("cut", 0)] * 3]
    out = puller.pull(card)
    assert out["kind"] == "PullFailed"
    assert f"(at 1000 of {len(data)} bytes; kept)" in out["error"]
    assert not puller.folder().exists()
    assert "error" not in puller.pull(card)
    assert ranges(hub)[-1] == "bytes=1000-"
    assert in_place(puller, data)


@pytest.mark.parametrize("fault", [("ignore-range", None), ("416", None)])
def test_a_server_that_does_not_resume_is_asked_for_the_whole_file(
    puller: Puller, tiny: Tiny, hub: Hub, fault: tuple[str, Any]
) -> None:
    """An answer 200 to a Range request replaces the part, and an answer 416 removes it."""
    card, data = tiny
    hub.faults = [("cut", 1000), fault]
    assert "error" not in puller.pull(card)
    assert ranges(hub)[:2] == [None, "bytes=1000-"]
    assert in_place(puller, data)


def test_a_file_that_changed_on_the_hub_in_between_is_pulled_anew(puller: Puller, tiny: Tiny, hub: Hub) -> None:
    """If-Range makes the server send the whole file."""
    card, data = tiny
    hub.faults = [("cut", 1000), *[("cut", 0)] * 3]
    puller.pull(card)
    hub.etag = '"v2"'
    assert "error" not in puller.pull(card)
    assert hub.seen[-1].headers["if-range"] == '"v1"'
    assert in_place(puller, data)


def test_a_spoiled_part_is_thrown_away_and_the_file_pulled_anew(puller: Puller, tiny: Tiny, hub: Hub) -> None:
    """As after a power cut, the part has the right size but not the bytes that were sent."""
    card, data = tiny
    hub.faults = [("cut", 1000), *[("cut", 0)] * 3]
    puller.pull(card)
    (part,) = puller.folder(".incoming/tiny").glob("*.part")
    part.write_bytes(bytes(1000))
    out = puller.pull(card)
    assert any("starting over" in note for note in out["notes"])
    assert in_place(puller, data)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (("wrong", None), "sha256 of tiny.gguf.* is .*, the card says"),
        (("longer", None), "there has {more} bytes, the card says {size}"),
        (("status", 404), "answer 404: there is no such file"),
        (("status", 401), "answer 401: it asks for a login"),
        (("status", 503), "answer 503"),
        (("redirect", "ftp://127.0.0.1/x"), "unsupported protocol|Unsupported"),
        (("cut", 0), "peer closed connection|ended early|incomplete"),
    ],
)
def test_what_is_not_the_cards_file_is_not_kept(
    puller: Puller, tiny: Tiny, hub: Hub, fault: tuple[str, Any], said: str
) -> None:
    """The refusal is one line with the source, its reason and the way out."""
    card, data = tiny
    hub.faults = [fault]
    out = puller.pull(card)
    assert out["kind"] == "PullFailed"
    pattern = said.format(more=len(data) + 4, size=len(data))
    assert re.search(pattern, out["error"]), out["error"]
    assert out["error"].startswith("tiny could not be pulled: hub someone/tiny@main: ")
    assert out["error"].endswith("then: edge-sale pull tiny")
    assert "\n" not in out["error"]
    assert not puller.folder().exists()
    assert not list(puller.folder(".incoming/tiny").glob("tiny.gguf"))


def test_after_wrong_bytes_the_next_pull_starts_from_nothing(puller: Puller, tiny: Tiny, hub: Hub) -> None:
    """Bytes that failed their sha256 are not continued."""
    card, data = tiny
    hub.faults = [("wrong", None)]
    puller.pull(card)
    assert "error" not in puller.pull(card)
    assert ranges(hub) == [None, None]
    assert in_place(puller, data)


def test_a_server_that_falls_silent_is_asked_again(puller: Puller, tiny: Tiny, hub: Hub) -> None:
    """The next request is sent after `patience` seconds without a byte."""
    card, data = tiny
    hub.faults = [("stall", 1000)]
    assert "error" not in puller.pull(card, patience=0.5)
    assert ranges(hub) == [None, "bytes=1000-"]
    assert in_place(puller, data)


@pytest.mark.parametrize("killer", [signal.SIGKILL, signal.SIGINT])
def test_a_pull_killed_in_the_middle_leaves_nothing_in_place_and_is_resumed(
    puller: Puller, tiny: Tiny, hub: Hub, killer: signal.Signals
) -> None:
    """After kill -9 or ^C the lock is free, and the next pull asks only for the missing bytes."""
    card, data = tiny
    hub.faults = [("stall", 4000)]
    child = puller.start(card)
    assert hub.stalled.wait(20)
    until = time.monotonic() + 20
    while time.monotonic() < until:
        parts = list(puller.folder(".incoming/tiny").glob("*.part"))
        if parts and parts[0].stat().st_size == 4000:
            break
        time.sleep(0.02)
    began = time.monotonic()
    child.send_signal(killer)
    child.communicate(timeout=20)
    assert time.monotonic() - began < 5
    assert child.returncode != 0
    assert not puller.folder().exists()
    assert "error" not in puller.pull(card)
    assert ranges(hub) == [None, "bytes=4000-"]
    assert in_place(puller, data)


def test_two_pulls_at_once_both_end_well_and_fetch_once(puller: Puller, tiny: Tiny, hub: Hub) -> None:
    """The second pull waits, says so, and finds the model in place."""
    card, data = tiny
    hub.faults = [("stall", 1000)]
    first = puller.start(card)
    assert hub.stalled.wait(20)
    second = puller.start(card)
    time.sleep(0.6)
    hub.go_on.set()
    outs = [puller.end(first), puller.end(second)]
    assert [out.get("path") for out in outs] == [str(puller.folder() / "tiny.gguf")] * 2
    assert ranges(hub) in ([None, "bytes=1000-"], [None])
    assert in_place(puller, data)


@pytest.mark.parametrize("how", ["setting", "environment"])
def test_offline_sends_nothing_and_says_which_switch(puller: Puller, tiny: Tiny, hub: Hub, how: str) -> None:
    """No request is sent, and the message names the switches."""
    card, _ = tiny
    if how == "environment":
        puller.environment["HF_HUB_OFFLINE"] = "1"
    out = puller.pull(card, offline=how == "setting")
    assert out["kind"] == "PullFailed"
    assert "offline is set (--offline, offline in config.toml, EDGE_SALE_OFFLINE or HF_HUB_OFFLINE)" in out["error"]
    assert hub.seen == []
    assert not (puller.home / "egress.jsonl").exists()


def test_offline_a_file_of_ones_own_can_be_used(puller: Puller, tmp_path: Path, hub: Hub) -> None:
    """A path needs no network."""
    own = write_gguf(tmp_path / "own.gguf")
    card = tmp_path / "tiny.toml"
    card.write_text(card_text("tiny", {}, '[[sources]]\nkind = "path"\npath = "own.gguf"'))
    assert puller.pull(card, offline=True)["path"] == str(own)
    assert own.exists() and hub.seen == []


def test_the_next_source_is_tried_when_one_is_out_of_reach(puller: Puller, tiny: Tiny) -> None:
    """A notice says why, and what is tried instead."""
    card, data = tiny
    card.write_text(card_text("tiny", {"tiny.gguf": data}, HUB.replace("someone/tiny", "nobody/tiny") + HUB))
    out = puller.pull(card)
    assert out["notes"] == [
        "tiny: hub nobody/tiny@main: answer 404: there is no such file; trying hub someone/tiny@main"
    ]
    assert in_place(puller, data)


def test_a_changed_file_in_place_is_pulled_again(puller: Puller, tiny: Tiny) -> None:
    """A file that does not verify is pulled again without --force."""
    card, data = tiny
    puller.pull(card)
    (puller.folder() / "tiny.gguf").write_bytes(bytes(len(data)))
    out = puller.pull(card)
    assert any("begins with zeros" in note for note in out["notes"])
    assert in_place(puller, data)


def test_force_pulls_again_over_a_model_in_place(puller: Puller, tiny: Tiny, hub: Hub) -> None:
    """--force sends one more request and puts the same file in place."""
    card, data = tiny
    puller.pull(card)
    assert "error" not in puller.pull(card, force=True)
    assert len(hub.seen) == 2
    assert in_place(puller, data)


def test_a_right_sha256_does_not_make_a_gguf_of_something_else(puller: Puller, tiny: Tiny, hub: Hub) -> None:
    """A card that names a web page is refused before llama.cpp sees it."""
    card, _ = tiny
    page = b"<html>" + bytes(2000)
    hub.files["/someone/tiny/resolve/main/tiny.gguf"] = page
    card.write_text(card_text("tiny", {"tiny.gguf": page}, HUB))
    out = puller.pull(card)
    assert out["kind"] == "BadModelFile"
    assert "looks like an HTML page" in out["error"]
    assert not puller.folder().exists()


def test_a_models_folder_that_cannot_be_written_is_named_with_the_setting(puller: Puller, tiny: Tiny, hub: Hub) -> None:
    """Here a file stands where the folder should be."""
    card, _ = tiny
    puller.home.mkdir()
    (puller.home / "models").write_text("in the way")
    out = puller.pull(card)
    assert out["kind"] == "PullFailed"
    assert "which models_dir in config.toml or EDGE_SALE_MODELS moves" in out["error"]
    assert hub.seen == []
