"""edge-sale: strategy auctions among small local models.

`open_market` runs tasks from Python; see `edge_sale.api`. Importing this package loads nothing heavy.
"""

from typing import TYPE_CHECKING, Any

__version__ = "0.2.0"
__all__ = ["EdgeSaleError", "OpenMarket", "Result", "TaskStream", "__version__", "open_market"]

if TYPE_CHECKING:
    from edge_sale.api import OpenMarket, TaskStream, open_market
    from edge_sale.errors import EdgeSaleError
    from edge_sale.result import Result

_PLACES = {
    "open_market": "edge_sale.api",
    "OpenMarket": "edge_sale.api",
    "TaskStream": "edge_sale.api",
    "Result": "edge_sale.result",
    "EdgeSaleError": "edge_sale.errors",
}


def __getattr__(name: str) -> Any:
    """The public names, imported when they are first used."""
    if name in _PLACES:
        from importlib import import_module

        return getattr(import_module(_PLACES[name]), name)
    raise AttributeError(f"module 'edge_sale' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
