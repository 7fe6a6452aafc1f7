"""Text for banks: Vietnamese without its marks, in the letters that every bank's memo carries.

Called by provider adapters, QR codes and name comparison.
It must never put personal data into a memo: that choice is the caller's.
"""

import re
import unicodedata

_UNFIT = re.compile(r"[^A-Za-z0-9 .:_-]+")
_SPACES = re.compile(r" {2,}")
_D_STROKES = str.maketrans("đĐ", "dD")


def strip_accents(text: str) -> str:
    """The text without tone and vowel marks, đ as d; letters of other scripts stay."""
    bare = (
        character for character in unicodedata.normalize("NFD", text) if not unicodedata.combining(character)
    )
    return unicodedata.normalize("NFC", "".join(bare)).translate(_D_STROKES)


def to_bank_memo(text: str, limit: int) -> str:
    """The text as a bank memo: only `A-Z a-z 0-9 space . : _ -`, at most `limit` characters.

    Anything else becomes a space, runs of spaces become one. What does not fit is cut at the end, so put
    the payment code first.
    """
    if limit < 1:
        raise ValueError("a memo has room for at least one character")
    compatible = unicodedata.normalize("NFKC", strip_accents(text))
    fit = _SPACES.sub(" ", _UNFIT.sub(" ", compatible)).strip()
    return fit[:limit].rstrip()
