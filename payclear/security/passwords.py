"""Passwords of staff (Argon2id) and API keys of portals (SHA-256 of a random secret).

Called by identity. It must never keep a password or an API key, nor tell by its timing whether an
account exists.
"""

import re
import secrets
import unicodedata
from functools import cache

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from payclear.kernel.errors import InvalidInput
from payclear.kernel.ids import CROCKFORD, sha256_hex

# OWASP Password Storage Cheat Sheet: Argon2id with 19 MiB, 2 passes, 1 lane at least.
_MEMORY_KIB = 19 * 1024
_PASSES = 2
_LANES = 1
_SALT_BYTES = 16
_HASH_BYTES = 32
_CURRENT = f"$argon2id$v=19$m={_MEMORY_KIB},t={_PASSES},p={_LANES}$"

PASSWORD_CHARACTERS_MAX = 256

_ALPHABET = CROCKFORD.lower()
_KEY_ID_CHARACTERS = 12
_KEY_SECRET_CHARACTERS = 48
_API_KEY = re.compile(f"pk_([{_ALPHABET}]{{{_KEY_ID_CHARACTERS}}})_[{_ALPHABET}]{{{_KEY_SECRET_CHARACTERS}}}")


def hash_password(password: str) -> str:
    """The Argon2id hash of a password as PHC text, salted; raises InvalidInput when empty or over-long.

    How long a password must be is the identity feature's rule, not this one's.
    """
    if not 0 < len(password) <= PASSWORD_CHARACTERS_MAX:
        raise InvalidInput("a password has 1 to 256 characters", field="password")
    argon = Argon2id(
        salt=secrets.token_bytes(_SALT_BYTES),
        length=_HASH_BYTES,
        iterations=_PASSES,
        lanes=_LANES,
        memory_cost=_MEMORY_KIB,
    )
    return argon.derive_phc_encoded(_material(password))


def verify_password(password: str, hashed: str | None) -> bool:
    """Whether the password is the one that was hashed.

    For an unknown user pass None: the same work is done and the answer is False, so that time does not
    tell who exists. A damaged hash is False as well.
    """
    decoy = _decoy()
    usable = password[:PASSWORD_CHARACTERS_MAX]
    try:
        Argon2id.verify_phc_encoded(_material(usable), hashed or decoy)
    except InvalidKey:
        return False
    return hashed is not None and usable == password


def needs_rehash(hashed: str) -> bool:
    """Whether a hash was made with other settings than today's, to be renewed at the next login."""
    return not hashed.startswith(_CURRENT)


def new_api_key() -> tuple[str, str]:
    """Make an API key: its public id, and the full text `pk_<id>_<secret>` that is shown once.

    The secret has 240 random bits, so that one SHA-256 of it is safe to store.
    """
    key_id = _random(_KEY_ID_CHARACTERS)
    return key_id, f"pk_{key_id}_{_random(_KEY_SECRET_CHARACTERS)}"


def parse_api_key(text: str) -> str | None:
    """The public id inside an API key, to find its row by; None when the text is no API key."""
    match = _API_KEY.fullmatch(text)
    return match.group(1) if match else None


def hash_api_key(text: str) -> bytes:
    """What is stored of an API key: the SHA-256 of its full text, 32 bytes."""
    return bytes.fromhex(sha256_hex(text.encode()))


@cache
def _decoy() -> str:
    return hash_password(secrets.token_urlsafe(24))


def _material(password: str) -> bytes:
    return unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")


def _random(characters: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(characters))
