"""Before anything else: a home of the tests' own, and tripwires on the network and the real home.

Tests use the models that come with edge-sale. Those marked `models` need the starter's weights too: they are
skipped where nobody pulled them, or fail with EDGE_SALE_TEST_REQUIRE_MODELS=1, which .ci/run sets.
"""

import atexit
import os
import shutil
import signal
import tempfile
from pathlib import Path

import platformdirs
import pytest

from edge_sale import settings
from tests.tripwire import home, wire

# A shell starts background jobs with ^C ignored, and every child inherits that: the tests of ^C need it heard.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

REAL = settings.load()  # the user's own, read before HOME changes
REAL_FOLDERS = [
    *{
        platformdirs.user_config_path("edge-sale"),
        platformdirs.user_data_path("edge-sale"),
        platformdirs.user_cache_path("edge-sale"),
        REAL.config_file.parent,
        REAL.memory_file.parent,
    },
]
BEFORE = home.snapshot(REAL_FOLDERS, REAL.models_dir)

SESSION = Path(tempfile.mkdtemp(prefix="edge-sale-tests-"))
atexit.register(shutil.rmtree, SESSION, ignore_errors=True)
LOG = SESSION / "tripwire.log"

OWN = {
    "HOME": SESSION / "home",
    "XDG_CONFIG_HOME": SESSION / "home/.config",
    "XDG_DATA_HOME": SESSION / "home/.local/share",
    "XDG_CACHE_HOME": SESSION / "home/.cache",
    "XDG_STATE_HOME": SESSION / "home/.local/state",
    "EDGE_SALE_HOME": SESSION / "edge-sale",
}
MEASURED = "COVERAGE_PROCESS_CONFIG"  # set by coverage, read by every Python that a measured process starts
UNWANTED = (
    "EDGE_SALE_OFFLINE",
    "HF_HOME",
    "HF_ENDPOINT",
    "HF_TOKEN",
    "HF_HUB_OFFLINE",
    "NO_COLOR",
    "OPENAI_API_KEY",
    "OPENAI_BASE_URL",
)
for folder in OWN.values():
    folder.mkdir(parents=True, exist_ok=True)
os.environ.update({name: str(folder) for name, folder in OWN.items()})
os.environ["EDGE_SALE_MODELS"] = str(REAL.models_dir)
os.environ[wire.LOG] = str(LOG)
os.environ["PYTHONPATH"] = os.pathsep.join(
    [str(Path(wire.__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])]
)
for name in UNWANTED:
    os.environ.pop(name, None)
wire.install(LOG)


class Refusals:
    """What the network wire refused since the last look, in this process and its children."""

    def __init__(self) -> None:
        self.seen = 0

    def take(self) -> list[str]:
        lines = LOG.read_text(encoding="utf-8").splitlines() if LOG.exists() else []
        new, self.seen = lines[self.seen :], len(lines)
        return new


REFUSALS = Refusals()


@pytest.fixture(autouse=True)
def refusals():
    """The test fails that reached for the network, even if the code under test forgave the refusal."""
    yield REFUSALS
    assert REFUSALS.take() == []


@pytest.fixture(autouse=True)
def unmeasured(request):
    """Children of a test marked `unmeasured` run without coverage, as they do for users."""
    config = os.environ.pop(MEASURED, None) if request.node.get_closest_marker("unmeasured") else None
    yield
    if config is not None:
        os.environ[MEASURED] = config


@pytest.fixture(scope="session")
def models_dir():
    """The folder of the pulled models; for tests marked `models`."""
    return REAL.models_dir


def lacking(names: tuple[str, ...]) -> list[str]:
    """Which of these models, or without names of the starter pool's, are not pulled."""
    from edge_sale.catalog import cards, installed

    catalogue = cards.load()
    wanted = [catalogue.model(name) for name in names or catalogue.pool("starter").models]
    return installed.missing(wanted, REAL.models_dir)


def pytest_runtest_setup(item):
    marker = item.get_closest_marker("models")
    if marker and (names := lacking(marker.args)):
        what = " ".join(marker.args) or "starter"
        reason = f"{', '.join(names)} not pulled to {REAL.models_dir}; see: edge-sale pull {what}"
        if os.environ.get("EDGE_SALE_TEST_REQUIRE_MODELS", "") not in ("", "0"):
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)


def pytest_sessionfinish(session):
    late = REFUSALS.take()
    touched = home.changes(BEFORE, home.snapshot(REAL_FOLDERS, REAL.models_dir))
    session.config.stash[TRIPPED] = [f"network: {line}" for line in late] + touched
    if late or touched:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


TRIPPED = pytest.StashKey[list[str]]()


def pytest_terminal_summary(terminalreporter, config):
    for line in config.stash.get(TRIPPED, []):
        terminalreporter.write_line(f"TRIPWIRE {line}", red=True)
