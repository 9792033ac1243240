"""When the user is asked, and what an option without a remote means."""

from __future__ import annotations

from pathlib import Path

from tests.cli.kit import edge, new_home


def test_escalating_without_a_remote_is_said(tmp_path: Path) -> None:
    """An option that could have no effect is an error, not ignored."""
    done = edge(new_home(tmp_path), "run", "Say yes.", "--escalate", "auto")
    assert done.returncode == 1 and "add one with: edge-sale remote add" in done.stderr


def test_policy_is_never_until_there_is_a_remote(tmp_path: Path) -> None:
    """The default policy is never without a remote and ask with one; a server of the user's own changes nothing."""
    from edge_sale.settings import load

    def policy(text: str) -> str:
        return load({"EDGE_SALE_HOME": str(new_home(tmp_path, text))}).policy

    remote = '[remotes.far]\nurl = "http://127.0.0.1:1/v1"\nmodel = "m"\n'
    assert policy("") == "never"
    assert policy(remote) == "ask"
    assert policy(remote + 'location = "lan"\n') == "never"
    assert policy('[escalate]\npolicy = "auto"\n' + remote) == "auto"
