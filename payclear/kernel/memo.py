"""Free text of banks: what is left of a memo once separators and typing habits are taken away.

Called by the payment code and by order references to find themselves in memos of statements.
It must never guess: letters and digits keep their order, only separators between them disappear.
"""

import re
import unicodedata
from dataclasses import dataclass

# A written word: letters and digits of any script; everything else separates.
_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True)
class Compacted:
    """A text without separators; `starts` and `ends` are where written words begin and end in `text`."""

    text: str
    starts: frozenset[int]
    ends: frozenset[int]

    def is_whole_words(self, start: int, end: int) -> bool:
        """Whether the window begins where a written word begins and ends where one ends."""
        return start in self.starts and end in self.ends


def compact(text: str) -> Compacted:
    """NFKC, upper case, separators removed (also line breaks, which statements put inside codes)."""
    words = _WORD.findall(unicodedata.normalize("NFKC", text).upper())
    starts: set[int] = set()
    ends: set[int] = set()
    position = 0
    for word in words:
        starts.add(position)
        position += len(word)
        ends.add(position)
    return Compacted("".join(words), frozenset(starts), frozenset(ends))


def ranked(found: list[tuple[int, str]]) -> list[str]:
    """The texts by rank (0 is the surest), within a rank in order of appearance, each once."""
    return list(dict.fromkeys(text for _, text in sorted(found, key=lambda each: each[0])))
