"""A model file is checked before every load: whole, and still the one that was pulled."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from edge_sale.catalog import cards, installed
from edge_sale.download import install
from edge_sale.errors import BadModelFile, ModelMissing
from tests.hub import HUB, card_text, sha256, write_gguf


@pytest.fixture
def card(tmp_path: Path) -> cards.ModelCard:
    data = write_gguf(tmp_path / "source" / "tiny.gguf").read_bytes()
    (tmp_path / "tiny.toml").write_text(card_text("tiny", {"tiny.gguf": data}, HUB))
    return cards.read_model(tmp_path / "tiny.toml")


@pytest.fixture
def models(tmp_path: Path, card: cards.ModelCard) -> Path:
    """A models_dir with the card's model in place."""
    incoming = tmp_path / "models" / ".incoming" / "tiny"
    incoming.mkdir(parents=True)
    shutil.copy(tmp_path / "source" / "tiny.gguf", incoming)
    install.install(card, incoming, tmp_path / "models")
    return tmp_path / "models"


def test_a_model_in_place_is_ready(card: cards.ModelCard, models: Path) -> None:
    """With a manifest that says what it is; nothing of the work remains."""
    assert installed.ready(card, models) == models / "tiny" / "tiny.gguf"
    assert sorted(file.name for file in (models / "tiny").iterdir()) == ["tiny.gguf", "tiny.json"]
    assert not (models / ".incoming" / "tiny").exists()
    manifest = installed.read_manifest(card, models)
    assert manifest is not None
    assert manifest.sha256 == card.files[0].sha256 == sha256((models / "tiny" / "tiny.gguf").read_bytes())
    assert installed.missing([card], models) == []


def test_a_model_never_pulled_is_named_with_the_command(card: cards.ModelCard, tmp_path: Path) -> None:
    """And creates nothing."""
    with pytest.raises(ModelMissing, match="'tiny'; pull with: edge-sale pull tiny"):
        installed.ready(card, tmp_path / "nowhere")
    assert installed.missing([card], tmp_path / "nowhere") == ["tiny"]
    assert not (tmp_path / "nowhere").exists()


def test_a_file_touched_but_not_changed_is_read_again_once(card: cards.ModelCard, models: Path) -> None:
    """Then its new stamp is trusted."""
    file = models / "tiny" / "tiny.gguf"
    before = installed.read_manifest(card, models)
    os.utime(file, (1, 1))
    installed.ready(card, models)
    after = installed.read_manifest(card, models)
    assert before is not None and after is not None
    assert after.stamp == installed.stamp_of(file) != before.stamp
    assert replace(after, stamp=before.stamp) == before


def test_a_file_with_another_content_is_refused_with_both_digests(card: cards.ModelCard, models: Path) -> None:
    """Same size, same time of change, one byte other than pulled."""
    file = models / "tiny" / "tiny.gguf"
    stat, data = file.stat(), bytearray(file.read_bytes())
    data[-40] ^= 1
    file.write_bytes(data)
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    with pytest.raises(BadModelFile) as caught:
        installed.ready(card, models)
    message = str(caught.value)
    assert str(file) in message
    assert f"{sha256(bytes(data))[:12]}…, should be {card.files[0].sha256[:12]}…" in message
    assert message.endswith("pull it again: edge-sale pull tiny --force")


def test_a_file_cut_short_is_refused_with_both_sizes(card: cards.ModelCard, models: Path) -> None:
    """Without reading all of it."""
    file = models / "tiny" / "tiny.gguf"
    os.truncate(file, 1000)
    with pytest.raises(BadModelFile, match=r"truncated: it has 1000 bytes, its header says \d+; pull"):
        installed.ready(card, models)


def test_a_card_that_names_other_files_makes_the_old_one_stale(card: cards.ModelCard, models: Path) -> None:
    """The user is told to pull again rather than served the old weights."""
    newer = replace(card, files=(replace(card.files[0], sha256="0" * 64),))
    with pytest.raises(BadModelFile, match="made from other files than its card names"):
        installed.ready(newer, models)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"file": "tiny.gguf"}', '{"file": "../../x.gguf"}'])
def test_a_manifest_that_cannot_be_read_counts_as_not_pulled(card: cards.ModelCard, models: Path, text: str) -> None:
    """Pulling again mends it."""
    (models / "tiny" / "tiny.json").write_text(text)
    with pytest.raises(ModelMissing):
        installed.ready(card, models)


def test_a_manifest_cannot_point_at_a_file_that_the_card_does_not_name(card: cards.ModelCard, models: Path) -> None:
    """Nor out of the models folder."""
    file = models / "tiny" / "tiny.json"
    data = json.loads(file.read_text())
    other = write_gguf(models / "other.gguf")
    for name in ("../other.gguf", str(other)):
        file.write_text(json.dumps(data | {"file": name}))
        with pytest.raises(ModelMissing):
            installed.ready(card, models)


def test_a_file_of_the_users_own_is_used_where_it_is(tmp_path: Path) -> None:
    """Nothing is written beside it; from then on it may not change unnoticed."""
    own = write_gguf(tmp_path / "mine" / "mine.gguf")
    source = '[[sources]]\nkind = "path"\npath = "mine/mine.gguf"'
    (tmp_path / "mine.toml").write_text(card_text("mine", {}, source))
    card = cards.read_model(tmp_path / "mine.toml")
    assert install.use_in_place(card, own, tmp_path / "models") == own
    assert installed.ready(card, tmp_path / "models") == own
    assert [file.name for file in own.parent.iterdir()] == ["mine.gguf"]
    with own.open("r+b") as file:
        file.seek(-40, os.SEEK_END)
        file.write(b"\x55")
    with pytest.raises(BadModelFile, match="changed since it was pulled"):
        installed.ready(card, tmp_path / "models")


def test_the_digest_of_a_file_tells_how_far_it_is(tmp_path: Path) -> None:
    """In bytes, up to all of them."""
    file = tmp_path / "x"
    file.write_bytes(bytes(3 * installed.CHUNK // 2))
    heard: list[int] = []
    assert installed.sha256_of(file, heard.append) == sha256(file.read_bytes())
    assert heard == [installed.CHUNK, 3 * installed.CHUNK // 2]
