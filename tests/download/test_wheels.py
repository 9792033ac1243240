"""Pulling one file that a package index carries in parts, with real pip and a folder of wheels."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from edge_sale.catalog import cards
from edge_sale.errors import ConfigError
from tests.download.test_wheel import write_wheel
from tests.hub import HUB, Puller, card_text, sha256, write_gguf

PART = 4096


def parts_of(data: bytes) -> list[bytes]:
    return [data[at : at + PART] for at in range(0, len(data), PART)]


def write_parts(links: Path, parts: list[bytes], member: str = "tiny_part{0}/data/part{0:02}.bin") -> None:
    """A wheel for each part, as the card names them."""
    for number, part in enumerate(parts, start=1):
        write_wheel(links, {member.format(number): part, "tiny_part/__init__.py": b"raise SystemExit(9)"}, number)


def source(data: bytes) -> str:
    digests = ", ".join(f'"{sha256(part)}"' for part in parts_of(data))
    return (
        '[[sources]]\nkind = "wheels"\npackage = "tiny-part{part}"\nversion = "1.0"\n'
        f'member = "tiny_part{{part}}/data/part{{part:02}}.bin"\npart_bytes = {PART}\nparts = [{digests}]\n'
    )


@pytest.fixture
def data(tmp_path: Path) -> bytes:
    """A GGUF of several parts, the last one shorter."""
    data = write_gguf(tmp_path / "source" / "tiny.gguf", values=5120).read_bytes()
    assert len(parts_of(data)) == 6 and len(data) % PART
    return data


@pytest.fixture
def card(tmp_path: Path, data: bytes) -> Path:
    """A card whose first source, the hub, has nothing."""
    file = tmp_path / "tiny.toml"
    file.write_text(card_text("tiny", {"tiny.gguf": data}, HUB.replace("someone", "nobody") + source(data)))
    return file


@pytest.fixture
def links(tmp_path: Path, puller: Puller) -> Path:
    return tmp_path / "links"


def in_place(puller: Puller, data: bytes) -> bool:
    left = puller.folder(".incoming/tiny")
    return (puller.folder() / "tiny.gguf").read_bytes() == data and not left.exists()


def test_the_parts_become_the_very_file(puller: Puller, card: Path, data: bytes, links: Path) -> None:
    """Every wheel is in the egress log, nothing of them stays, and one stage of progress leads to the whole."""
    write_parts(links, parts_of(data))
    out = puller.pull(card)
    assert "error" not in out and in_place(puller, data)
    asked = [line["what"] for line in puller.egress() if line["host"] == "package index via pip"]
    assert asked == [f"tiny-part{number}==1.0" for number in range(1, len(parts_of(data)) + 1)]
    seen = [done for stage, done, total in out["stages"] if stage == "downloading tiny.gguf" and total == len(data)]
    assert seen == sorted(seen) and seen[-1] > 0


def test_a_pull_that_was_killed_continues_with_the_part_that_broke(
    puller: Puller, card: Path, data: bytes, links: Path
) -> None:
    """Whole parts are not asked for again; a torn one is."""
    joined = puller.folder(".incoming/tiny") / f"tiny.gguf.{sha256(data)[:8]}.joined"
    joined.parent.mkdir(parents=True)
    joined.write_bytes(data[: 2 * PART + 77])
    write_parts(links, parts_of(data))
    assert "error" not in puller.pull(card) and in_place(puller, data)
    asked = [line["what"] for line in puller.egress() if line["host"] == "package index via pip"]
    assert asked[0] == "tiny-part3==1.0" and len(asked) == len(parts_of(data)) - 2


def test_a_spoiled_part_of_an_earlier_pull_is_pulled_again(
    puller: Puller, card: Path, data: bytes, links: Path
) -> None:
    """What a power cut left is cut off before the first part that is not right."""
    joined = puller.folder(".incoming/tiny") / f"tiny.gguf.{sha256(data)[:8]}.joined"
    joined.parent.mkdir(parents=True)
    joined.write_bytes(data[:PART] + bytes(PART) + data[2 * PART : 4 * PART])
    write_parts(links, parts_of(data))
    assert "error" not in puller.pull(card) and in_place(puller, data)


@pytest.mark.parametrize("killer", [signal.SIGKILL, signal.SIGINT])
def test_killed_at_random_it_ends_in_the_right_bytes(
    puller: Puller, card: Path, data: bytes, links: Path, killer: signal.Signals
) -> None:
    """Three kills at random moments; then a pull ends well and leaves nothing behind."""
    write_parts(links, parts_of(data))
    random.seed(int(killer))
    for _ in range(int(os.environ.get("EDGE_SALE_TEST_TIMES", "3"))):
        child = puller.start(card)
        time.sleep(random.uniform(0.3, 3.0))
        child.send_signal(killer)
        child.communicate(timeout=20)
    assert "error" not in puller.pull(card) and in_place(puller, data)


def fault(parts: list[bytes], place: int, how: str) -> list[bytes]:
    spoiled = {"empty": b"", "longer": parts[place] + b"x", "foreign": bytes(len(parts[place]))}[how]
    return [*parts[:place], spoiled, *parts[place + 1 :]]


@pytest.mark.parametrize(
    "how, said",
    [
        ("empty", "part 3 of 6 (tiny-part3 1.0): it has 0 bytes, the card says 4096"),
        ("longer", "part 3 of 6 (tiny-part3 1.0): it goes on after the card's 4096 bytes"),
        ("foreign", "part 3 of 6 (tiny-part3 1.0): its sha256 is "),
    ],
)
def test_a_wrong_part_is_named_and_what_was_right_stays(
    puller: Puller, card: Path, data: bytes, links: Path, how: str, said: str
) -> None:
    """Nothing is put in place; the next pull begins with the part that was wrong."""
    write_parts(links, fault(parts_of(data), 2, how))
    out = puller.pull(card)
    assert said in out["error"] and "\n" not in out["error"]
    (joined,) = puller.folder(".incoming/tiny").glob("*.joined")
    assert joined.read_bytes() == data[: 2 * PART] and not puller.folder().exists()
    write_parts(links, parts_of(data))
    assert "error" not in puller.pull(card) and in_place(puller, data)


def test_a_missing_wheel_and_a_missing_member_are_named(puller: Puller, card: Path, data: bytes, links: Path) -> None:
    """pip's own words for the wheel; the member's path for what is in it."""
    write_parts(links, parts_of(data)[:2])
    assert "part 3 of " in (error := puller.pull(card)["error"]) and "tiny-part3==1.0" in error
    write_parts(links, parts_of(data), member="elsewhere/part{0:02}.bin")
    assert "has no tiny_part3/data/part03.bin" in puller.pull(card)["error"]


@pytest.mark.parametrize(
    "old, new, said",
    [
        ("tiny-part{part}", "tiny-part", "package"),
        ("part_bytes = 4096", "part_bytes = 1", "parts should have"),
        ('parts = ["', 'parts = ["zz', "parts"),
        ("tiny_part{part}/data", "../{part}/data", "member"),
    ],
)
def test_a_card_that_cannot_be_right_is_refused(card: Path, old: str, new: str, said: str) -> None:
    """Named with file and line."""
    text = card.read_text()
    assert old in text
    card.write_text(text.replace(old, new))
    with pytest.raises(ConfigError, match=said) as raised:
        cards.read_model(card)
    assert "line" in str(raised.value) and "\n" not in str(raised.value)


def test_the_shipped_cards_have_a_way_without_the_hub() -> None:
    """The models of the laptop pool come from the hub, or from the package index in parts."""
    catalogue: Any = cards.load()
    for name in ("qwen2.5-coder-0.5b", "qwen2.5-coder-1.5b"):
        assert [source.kind for source in catalogue.model(name).sources] == ["hub", "wheels"]
