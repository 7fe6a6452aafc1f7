"""The adapter for KeyPay, protocol version 3; the entry point `providers.keypay:provider`."""

from providers.keypay.provider import provider

__all__ = ["provider"]
