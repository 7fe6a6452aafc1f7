"""Blind index: find a sealed value again by equality, without storing it in clear.

Called by features that search sealed columns (citizen id, plate, insurance code).
It must never be used on a value that must not be searched: equal values give equal indexes.
"""

import unicodedata

from payclear.kernel.secret import Secret
from payclear.security.hmacs import sign_sha256
from payclear.security.keyring import KeyUnusable

INDEX_BYTES = 16
_KEY_BYTES_MIN = 32


class BlindIndex:
    """Makes indexes with a key of their own, at least 32 bytes of text; KeyUnusable when shorter."""

    def __init__(self, key: Secret) -> None:
        material = key.reveal().encode()
        if len(material) < _KEY_BYTES_MIN:
            raise KeyUnusable("a blind index key has at least 32 bytes", reason="too_weak")
        self._key = material

    def of(self, column: str, value: str) -> bytes:
        """The index of a value in a column: 16 bytes of HMAC-SHA-256, under a key derived per column.

        Spelling does not matter: NFC, upper case, no spaces. A blank value has no index (ValueError).
        """
        normalised = normalise(value)
        if not normalised:
            raise ValueError("a blank value has no index")
        column_key = sign_sha256(self._key, column.encode())
        return sign_sha256(column_key, normalised.encode())[:INDEX_BYTES]


def normalise(value: str) -> str:
    """The spelling that is indexed: NFC, upper case, without any white space."""
    return unicodedata.normalize("NFC", "".join(unicodedata.normalize("NFC", value).upper().split()))
