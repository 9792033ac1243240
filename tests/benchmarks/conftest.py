"""Both sides of the engine's bench on the starter's weights, loaded once per session."""

from __future__ import annotations

import pytest

from benchmarks.engine_pool import new_engine, starter
from benchmarks.sequential import SequentialEngine


@pytest.fixture(scope="session")
def ours():
    engine = new_engine(starter())
    yield engine
    engine.close()


@pytest.fixture(scope="session")
def sequential():
    model = starter()
    engine = SequentialEngine(model.name, model.file, context=1024, threads=model.threads)
    yield engine
    engine.close()
