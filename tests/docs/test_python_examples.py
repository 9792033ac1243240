"""The Python examples in README.md and docs/python-api.md run as they are printed, on the models that come along."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.kit import environment, new_home
from tests.workspace.kit import wrapped

ROOT = Path(__file__).parents[2]
EXAMPLES = [
    pytest.param(code, id=f"{page}-{number}")
    for page in ("README.md", "docs/python-api.md")
    for number, code in enumerate(
        re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL), start=1
    )
]


def test_there_are_examples() -> None:
    """The control: README shows one, the page of the API several."""
    assert len(EXAMPLES) >= 5


@wrapped
@pytest.mark.parametrize("code", EXAMPLES)
def test_an_example_runs_as_it_is_printed(code: str, tmp_path: Path) -> None:
    """Exit 0, nothing on stderr, and something to read on stdout unless it only defines a function."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env=environment(new_home(tmp_path)),
        timeout=120,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout or "\ndef " in code
