"""Settings: where they come from and what a mistake in them says."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import pytest

from edge_sale.config_file import AGENT, CONFIG
from edge_sale.errors import ConfigError
from edge_sale.settings import load
from edge_sale.toml_tables import Schema


def keys(schema: Schema) -> Iterator[str]:
    """Every key that holds a value, of all tables."""
    for name, key in schema.items():
        table = key.schema or (key.each and key.each.schema)
        if table:
            yield from keys(table)
        else:
            yield name


def config(home: Path, text: str) -> dict[str, str]:
    (home / "config.toml").write_text(text)
    return {"EDGE_SALE_HOME": str(home)}


def test_home_moves_everything(tmp_path: Path) -> None:
    """EDGE_SALE_HOME holds config, models, memory, log and crashes."""
    settings = load({"EDGE_SALE_HOME": str(tmp_path)})
    paths = (settings.config_file, settings.models_dir, settings.memory_file, settings.egress_log, settings.crash_dir)
    assert {path.parent for path in paths} == {tmp_path}


def test_loading_creates_nothing(tmp_path: Path) -> None:
    """Reading settings of a new user writes no file and no folder."""
    load({"EDGE_SALE_HOME": str(tmp_path / "new")})
    assert list(tmp_path.iterdir()) == []


def test_sections_reach_their_fields(tmp_path: Path) -> None:
    """Keys of every section arrive where the run reads them."""
    text = "[work]\nmax_tokens = 7\nseconds = 8\n[memory]\nenabled = false\ndurable = true\n[auction]\nlessons = 3\n"
    settings = load(config(tmp_path, text))
    assert (settings.max_tokens, settings.work_seconds, settings.remember, settings.durable, settings.lessons) == (
        7,
        8,
        False,
        True,
        3,
    )


def test_environment_beats_file(tmp_path: Path) -> None:
    """EDGE_SALE_MODELS and EDGE_SALE_OFFLINE go before config.toml."""
    environ = config(tmp_path, 'models_dir = "/elsewhere"\noffline = false\n')
    settings = load({**environ, "EDGE_SALE_MODELS": "/here", "EDGE_SALE_OFFLINE": "1"})
    assert (settings.models_dir, settings.offline) == (Path("/here"), True)


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("pool = 'a'\nthreds = 2\n", 2, "unknown key 'threds'"),
        ("[auction]\n\nplan_token = 2\n", 3, "[auction] 'plan_token'"),
        ("[agents.quick]\nprice = 1\nmodl = 'x'\n", 3, "'modl'"),
        ("[agents.'odd name']\nprice = 1\nmodl = 'x'\n", 3, "'modl'"),
        ("agents.quick = {price = 1, modl = 'x'}\n", 1, "[agents.quick] 'modl'"),
        ('pool = """\nthreads = \'x\'\n"""\nthreads = \'x\'\n', 4, "threads should be a whole number"),
        ("threds = 2\n", 1, "known: pool, weights, seed, threads, "),
        ("threds = 2\n", 1, "did you mean 'threads'?"),
        ("[work]\noffline = true\n", 2, "'offline' belongs above the first [table] of the file"),
        ("[work]\nlessons = 3\n", 2, "'lessons' is a key of [auction]"),
        ("threads = 'two'\n", 1, "threads should be a whole number, is 'two'"),
        ("offline = 1\n", 1, "offline should be true or false, is 1"),
        ("threads = true\n", 1, "threads should be a whole number"),
        ("threads = -1\n", 1, "threads should be 0 or more, is -1"),
        (
            "[work]\nseconds = inf\n",
            2,
            "[work] seconds should be a finite number, is inf; for no limit, use",
        ),
        ("sandbox = 'open'\n", 1, "sandbox is one of auto, bwrap, none, not 'open'"),
        ("[engine]\nflash_attention = 'yes'\n", 2, "[engine] flash_attention is one of auto, on, off"),
        ("[engine]\nbatch = 63\n", 2, "[engine] batch should be 64 or more, is 63"),
        ("[escalate]\npolicy = 'always'\n", 2, "[escalate] policy is one of never, ask, auto, not 'always'"),
        ("[escalate]\nthrift = 2\n", 2, "[escalate] thrift should be from 0 to 1, is 2"),
        ("[pools.mine]\nagents = [1]\n", 2, "[pools.mine] agents should be a list of agents' names, is [1]"),
        (
            "[agents.quick]\nwork = 'drafst'\n",
            2,
            "quick, drafts, planner, not 'drafst'; did you mean 'drafts'?",
        ),
        ("\nmodels_dir = '~nobody-of-that-name/m'\n", 2, "there is no user of that name"),
        ("\nwork = 3\n", 2, "work should be a table"),
        ("[pools]\nmine = 3\n", 2, "pools.mine should be a table"),
    ],
)
def test_mistake_names_key_file_and_line(tmp_path: Path, text: str, line: int, words: str) -> None:
    """A wrong key or value is one line with the file, the line and the key."""
    with pytest.raises(ConfigError) as error:
        load(config(tmp_path, text))
    said = str(error.value)
    assert f"config.toml, line {line}:" in said and words in said and "\n" not in said


def test_broken_toml_names_the_file(tmp_path: Path) -> None:
    """What is not TOML is refused with the parser's own line."""
    with pytest.raises(ConfigError, match=r"config\.toml: not valid TOML: .*line 2"):
        load(config(tmp_path, "pool = 'a'\nthreads = = 2\n"))


def test_example_documents_every_key_and_loads_as_the_defaults(tmp_path: Path) -> None:
    """config.example.toml names every key there is, and what it sets is what holds without it."""
    text = resources.files("edge_sale").joinpath("config.example.toml").read_text()
    named = set(re.findall(r"^(?:# )?(\w+) = ", text, re.MULTILINE))
    assert named == set(keys(CONFIG))
    default = load({"EDGE_SALE_HOME": str(tmp_path)})
    assert load(config(tmp_path, text)) == default
    uncommented = tomllib.loads(re.sub(r"^# (?=\[|\w+ = )", "", text, flags=re.MULTILINE))
    assert set(uncommented["agents"]["many"]) == set(AGENT)
    load(config(tmp_path, re.sub(r"^# (?=\[|\w+ = )", "", text, flags=re.MULTILINE)))
