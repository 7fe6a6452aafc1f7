"""The protocols the simulator speaks: one module a line, each with a class `PROTOCOL`."""

from collections.abc import Sequence
from importlib import import_module

from providers.simulator.protocol import Protocol

MODULES = (
    "providers.simulator.bidv",
    "providers.simulator.keypay",
    "providers.simulator.momo",
    "providers.simulator.nganluong",
    "providers.simulator.ninepay",
    "providers.simulator.onepay",
    "providers.simulator.opencollection",
    "providers.simulator.paymentplatform",
    "providers.simulator.payoo",
    "providers.simulator.payos",
    "providers.simulator.sandbox",
    "providers.simulator.sepay",
    "providers.simulator.vietinbank",
    "providers.simulator.vietqr",
    "providers.simulator.viettel",
    "providers.simulator.vnpay",
    "providers.simulator.zalopay",
)


def load(more: Sequence[str] = ()) -> list[type[Protocol]]:
    """Every protocol's class, also of modules that another wheel brings; raises ImportError, AttributeError."""
    kinds: list[type[Protocol]] = [import_module(name).PROTOCOL for name in (*MODULES, *more)]
    return kinds
