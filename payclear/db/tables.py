"""Imports every model, so that `Base.metadata` knows every table. Used by migrations' comparison and by tests."""

from importlib import import_module

from payclear.db.base import Base

FEATURES = (
    "http",
    "jobs",
    "identity",
    "catalogue",
    "obligations",
    "orders",
    "ledger",
    "events",
    "audit",
    "callbacks",
    "webhooks",
    "receipts",
)


def load_metadata() -> "type[Base]":
    """Import the models of every feature and return the base they share."""
    for feature in FEATURES:
        import_module(f"payclear.{feature}.models")
    return Base
