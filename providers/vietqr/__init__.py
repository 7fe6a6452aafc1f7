"""The adapter for VietQR (NAPAS QR per order); the entry point `providers.vietqr:provider`."""

from providers.vietqr.provider import provider

__all__ = ["provider"]
