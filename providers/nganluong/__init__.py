"""The adapter for NgânLượng 3.1; the entry point `providers.nganluong:provider`."""

from providers.nganluong.provider import provider

__all__ = ["provider"]
