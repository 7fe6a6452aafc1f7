"""The adapter for VietinBank's collection; the entry point `providers.vietinbank:provider`."""

from providers.vietinbank.provider import provider

__all__ = ["provider"]
