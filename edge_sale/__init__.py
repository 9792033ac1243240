"""edge-sale: strategy auctions among small local models."""

__version__ = "0.1.0"
