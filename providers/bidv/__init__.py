"""The adapter for BIDV's biller protocol; the entry point `providers.bidv:provider`."""

from providers.bidv.provider import provider

__all__ = ["provider"]
