"""Reads the day file agreed with BIDV: our own layout, for the bank's is not published. Pure; called by provider.py."""

from payclear.contract.messages import ParsedStatement
from providers import collection_sheet


def parse(content: bytes) -> ParsedStatement:
    """Read a day file as docs/banks.md describes it; never raises."""
    return collection_sheet.parse(content)
