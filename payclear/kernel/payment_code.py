"""The payment code (mã thanh toán): 15 digits a citizen can read aloud, type, or leave in a bank memo.

13 random digits, so that no code tells its neighbours, and 2 check digits by ISO 7064 MOD 97-10.
It must never carry meaning: no date, no sequence, no agency.
"""

import re
import secrets

from payclear.kernel.errors import InvalidInput
from payclear.kernel.iso7064 import mod97_10_check, mod97_10_is_valid
from payclear.kernel.memo import compact, ranked

LENGTH = 15
_CODE = re.compile(r"[1-9][0-9]{14}")
_DIGIT_RUN = re.compile(r"[0-9]{15,}")


def new_payment_code() -> str:
    """A fresh code: one of 9 × 10^12, no leading zero. Uniqueness is the database's to hold."""
    number = str(10**12 + secrets.randbelow(9 * 10**12))
    return number + mod97_10_check(number)


def is_payment_code(text: str) -> bool:
    """Whether the text is exactly a payment code, without separators."""
    return _CODE.fullmatch(text) is not None and mod97_10_is_valid(text)


def find_payment_codes(text: str) -> list[str]:
    """The payment codes a bank memo may contain, the surest first, each once.

    Separators (spaces, dots, dashes, line breaks, any punctuation) are removed first, letters stay and
    end a run of digits. The rule, because a code glued to other digits is ambiguous and about one window
    in a hundred has right check digits by chance:
    first the runs of digits that are exactly one code; then windows of a longer run that begin and end
    where a written word does; then all other windows with right check digits. Within each in order of
    appearance. A caller takes the first that exists with the expected amount, and opens a case when
    several do.
    """
    memo = compact(text)
    found: list[tuple[int, str]] = []
    for run in _DIGIT_RUN.finditer(memo.text):
        for start in range(run.start(), run.end() - LENGTH + 1):
            end = start + LENGTH
            if not is_payment_code(memo.text[start:end]):
                continue
            is_whole_run = run.end() - run.start() == LENGTH
            is_whole_words = memo.is_whole_words(start, end)
            rank = 0 if is_whole_run else 1 if is_whole_words else 2
            found.append((rank, memo.text[start:end]))
    return ranked(found)


def display(code: str) -> str:
    """The code as people read it: three groups of five. Raises InvalidInput for anything else."""
    if not is_payment_code(code):
        raise InvalidInput("not a payment code", field="payment_code")
    return f"{code[:5]} {code[5:10]} {code[10:]}"
