"""The adapter for SePay; the entry point `providers.sepay:provider`."""

from providers.sepay.provider import provider

__all__ = ["provider"]
