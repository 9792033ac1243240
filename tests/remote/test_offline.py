"""Offline closes both modules that can send, before any client is imported."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.kit import edge, new_home
from tests.remote.kit import engine, remote
from tests.remote.servers import good, recorder, saying

CLIENTS = [
    "openai",
    "httpx",
    "httpx2",
    "httpcore",
    "httpcore2",
    "requests",
    "huggingface_hub",
    "urllib3",
    "detect_secrets",
]

SENDING = """
import json, sys
from pathlib import Path
from edge_sale.remote.egress import EgressGate
from edge_sale.remote.config import Remote
from edge_sale.settings import load
from edge_sale.types import *
settings = load()
from edge_sale import remote_setup
this = Remote("far", sys.argv[1], "m", seconds=10)
out = remote_setup.egress_gate(settings.__class__(**{**{f: getattr(settings, f) for f in settings.__slots__},
                    "policy": "auto", "remotes": {"far": {"url": sys.argv[1], "model": "m"}}}))
engine = remote_setup.remote_engines([this], out, lambda line: None)["far"]
(answer,) = engine.generate([Generate(Prompt((Message("user", "Say yes."),)), Sampling(max_tokens=9))])
print(json.dumps([str(answer), sorted(set(json.loads(sys.argv[2])) & set(sys.modules))]))
"""
PULLING = """
import json, sys
from edge_sale.catalog import cards
from edge_sale.download.pull import pull
from edge_sale.settings import load
s = load()
try:
    pull(cards.load().model("smollm2-135m"), models_dir=s.models_dir, egress_log=s.egress_log, offline=bool(s.closed))
    said = "pulled"
except Exception as error:
    said = str(error)
print(json.dumps([said, sorted(set(json.loads(sys.argv[2])) & set(sys.modules))]))
"""


def run(code: str, url: str, home: Path, **changes: str) -> tuple[str, list[str]]:
    from tests.cli.kit import environment

    done = subprocess.run(
        [sys.executable, "-c", code, url, json.dumps(CLIENTS)],
        capture_output=True,
        text=True,
        cwd=home,
        env=environment(home, EDGE_SALE_MODELS=str(home / "none"), **changes),
    )
    assert done.returncode == 0, done.stderr
    said, loaded = json.loads(done.stdout)
    return said, loaded


@pytest.mark.parametrize("switch", ["variable", "config", "private"])
def test_closed_before_any_client_is_imported(switch: str, tmp_path: Path) -> None:
    """Offline by variable, config or project, neither module sends or loads a client; otherwise the same code sends."""
    home = new_home(tmp_path / "home", "offline = true\n" if switch == "config" else "")
    if switch == "private":
        (home / ".edge-sale.toml").write_text("private = true\n")
    changes = {"EDGE_SALE_OFFLINE": "1"} if switch == "variable" else {}
    with recorder(saying(good("yes"))) as far:
        said, loaded = run(SENDING, far.url, home, **changes)
        assert "nothing leaves this machine" in said and loaded == []
        said, loaded = run(PULLING, far.url, home, **changes)
        assert "offline is set" in said and loaded == []
        assert far.requests == []
        control = new_home(tmp_path / "open", "")
        said, loaded = run(SENDING, far.url, control)
        assert "Generation(text='yes'" in said and "openai" in loaded and len(far.requests) == 1


@pytest.mark.parametrize("value", ["1", "true", "yes", "no", "anything"])
def test_only_0_and_nothing_are_not_offline(value: str, tmp_path: Path) -> None:
    """The switch fails closed: an unclear value means offline."""
    from edge_sale.settings import load

    assert load({"EDGE_SALE_HOME": str(tmp_path), "EDGE_SALE_OFFLINE": value}).closed
    assert not load({"EDGE_SALE_HOME": str(tmp_path), "EDGE_SALE_OFFLINE": "0"}).closed


@pytest.mark.parametrize("where", ["before", "after"])
def test_flag_works_before_and_after_the_command(where: str, tmp_path: Path) -> None:
    """`edge-sale --offline remote test` and `edge-sale remote test --offline` send nothing and say so."""
    with recorder(saying(good("ready"))) as far:
        home = new_home(tmp_path, f'[remotes.far]\nurl = "{far.url}"\nmodel = "m"\n')
        args = ["remote", "test", "far"]
        done = edge(home, *(["--offline", *args] if where == "before" else [*args, "--offline"]))
        assert done.returncode == 1 and "offline is set" in done.stderr and far.requests == []
        control = edge(home, *args)
        assert control.returncode == 0 and "'ready'" in control.stdout and len(far.requests) >= 1


def test_offline_set_while_running_closes_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The egress gate checks every request: where it is closed later, it is closed from then on."""
    from edge_sale.types import Generate, Message, Prompt, Sampling

    closed = ""
    with recorder(saying(good("yes"))) as far:
        this = engine(remote(far.url, seconds=20), tmp_path / "e.jsonl")
        this.egress_gate.closed = lambda: closed
        ask = Generate(Prompt((Message("user", "Say yes."),)), Sampling(max_tokens=9))
        assert not isinstance(this.generate([ask])[0], Exception)
        closed = "offline is set"
        assert "nothing leaves" in str(this.generate([ask])[0])
    assert len(far.requests) == 1
