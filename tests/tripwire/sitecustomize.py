"""Run by every Python that the tests start: PYTHONPATH leads here. Puts up the wire of wire.py."""

import os
from pathlib import Path

import wire

if wire.LOG in os.environ:
    wire.install(Path(os.environ[wire.LOG]))
