"""Cards and pools: what is shipped, what the user adds, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_sale import settings
from edge_sale.catalog import cards
from edge_sale.catalog.pools import pool_agents
from edge_sale.errors import ConfigError, UnknownName
from tests.hub import HUB, WHEEL, card_text

GOOD = card_text("tiny", {"tiny.gguf": b"abc"}, HUB)


def config(tmp_path: Path, text: str) -> settings.Settings:
    text = text if text.lstrip().startswith("pool =") else f'pool = "starter"\n{text}'
    (tmp_path / "config.toml").write_text(text)
    return settings.load({"EDGE_SALE_HOME": str(tmp_path)})


def test_the_starter_pool_is_shipped_and_every_model_in_it_has_a_card() -> None:
    """Three agents on one chat model, and an embedder."""
    catalogue = cards.load()
    pool = catalogue.pool("starter")
    agents = [(agent.name, agent.work, agent.price) for agent in pool.agents]
    assert agents == [("quick", "quick", 0.02), ("planner", "planner", 0.05), ("drafts", "drafts", 0.08)]
    assert pool.models == ["smollm2-135m", "all-minilm-l6-v2"]
    assert [catalogue.model(name).role for name in pool.models] == ["chat", "embed"]
    assert catalogue.model("smollm2-135m").gguf == "SmolLM2-135M-Instruct.Q8_0.gguf"


def test_a_card_of_the_users_own_adds_to_the_catalogue_or_replaces_a_shipped_one(tmp_path: Path) -> None:
    """Found by name, in cards_dir."""
    (tmp_path / "tiny.toml").write_text(GOOD)
    (tmp_path / "smollm2-135m.toml").write_text(GOOD.replace('"tiny"', '"smollm2-135m"', 1))
    catalogue = cards.load(tmp_path)
    assert catalogue.model("tiny").files[0].bytes == 3
    assert catalogue.model("smollm2-135m").title == "Tiny"
    assert "all-minilm-l6-v2" in catalogue.models


def test_unknown_names_come_with_the_known_ones_and_the_nearest() -> None:
    """And the command that lists them."""
    with pytest.raises(UnknownName, match=r"'smolm2-135m'.*did you mean 'smollm2-135m'\?; see: edge-sale m"):
        cards.load().model("smolm2-135m")
    with pytest.raises(UnknownName, match=r"unknown pool 'big'; known: .*starter; see: edge-sale pools"):
        cards.load().pool("big")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('title = "Tiny"', 'titel = "Tiny"', "unknown key 'titel'; known: name, title"),
        ('title = "Tiny"\n', "", "missing key 'title'"),
        ("context = 64", 'context = "64"', "context should be a whole number, is '64'"),
        ("context = 64", "context = true", "context should be a whole number, is True"),
        ("price = 0.01", "price = -1", "price should be 0 or more, is -1"),
        ("price = 0.01", "price = nan", "price should be a finite number, is nan"),
        ('role = "chat"', 'role = "talk"', "role is one of chat, embed, not 'talk'"),
        ('name = "tiny"', 'name = "other"', "name should be the file's own, 'tiny'"),
        ('name = "tiny.gguf"', 'name = "../tiny.gguf"', r"\[\[files\]\] name should look like"),
        ("bytes = 3", "bytes = 0", "bytes should be 1 or more, is 0"),
        (
            'kind = "hub"',
            'kind = "ftp"',
            r"\[\[sources\]\] kind is one of hub, wheel, wheels, path, shipped, not 'ftp'",
        ),
        ('repo = "someone/tiny"', 'repo = "--index-url"', r"\[\[sources\]\] repo should look like"),
        ('revision = "main"', 'revision = "main"\nfolder = "../x"', "folder should lie inside the source"),
        ('sha256 = "', 'sha256 = "Z', r"\[\[files\]\] sha256 should look like"),
        ("parameters = 2048", "parameters = ", "not valid TOML"),
    ],
)
def test_a_card_is_refused_with_file_and_key(tmp_path: Path, old: str, new: str, said: str) -> None:
    """Every mistake is one line."""
    file = tmp_path / "tiny.toml"
    assert old in GOOD
    file.write_text(GOOD.replace(old, new))
    with pytest.raises(ConfigError, match=said) as caught:
        cards.load(tmp_path)
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        ('[make]\nwith = "magic"\nfile = "a.gguf"', "with is one of requantize, bert, not 'magic'"),
        ('[make]\nwith = "requantize"\nfile = "a.gguf"', "missing key .make. 'to'"),
        ('[make]\nwith = "requantize"\nto = "Q9"\nfile = "a.gguf"', "to is one of Q4_0"),
        ('[make]\nwith = "requantize"\nto = "Q4_0"\nfile = "tiny.gguf"', "should not have the name"),
        ('[make]\nwith = "bert"\nheads = 2\nfile = "x/a.gguf"', "file should look like"),
        ("[chat]\nstop = [1]", r"stop should be a list of strings"),
        ("[chat]\nthinking = 1", r"thinking should be true or false"),
    ],
)
def test_how_a_model_is_made_is_checked_too(tmp_path: Path, make: str, said: str) -> None:
    """Before anything is pulled."""
    file = tmp_path / "tiny.toml"
    file.write_text(card_text("tiny", {"tiny.gguf": b"abc"}, HUB + WHEEL, make))
    with pytest.raises(ConfigError, match=said):
        cards.read_model(file)


def test_a_path_in_the_home_of_nobody_is_refused(tmp_path: Path) -> None:
    """With the card's name, as any other mistake."""
    file = tmp_path / "mine.toml"
    file.write_text(card_text("mine", {}, '[[sources]]\nkind = "path"\npath = "~nobody-here/m.gguf"'))
    with pytest.raises(
        ConfigError, match=r"mine\.toml, line \d+: .* path is '~nobody-here/m\.gguf', and there is no user"
    ):
        cards.load(tmp_path)


def test_a_card_of_ones_own_file_needs_no_size_or_sha256(tmp_path: Path) -> None:
    """Its path counts from the card on."""
    file = tmp_path / "mine.toml"
    file.write_text(card_text("mine", {}, '[[sources]]\nkind = "path"\npath = "weights/mine.gguf"'))
    assert cards.read_model(file).sources[0].path == tmp_path / "weights" / "mine.gguf"
    file.write_text(card_text("mine", {}, HUB))
    with pytest.raises(ConfigError, match="missing key 'files'"):
        cards.read_model(file)


def test_config_toml_changes_agents_makes_new_ones_and_new_pools(tmp_path: Path) -> None:
    """What it does not say stays as on the cards."""
    mine = config(
        tmp_path,
        """
pool = "mine"
weights = "fitted"
[pools.mine]
agents = ["quick", "thorough"]
[agents.quick]
price = 1
[agents.thorough]
model = "smollm2-135m"
work = "drafts"
price = 0.5
samples = 3
""",
    )
    pool = pool_agents(cards.load(), mine)
    quick, thorough = pool.agents
    assert (quick.name, quick.price, quick.work) == ("quick", 1.0, "quick")
    assert (thorough.name, thorough.samples, thorough.jury) == ("thorough", 3, "recoverability")
    assert (pool.name, pool.embedder, pool.weights) == ("mine", "all-minilm-l6-v2", "fitted")


def test_the_starter_pool_may_be_cut_down_in_config_toml(tmp_path: Path) -> None:
    """The rest of its card stays."""
    pool = pool_agents(cards.load(), config(tmp_path, '[pools.starter]\nagents = ["drafts"]\n'))
    assert [agent.name for agent in pool.agents] == ["drafts"]
    assert pool.weights == "starter-1"


@pytest.mark.parametrize(
    ("text", "kind", "said"),
    [
        ('pool = "none"', UnknownName, "unknown pool 'none'; known: .*starter"),
        ('[pools.starter]\nagents = ["quik"]', UnknownName, "unknown agent 'quik'.*did you mean 'quick'"),
        ('[agents.quick]\nmodel = "gone"', UnknownName, "unknown model 'gone'"),
        ('[agents.new]\nmodel = "smollm2-135m"', ConfigError, r"\[agents.new\]: .* needs work, price"),
        ('[agents.quick]\nwork = "sleep"', ConfigError, r"line 3: \[agents.quick\] work is one of quick, "),
        ("[agents.quick]\nsamples = 0", ConfigError, "samples should be 1 or more, is 0"),
        ('[agents.quick]\nmodel = "all-minilm-l6-v2"', ConfigError, "'quick' needs a model of role chat"),
        ('[pools.starter]\nembedder = "smollm2-135m"', ConfigError, "needs a model of role embed"),
        ('[pools.starter]\nagents = ["quick", "quick"]', ConfigError, "names an agent twice"),
        (
            "[pools.starter]\nagents = [1]",
            ConfigError,
            r"line 3: .* should be a list of agents' names, is \[1\]",
        ),
        ('pool = "x"\n[pools.x]\nweights = "starter-1"', ConfigError, "a new pool needs agents"),
    ],
)
def test_a_pool_that_does_not_resolve_is_refused(tmp_path: Path, text: str, kind: type[Exception], said: str) -> None:
    """By name, with the known ones."""
    with pytest.raises(kind, match=said):
        pool_agents(cards.load(), config(tmp_path, text))
