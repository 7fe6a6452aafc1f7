"""The order of a Vietnamese dictionary for names that people look for in a list: đ after d, a tone only between equals.

Here and not in the database: not every PostgreSQL has these collations, and none may change under an index.
"""

import re
import unicodedata
from functools import lru_cache
from typing import Final

_ALPHABET: Final = "aăâbcdđeêfghijklmnoôơpqrstuưvwxyz"
_RANKS: Final = {letter: rank for rank, letter in enumerate(_ALPHABET)}
_LETTER_MARKS: Final = frozenset("\u0306\u0302\u031b")  # breve, circumflex, horn: they make another letter
_TONES: Final = {mark: rank for rank, mark in enumerate("\u0300\u0309\u0303\u0301\u0323", 1)}
_PART: Final = re.compile(r"\d+|[^\W\d_]|[\W_]+")

NameKey = tuple[tuple[tuple[int, int], ...], tuple[int, ...], str]


@lru_cache(maxsize=8192)  # a page sorts the same names for every visitor
def name_key(name: str) -> NameKey:
    """The key to sort names by: words one by one, numbers as numbers, then tones, then the text itself."""
    bare, tones = _without_tones(name.casefold())
    return tuple(_rank(part) for part in _PART.findall(bare)), tones, unicodedata.normalize("NFC", name)


def _without_tones(text: str) -> tuple[str, tuple[int, ...]]:
    kept: list[str] = []
    tones: list[int] = []
    for character in unicodedata.normalize("NFD", text):
        if not unicodedata.combining(character):
            kept.append(character)
            tones.append(0)
        elif character in _TONES and tones:
            tones[-1] = _TONES[character]
        elif character in _LETTER_MARKS:
            kept.append(character)
    return unicodedata.normalize("NFC", "".join(kept)), tuple(tones)


def _rank(part: str) -> tuple[int, int]:
    if part in _RANKS:
        return 2, _RANKS[part]
    if part.isdecimal():
        return 1, int(part[:18])
    return (3, ord(part)) if part.isalpha() else (0, 0)
