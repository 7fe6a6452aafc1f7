"""Sealed fields: personal data encrypted per subject, bound to the very cell it stands in.

Called by features that keep personal data. Each subject has a data key, wrapped by a key-encryption key;
deleting the data key forgets the subject. It must never write a data key in clear or log a plaintext.
"""

import base64
import binascii
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import (
    InvalidUnwrap,
    aes_key_unwrap_with_padding,
    aes_key_wrap_with_padding,
)

from payclear.kernel.errors import ErrorCategory, PayclearError
from payclear.kernel.ids import new_uuid
from payclear.kernel.secret import Secret
from payclear.security.keyring import KeyUnusable

_FORMAT = b"\x01"
_KEY_BYTES = 32
_NONCE_BYTES = 12
_TAG_BYTES = 16


class SealBroken(PayclearError):
    """A sealed value or key was altered, moved to another cell, or sealed with another key."""

    code = "seal_broken"
    category = ErrorCategory.UNAVAILABLE


@dataclass(frozen=True, slots=True)
class DataKey:
    """A subject's data key as it is stored: `wrapped` (40 bytes) is useless without the KEK `kek_id`."""

    id: UUID
    kek_id: str
    wrapped: bytes


def new_kek() -> Secret:
    """A fresh key-encryption key: 32 random bytes in base64, for a secret file."""
    return Secret(base64.b64encode(secrets.token_bytes(_KEY_BYTES)).decode("ascii"))


class Sealer:
    """Seals and opens cells with the data keys of subjects.

    `kek` holds every key-encryption key still in use by id, each 32 bytes in base64; `active` wraps new
    data keys. Raises KeyUnusable when a key is malformed or the active one is missing.
    """

    def __init__(self, kek: Mapping[str, Secret], active: str) -> None:
        self._kek = {kek_id: _decoded(kek_id, secret) for kek_id, secret in kek.items()}
        if active not in self._kek:
            raise KeyUnusable("the active key-encryption key is missing", reason="missing", kek_id=active)
        self._active = active

    @property
    def active(self) -> str:
        """The id of the key-encryption key that wraps new data keys."""
        return self._active

    @property
    def known(self) -> frozenset[str]:
        """The ids of every key-encryption key that this process holds."""
        return frozenset(self._kek)

    def new_data_key(self) -> DataKey:
        """Make a data key for one subject, wrapped by the active KEK (AES-KWP, RFC 5649)."""
        return self._wrap(new_uuid(), secrets.token_bytes(_KEY_BYTES))

    def rewrap(self, data_key: DataKey) -> DataKey:
        """The same data key under the active KEK; what it sealed stays as it is."""
        return self._wrap(data_key.id, self._unwrap(data_key))

    def seal(self, plaintext: str, *, data_key: DataKey, table: str, column: str, row: UUID | str) -> bytes:
        """Seal the text of one cell (AES-256-GCM): format byte, 96-bit random nonce, ciphertext, tag."""
        return self.seal_bytes(plaintext.encode(), data_key=data_key, table=table, column=column, row=row)

    def open(self, sealed: bytes, *, data_key: DataKey, table: str, column: str, row: UUID | str) -> str:
        """Read the text of one cell; raises SealBroken when anything about it was changed."""
        return self.open_bytes(sealed, data_key=data_key, table=table, column=column, row=row).decode()

    def seal_bytes(
        self, plaintext: bytes, *, data_key: DataKey, table: str, column: str, row: UUID | str
    ) -> bytes:
        """Seal raw bytes of one cell, as `seal` does text."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        bound_to = _cell(data_key.id, table, column, row)
        return _FORMAT + nonce + AESGCM(self._unwrap(data_key)).encrypt(nonce, plaintext, bound_to)

    def open_bytes(
        self, sealed: bytes, *, data_key: DataKey, table: str, column: str, row: UUID | str
    ) -> bytes:
        """Read raw bytes of one cell, as `open` does text."""
        if len(sealed) < 1 + _NONCE_BYTES + _TAG_BYTES or sealed[:1] != _FORMAT:
            raise SealBroken("not a sealed value", reason="malformed")
        nonce, ciphertext = sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
        try:
            return AESGCM(self._unwrap(data_key)).decrypt(
                nonce, ciphertext, _cell(data_key.id, table, column, row)
            )
        except InvalidTag:
            raise SealBroken("the sealed value does not belong here", reason="altered") from None

    def _wrap(self, key_id: UUID, key: bytes) -> DataKey:
        return DataKey(key_id, self._active, aes_key_wrap_with_padding(self._kek[self._active], key))

    def _unwrap(self, data_key: DataKey) -> bytes:
        kek = self._kek.get(data_key.kek_id)
        if kek is None:
            raise KeyUnusable("key-encryption key missing", reason="missing", kek_id=data_key.kek_id)
        try:
            key = aes_key_unwrap_with_padding(kek, data_key.wrapped)
        except (InvalidUnwrap, ValueError):
            raise SealBroken("the data key was altered", reason="altered_key") from None
        return key


def _cell(key_id: UUID, table: str, column: str, row: UUID | str) -> bytes:
    """The place a value is bound to; each part with its length, so that no two places read the same."""
    parts = (table, column, str(row), str(key_id))
    return b"".join(f"{len(part.encode())}:{part},".encode() for part in parts)


def _decoded(kek_id: str, secret: Secret) -> bytes:
    try:
        key = base64.b64decode(secret.reveal(), validate=True)
    except (ValueError, binascii.Error):
        key = b""
    if len(key) != _KEY_BYTES:
        raise KeyUnusable("a KEK is 32 bytes in base64", reason="unreadable", kek_id=kek_id)
    return key
