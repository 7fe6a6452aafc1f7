"""The adapter for ZaloPay v2; the entry point `providers.zalopay:provider`."""

from providers.zalopay.provider import provider

__all__ = ["provider"]
