"""The adapter for VNPAY 2.1.0; the entry point `providers.vnpay:provider`."""

from providers.vnpay.provider import provider

__all__ = ["provider"]
