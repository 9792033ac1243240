"""From settings and cards to a market: the only place where parts are chosen.

`plan` resolves names and says what is missing; `market` checks the files and builds the market. Nothing is loaded
before the first request needs it.
"""

from edge_sale.assemble.building import market, new_task, over_documents
from edge_sale.assemble.models import checked, embedder, engine, identity, tuning
from edge_sale.assemble.planning import MarketPlan, memorys_embedder, plan, pools_embedder, weights_named

__all__ = [
    "MarketPlan",
    "checked",
    "embedder",
    "engine",
    "identity",
    "market",
    "memorys_embedder",
    "new_task",
    "over_documents",
    "plan",
    "pools_embedder",
    "tuning",
    "weights_named",
]
