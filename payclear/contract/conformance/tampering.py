"""What can be done to one text: a value, a name, a signature, a header. Each gives the deed's name and the new text.

Called by `mutants` with its seeded source of chance. Pure.
"""

import hashlib
import hmac
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from random import Random

from payclear.contract.conformance.raw_messages import encoded

Told = tuple[str, str]

_NUMBER = re.compile(r"-?[0-9]{1,18}(\.[0-9]+)?")
_SIGNATURE = re.compile(r"(?:[A-Za-z0-9_-]+=)?(?:[0-9a-fA-F]{32,}|[A-Za-z0-9+/_-]{22,}={0,2})")
_SIGNING_NAME = re.compile(r"sign|hash|checksum|check_sum|(?:^|_)mac$|maxacthuc", re.IGNORECASE)
_LOOKALIKES = {"0": "０", "1": "１", "5": "٥", "a": "а", "e": "е", "o": "ο", "p": "р", "A": "А", "P": "Р"}
_WORDS = (
    "",
    "0",
    "1",
    "00",
    "true",
    "null",
    "None",
    "paid",
    "PAID",
    "success",
    "-1",
    "NaN",
    "[]",
    "{}",
    "*",
    "%",
)
_BLANKS = (" ", "\t", "\n", "\r\n", "\u00a0", "\u200b", "\u2028", "\ufeff", "\x00", "\x1f", "\x7f")
_DIGESTS = ("md5", "sha1", "sha256", "sha384", "sha512")
_WRONG_KEYS = ("", "secret", "key", "123456", "NOT-THE-KEY-OF-THIS-MERCHANT")


def is_signature(name: str, value: str) -> bool:
    """Whether a field looks like one that signs the others."""
    return len(value) >= 20 and (
        _SIGNING_NAME.search(name) is not None or _SIGNATURE.fullmatch(value) is not None
    )


def value(rng: Random, text: str, others: Sequence[str]) -> Told:
    """Another text for a value; `others` are values of other fields and other messages."""
    deeds: list[Callable[[Random, str], Told]] = [_letter, _letter, _blank, _lookalike, _case, _length, _word]
    if _NUMBER.fullmatch(text):
        deeds += [_number] * 4
    if others:
        deeds += [lambda chance, _: ("taken from another field", chance.choice(others))] * 2
    return rng.choice(deeds)(rng, text)


def border_moved(rng: Random, first: str, second: str) -> Told:
    """Two values whose joined text is the same as before, for a signature over values without borders."""
    joined = first + second
    at = rng.choice((0, len(joined), max(len(first) - 1, 0), len(first) + 1, rng.randrange(len(joined) + 1)))
    return joined[:at], joined[at:]


def name(rng: Random, text: str) -> Told:
    """A name that a careless reader takes for the same."""
    return rng.choice(
        (
            ("name in another case", rng.choice((text.upper(), text.lower(), text.swapcase(), text.title()))),
            ("name with a blank", rng.choice((text + " ", " " + text, text + "\x00", text + "\ufeff"))),
            ("name with brackets", rng.choice((text + "[]", text + "[0]", f"[{text}]", f"{text}.0"))),
            ("name with lookalikes", _lookalike(rng, text)[1]),
            ("name with other separators", text.replace("_", rng.choice("-. ")) + rng.choice(("", "_"))),
            ("name cut short", text[:-1]),
            ("name made longer", text + rng.choice("s1x_")),
        )
    )


def signature(rng: Random, text: str, signed: Sequence[str], others: Sequence[str]) -> Told:
    """Another signature; `signed` are texts that a forger may sign with what he knows, `others` true signatures."""
    deeds: list[Told] = [
        ("signature flipped", _flipped(rng, text)),
        ("signature flipped", _flipped(rng, text)),
        ("signature emptied", ""),
        ("signature cut short", text[: rng.randrange(len(text))] if text else ""),
        ("signature made longer", text + rng.choice(("0", "=", text, "\x00", " ", "\n"))),
        ("signature in another case", text.upper() if text != text.upper() else text.lower()),
        ("signature in blanks", rng.choice((f" {text}", f"{text} ", f"\t{text}", f"{text[:8]} {text[8:]}"))),
        ("signature backwards", text[::-1]),
        ("signature of noughts", "0" * len(text)),
        ("signature in other letters", text.translate(str.maketrans("+/-_", "-_+/"))),
        ("signature with lookalikes", _lookalike(rng, text)[1]),
        ("signature twice", f"{text},{text}"),
    ]
    if signed:
        deeds += [_guessed(rng, text, rng.choice(signed)) for _ in range(3)]
    if others:
        deeds += [("signature of another message", rng.choice(others))] * 3
    return rng.choice(deeds)


def canonical_guesses(fields: Mapping[str, str]) -> list[str]:
    """What a forger takes for the signed text, having read the provider's document."""
    plain = {key: text for key, text in fields.items() if not is_signature(key, text)}
    ordered = sorted(plain.items())
    return [
        "&".join(f"{key}={text}" for key, text in ordered),
        "&".join(f"{key}={text}" for key, text in plain.items()),
        "|".join(plain.values()),
        "".join(text for _, text in ordered),
        "".join(plain.values()),
    ]


def _guessed(rng: Random, text: str, message: str) -> Told:
    prefix, mark, rest = text.partition("=") if text.startswith(("sha256=", "v1=")) else ("", "", text)
    algorithm = rng.choice(_DIGESTS)
    raw = encoded(message)
    if rng.random() < 0.5:
        made = hashlib.new(algorithm, raw + rng.choice(_WRONG_KEYS).encode()).hexdigest()
        deed = f"signed by a plain {algorithm}"
    else:
        made = hmac.digest(rng.choice(_WRONG_KEYS).encode() or b"\x00", raw, algorithm).hex()
        deed = f"signed by {algorithm} with a key that is not the key"
    return deed, prefix + mark + (made.upper() if rest.isupper() else made)


def _flipped(rng: Random, text: str) -> str:
    if not text:
        return "0"
    at = rng.randrange(len(text))
    other = rng.choice([letter for letter in "0123456789abcdefABCDEF" if letter != text[at]])
    return text[:at] + other + text[at + 1 :]


def _letter(rng: Random, text: str) -> Told:
    at = rng.randrange(len(text) + 1)
    letter = rng.choice("0123456789abcXYZ&=|+%;,:\"'\\/<>é")
    if rng.random() < 0.3:
        return "letter put in", text[:at] + letter + text[at:]
    if rng.random() < 0.3:
        return "letter taken out", text[:at] + text[at + 1 :]
    return "letter changed", text[:at] + letter + text[at + 1 :]


def _blank(rng: Random, text: str) -> Told:
    at = rng.choice((0, len(text), rng.randrange(len(text) + 1)))
    return "blank put in", text[:at] + rng.choice(_BLANKS) + text[at:]


def _lookalike(rng: Random, text: str) -> Told:
    places = [at for at, letter in enumerate(text) if letter in _LOOKALIKES]
    if not places:
        return "written in another Unicode form", unicodedata.normalize("NFD", text) + "\u0301"
    at = rng.choice(places)
    return "lookalike put in", text[:at] + _LOOKALIKES[text[at]] + text[at + 1 :]


def _case(rng: Random, text: str) -> Told:
    return "in another case", rng.choice((text.upper(), text.lower(), text.swapcase()))


def _length(rng: Random, text: str) -> Told:
    deeds = (
        ("emptied", ""),
        ("cut short", text[: len(text) // 2]),
        ("doubled", text + text),
        ("made very long", (text or "x") * rng.choice((40, 400))),
    )
    return rng.choice(deeds)


def _word(rng: Random, text: str) -> Told:
    return "replaced", rng.choice(_WORDS)


def _number(rng: Random, text: str) -> Told:
    whole = text.partition(".")[0]
    amount = int(whole)
    return "number", rng.choice(
        (
            str(amount + rng.choice((-100, -1, 1, 100))),
            str(amount * rng.choice((10, 100, -1))),
            f"{amount // 1000}e3",
            f"{amount}.0",
            f"{amount}.5",
            f"{amount},00",
            f"{amount:,}",
            f"0{text}",
            f"+{text}",
            f"-{text}",
            f"0x{abs(amount):x}",
            f"{text}_0",
            "9" * 400,
            "1e999",
            "Infinity",
            str(2**63),
            str(amount + 2**64),
        )
    )
