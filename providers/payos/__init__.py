"""The adapter for payOS; the entry point `providers.payos:provider`."""

from providers.payos.provider import provider

__all__ = ["provider"]
