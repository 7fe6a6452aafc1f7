"""The adapter for payclear's own sandbox provider; the entry point `providers.sandbox:provider`."""

from providers.sandbox.provider import provider

__all__ = ["provider"]
