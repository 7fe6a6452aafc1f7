"""Imports every model, so that `Base.metadata` knows every table. Used by migrations' comparison and by tests."""

from importlib import import_module

from payclear.db.base import Base

FEATURES = (
    "http",
    "jobs",
    "gateway",
    "identity",
    "catalogue",
    "obligations",
    "obligations.fees",
    "obligations.batches",
    "orders",
    "ledger",
    "events",
    "audit",
    "checkout",
    "callbacks",
    "collection",
    "webhooks",
    "receipts",
    "refunds",
    "sealing",
    "privacy",
    "lookup",
    "opendata",
    "banners",
)


def load_metadata() -> "type[Base]":
    """Import the models of every feature and return the base they share."""
    for feature in FEATURES:
        import_module(f"payclear.{feature}.models")
    return Base
