"""The adapter for our own open collection API; the entry point `providers.opencollection:provider`."""

from providers.opencollection.provider import provider

__all__ = ["provider"]
