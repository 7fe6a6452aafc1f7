"""Check characters of ISO/IEC 7064: MOD 97-10 for digits, MOD 37,36 for digits and capital letters.

Called by the payment code and by order references; both catch every single wrong character and every
swap of two neighbours. It must never accept anything but ASCII.
"""

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_VALUES = {character: value for value, character in enumerate(_ALPHABET)}


def mod97_10_check(digits: str) -> str:
    """The two check digits to put behind `digits` (ISO 7064 MOD 97-10, as in IBAN and ISO 11649)."""
    if not (digits.isascii() and digits.isdigit()):
        raise ValueError("MOD 97-10 takes ASCII digits")
    return f"{98 - int(digits) * 100 % 97:02d}"


def mod97_10_is_valid(digits: str) -> bool:
    """Whether a text of digits ends in its two right check digits (always in the range 02 to 98)."""
    if not (digits.isascii() and digits.isdigit() and len(digits) > 2):
        return False
    return mod97_10_check(digits[:-2]) == digits[-2:]


def mod37_36_check(text: str) -> str:
    """The check character to put behind `text` (ISO 7064 MOD 37,36, as in GRid and ISAN)."""
    product = 36
    for character in text:
        if character not in _VALUES:
            raise ValueError("MOD 37,36 takes digits and ASCII capital letters")
        total = (product + _VALUES[character]) % 36 or 36
        product = total * 2 % 37
    return _ALPHABET[(37 - product) % 36]


def mod37_36_is_valid(text: str) -> bool:
    """Whether a text of digits and capital letters ends in its right check character."""
    if len(text) < 2 or any(character not in _VALUES for character in text):
        return False
    return mod37_36_check(text[:-1]) == text[-1]
