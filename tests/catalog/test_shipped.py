"""Models that come with edge-sale: always here, read whole before every load, and nobody's to pull or remove."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from edge_sale import settings
from edge_sale.catalog import cards, installed
from edge_sale.catalog.pools import in_use, pool_agents
from edge_sale.download.pull import pull
from edge_sale.errors import BadModelFile, ConfigError
from tests.hub import card_text, write_gguf

SHIPPED = '[[sources]]\nkind = "shipped"\nfolder = "bundled"\n'


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installation of one shipped model, `tiny`."""
    folder = tmp_path / "installed"
    (folder / "pools").mkdir(parents=True)
    file = write_gguf(folder / "bundled" / "tiny.gguf")
    (folder / "tiny.toml").write_text(card_text("tiny", {"tiny.gguf": file.read_bytes()}, SHIPPED))
    monkeypatch.setattr(cards, "shipped_dir", lambda: folder)
    return folder


def test_it_is_here_without_having_been_pulled(package: Path, tmp_path: Path) -> None:
    """Not missing, used where it lies, its sha256 the card's; nothing is written for that."""
    card = cards.load().model("tiny")
    models = tmp_path / "models"
    assert card.shipped == package / "bundled" / "tiny.gguf"
    assert installed.missing([card], models) == []
    assert installed.ready(card, models) == card.shipped
    assert installed.verify(card, models, lambda *told: None) == card.files[0].sha256
    assert not models.exists()


def test_pulling_it_sends_nothing(package: Path, tmp_path: Path) -> None:
    """Not even with force: there is nowhere it could come from."""
    card = cards.load().model("tiny")
    log = tmp_path / "egress.jsonl"
    assert pull(card, models_dir=tmp_path / "models", egress_log=log, force=True) == card.shipped
    assert not log.exists()


def test_one_changed_byte_is_refused_before_any_load(package: Path, tmp_path: Path) -> None:
    """Whatever the times of the file say; and one that is gone is an installation that is not whole."""
    card = cards.load().model("tiny")
    file = package / "bundled" / "tiny.gguf"
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(bytes(data))
    with pytest.raises(BadModelFile, match=r"its sha256 is .* \(tiny\): the installation is incomplete; install"):
        installed.ready(card, tmp_path)
    file.unlink()
    with pytest.raises(BadModelFile, match=r"is not there \(tiny\): the installation is incomplete"):
        installed.ready(card, tmp_path)


@pytest.mark.parametrize(
    ("old", "new"),
    [("sha256 =", "# sha256 ="), (SHIPPED, SHIPPED + SHIPPED), ('folder = "bundled"', 'folder = "../bundled"')],
)
def test_a_card_that_does_not_pin_it_is_refused(package: Path, old: str, new: str) -> None:
    """One source inside the installation, one file, its sha256."""
    file = package / "tiny.toml"
    file.write_text(file.read_text().replace(old, new))
    with pytest.raises(ConfigError, match=r"tiny\.toml(, line \d+)?: .*(a shipped model is one|should lie inside)"):
        cards.load()


def test_every_model_of_the_bundled_pool_ships_and_is_small() -> None:
    """At most 2 MB each and 8 MB together, verified; the whole pool is here on any machine."""
    catalogue = cards.load()
    chosen = [catalogue.model(name) for name in catalogue.pool(cards.BUNDLED_POOL).models]
    files = {installed.ready(card, Path("nowhere")) for card in chosen}
    sizes = [file.stat().st_size for file in files]
    assert max(sizes) <= 2e6 and sum(sizes) <= 8e6
    assert {card.files[0].bytes for card in chosen} == set(sizes)


def chosen(home: Path, config: str = "") -> str:
    (home / "config.toml").write_text(config)
    here = settings.load({"EDGE_SALE_HOME": str(home)})
    return pool_agents(cards.load(), here).name


def test_what_comes_with_edge_sale_bids_until_the_starter_is_pulled(tmp_path: Path) -> None:
    """Then both bid in one market; what the user chooses goes before either."""
    assert chosen(tmp_path) == "bundled"
    catalogue = cards.load()
    for name in catalogue.pool("starter").models:
        card = catalogue.model(name)
        folder = tmp_path / "models" / name
        file = write_gguf(folder / card.gguf)
        installed.write_manifest(
            card, tmp_path / "models", installed.Manifest(file.name, 1, "00", installed.made_from(card))
        )
        assert chosen(tmp_path) == ("mixed" if name == catalogue.pool("starter").models[-1] else "bundled")
    both = catalogue.pool("mixed")
    assert both.agents == (*catalogue.pool("bundled").agents, *catalogue.pool("starter").agents)
    assert chosen(tmp_path, 'pool = "starter"') == "starter"
    shutil.rmtree(tmp_path / "models")
    assert in_use(catalogue, settings.load({"EDGE_SALE_HOME": str(tmp_path)})) == "starter"


def test_a_pool_joins_pools_that_are_there(tmp_path: Path) -> None:
    """Another name is told; agents and join exclude each other."""
    (tmp_path / "pools").mkdir()
    file = tmp_path / "pools" / "two.toml"
    file.write_text('name = "two"\ntitle = "Two"\nembedder = "e"\nweights = "w"\njoin = ["bundled", "gone"]\n')
    with pytest.raises(ConfigError, match="pool 'two' joins 'gone', which is no pool with agents of its own"):
        cards.load(tmp_path)
    file.write_text('name = "two"\ntitle = "Two"\nembedder = "e"\nweights = "w"\n')
    with pytest.raises(ConfigError, match=r"two\.toml: agents is empty; .* or join ="):
        cards.load(tmp_path)
