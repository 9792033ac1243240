"""Files of earlier versions: everything in tests/old_files is read under the names of today, and the user is told."""

from __future__ import annotations

import json
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

from edge_sale import assemble, legacy_names
from edge_sale.catalog import cards
from edge_sale.catalog.pools import pool_agents
from edge_sale.errors import ConfigError
from edge_sale.learning import versions
from edge_sale.remote.config import remotes
from edge_sale.settings import Settings, load
from tests.cli.kit import edge

OLD = Path(__file__).parent / "old_files"
T = TypeVar("T")


def told(read: Callable[[], T]) -> tuple[T, list[str]]:
    """What came of it, and what the user would be told."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = read()
    assert {one.category for one in caught} <= {legacy_names.OldName}
    return found, [str(one.message) for one in caught]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    shutil.copy(OLD / "config.toml", tmp_path)
    return tmp_path


def settings_of(home: Path) -> Settings:
    return load({"EDGE_SALE_HOME": str(home)})


def test_config_toml(home: Path) -> None:
    """Each old key and value counts as the new one, and each is told with its line."""
    settings, said = told(lambda: settings_of(home))
    assert (settings.pool, settings.weights, settings.extra_signals) == ("mixed", "mixed-1", ("draft",))
    assert settings.pools == {
        "mixed": {"agents": ["quick", "junior"]},
        "mine": {"agents": ["quick"], "weights": "mixed-1"},
    }
    assert remotes(settings)["far"].bids == "fallback"
    still = "the old name still works"
    assert said == [
        f"{home / 'config.toml'}, line 2: pool = 'home' is called 'mixed' now; {still}",
        f"{home / 'config.toml'}, line 3: weights = 'home-1' is called 'mixed-1' now; {still}",
        f"{home / 'config.toml'}, line 9: [auction] carry is called extra_signals now; {still}",
        f"{home / 'config.toml'}, line 11: [pools.home] is called [pools.mixed] now; {still}",
        f"{home / 'config.toml'}, line 16: [pools.mine] weights = 'home-1' is called 'mixed-1' now; {still}",
        f"{home / 'config.toml'}, line 22: [remotes.far] bids = 'reserve' is called 'fallback' now; {still}",
        f"{home / 'config.toml'}, line 6: [engine] lookup does nothing any more; you can take it out",
    ]


def test_a_mistake_under_an_old_name_has_its_line(home: Path) -> None:
    """The message has today's name, and the line is the one in the file."""
    file = home / "config.toml"
    file.write_text('[auction]\ncarry = "draft"\n')
    with pytest.warns(legacy_names.OldName), pytest.raises(ConfigError, match=r"line 2: \[auction\] extra_signals sho"):
        settings_of(home)
    file.write_text("[pools.home]\nwieghts = 'x'\n")
    with pytest.warns(legacy_names.OldName), pytest.raises(ConfigError, match=r"line 2: .*\[pools.mixed\] 'wieghts'"):
        settings_of(home)
    file.write_text("[auction]\nextra_signals = []\ncarry = []\n")
    with pytest.raises(ConfigError, match=r"line 3: unknown key \[auction\] 'carry'"):
        settings_of(home)


def test_the_old_pool_with_its_changes_is_the_mixed_one(home: Path) -> None:
    """[pools.home] changes the pool that is called mixed now."""
    pool, _ = told(lambda: pool_agents(cards.load(), settings_of(home)))
    assert (pool.name, pool.embedder, pool.weights) == ("mixed", "all-minilm-l6-v2", "mixed-1")
    assert [agent.name for agent in pool.agents] == ["quick", "junior"]


def test_cards_of_the_users_own(tmp_path: Path) -> None:
    """A pool's card and a weights file that replaced the shipped ones still do."""
    shutil.copytree(OLD / "cards", tmp_path / "cards")
    settings = settings_of(tmp_path)
    catalogue, said = told(lambda: cards.load(settings.cards_dir))
    pool = catalogue.pool("mixed")
    assert (pool.title, pool.weights, len(pool.agents)) == ("mine", "mixed-1", 4)
    assert [line.partition(": ")[2].partition(" is called")[0] for line in said] == [
        "weights = 'home-1'",
        "name = 'home'",
    ]
    weights, said = told(lambda: assemble.weights_named("mixed-1", settings))
    assert weights.signals["price_length"] == 0.5
    assert weights.reserve_price is not None and weights.reserve_price.least == 0.8006
    file = tmp_path / "cards" / "weights" / "home-1.toml"
    assert said == [f"{file}, line 22: [floor] is called [reserve_price] now; the old name still works"]


def test_weights_that_fit_kept(tmp_path: Path) -> None:
    """A version of the pool home is in force for mixed, with its reserve price."""
    folder = tmp_path / "weights"
    shutil.copytree(OLD / "weights", folder)
    version, said = told(lambda: versions.in_force(folder, "mixed"))
    assert version is not None
    assert (version.number, version.pool) == (1, "mixed")
    assert version.weights.reserve_price is not None
    assert version.weights.reserve_price.signals == {"familiarity": 0.6}
    assert version.weights.agents["senior"].signals == {"certainty": 1.0}
    assert said == []  # edge-sale wrote the file, so the user has nothing to change
    versions.roll_back(folder, "mixed", 0)
    assert versions.in_force(folder, "mixed") is None
    versions.roll_back(folder, "mixed", 1)
    assert json.loads((folder / "in-force.json").read_text()) == {"mixed": 1}


def test_each_old_name_is_one_line_on_stderr_once_a_command(home: Path) -> None:
    """Beside them stdout stays pure JSON."""
    done = edge(home, "pools", "--json")
    assert done.returncode == 0
    assert "mixed" in {pool["name"] for pool in json.loads(done.stdout)}
    lines = done.stderr.splitlines()
    assert len(lines) == len(set(lines)) == 7
    assert all(line.startswith(f"edge-sale: {home / 'config.toml'}, line ") for line in lines)


def test_an_old_pool_on_the_command_line(tmp_path: Path) -> None:
    """--pool home is the mixed pool."""
    done = edge(tmp_path, "fit", "--list", "--json", "--pool", "home")
    assert (done.returncode, json.loads(done.stdout) is not None) == (0, True)
    assert done.stderr == "edge-sale: pool: 'home' is called 'mixed' now; the old name still works\n"
    pulled = edge(tmp_path, "pull", "home", "--offline", EDGE_SALE_MODELS=str(tmp_path / "none"))
    assert "unknown pool" not in pulled.stderr and "'home' is called 'mixed' now" in pulled.stderr
