"""The fixtures of tests/hub.py, for every test here."""

from tests.hub import hub, other_host, puller, tiny

__all__ = ["hub", "other_host", "puller", "tiny"]
