"""The adapter for the national PaymentPlatform 1.0.6; the entry point `providers.paymentplatform:provider`."""

from providers.paymentplatform.provider import provider

__all__ = ["provider"]
