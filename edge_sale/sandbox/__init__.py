"""Where code that a model wrote is run: `run_python`, and `level` to say how safely."""

from edge_sale.sandbox.bubblewrap import Ran
from edge_sale.sandbox.python import level, run_python

__all__ = ["Ran", "level", "run_python"]
