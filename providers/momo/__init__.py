"""The adapter for MoMo v2; the entry point `providers.momo:provider`."""

from providers.momo.provider import provider

__all__ = ["provider"]
