"""Text in files that people open in a spreadsheet. Called by whatever writes CSV."""

from typing import Final

# Tells spreadsheets that a file is UTF-8.
BYTE_ORDER_MARK: Final = "\ufeff"
_STARTS_A_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")


def escaped(text: str) -> str:
    """A text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(_STARTS_A_FORMULA) else text
