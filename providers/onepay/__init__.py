"""The adapter for OnePay domestic, protocol version 2; the entry point `providers.onepay:provider`."""

from providers.onepay.provider import provider

__all__ = ["provider"]
