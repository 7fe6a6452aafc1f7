"""The adapter for Payoo; the entry point `providers.payoo:provider`."""

from providers.payoo.provider import provider

__all__ = ["provider"]
