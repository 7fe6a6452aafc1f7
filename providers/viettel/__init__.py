"""The adapter for Viettel's payment gateway, version 2; the entry point `providers.viettel:provider`."""

from providers.viettel.provider import provider

__all__ = ["provider"]
