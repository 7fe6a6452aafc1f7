"""The adapter for the 9Pay payment gateway; the entry point `providers.ninepay:provider`."""

from providers.ninepay.provider import provider

__all__ = ["provider"]
