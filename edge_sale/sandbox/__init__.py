"""Run code that a model wrote: `run_python` runs it, and `level` says how safely."""

from edge_sale.sandbox.bubblewrap import ProcessResult
from edge_sale.sandbox.python import level, run_python

__all__ = ["ProcessResult", "level", "run_python"]
