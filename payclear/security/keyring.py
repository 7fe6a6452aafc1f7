"""Keys with their time of life, so that a change of key never drops a message.

Called by whoever signs or verifies with keys that rotate: portals, providers, webhooks.
It must never hand out a revoked key, nor show the secret of any.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from payclear.kernel.errors import ErrorCategory, PayclearError
from payclear.kernel.secret import Secret

__all__ = ["VERIFYING_MAX", "Key", "KeyAlgorithm", "KeyState", "KeyUnusable", "Keyring", "Secret"]

# More keys than this on one message is a configuration gone wrong, and a way to make us work in vain.
VERIFYING_MAX = 4


class KeyUnusable(PayclearError):
    """A key that is needed is missing, out of its time, too weak, or cannot be read."""

    code = "key_unusable"
    category = ErrorCategory.UNAVAILABLE


class KeyAlgorithm(StrEnum):
    """What a key is for; a key verifies by its own algorithm only, never by what a message claims."""

    HMAC_SHA256 = "hmac-sha256"
    HMAC_SHA512 = "hmac-sha512"
    RSA_PKCS1V15_SHA256 = "rsa-pkcs1v15-sha256"
    RSA_PSS_SHA256 = "rsa-pss-sha256"
    ED25519 = "ed25519"


class KeyState(StrEnum):
    """Active keys sign and verify, retired ones only verify, revoked ones neither."""

    ACTIVE = "active"
    RETIRED = "retired"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class Key:
    """One key: `secret` is a Secret for shared and private keys, plain PEM or base64 text for public ones.

    It signs from `not_before` until just before `not_after` (None: no end); both are aware instants.
    """

    id: str
    algorithm: KeyAlgorithm
    secret: Secret | str
    not_before: datetime
    not_after: datetime | None = None
    state: KeyState = KeyState.ACTIVE

    def __post_init__(self) -> None:
        if any(at is not None and at.tzinfo is None for at in (self.not_before, self.not_after)):
            raise ValueError(f"key {self.id}: its times must carry their zone")
        if self.not_after is not None and self.not_after <= self.not_before:
            raise ValueError(f"key {self.id}: it ends before it begins")
        if not self.id or not self.secret:
            raise ValueError("a key has an id and a secret")

    def signs(self, at: datetime) -> bool:
        """Whether the key may sign at an instant."""
        return self.state is KeyState.ACTIVE and self._lives(at, timedelta(0))

    def verifies(self, at: datetime, overlap: timedelta) -> bool:
        """Whether the key may still verify at an instant, `overlap` after its end included."""
        return self.state is not KeyState.REVOKED and self._lives(at, overlap)

    def _lives(self, at: datetime, overlap: timedelta) -> bool:
        return self.not_before <= at and (self.not_after is None or at < self.not_after + overlap)


class Keyring:
    """The keys of one purpose; `overlap` is how long a key that has ended still verifies."""

    def __init__(self, keys: Iterable[Key], overlap: timedelta = timedelta(hours=24)) -> None:
        if overlap < timedelta(0):
            raise ValueError("an overlap is not negative")
        self._keys = sorted(keys, key=lambda key: (key.not_before, key.id), reverse=True)
        self._overlap = overlap
        if len({key.id for key in self._keys}) != len(self._keys):
            raise ValueError("two keys of one id")

    def signing(self, at: datetime) -> Key:
        """The newest active key at an instant; raises KeyUnusable when there is none."""
        for key in self._keys:
            if key.signs(at):
                return key
        raise KeyUnusable("no active signing key", reason="none_active")

    def verifying(self, at: datetime, *, key_id: str | None = None) -> tuple[Key, ...]:
        """The keys to verify a message with at an instant, newest first, at most VERIFYING_MAX.

        With the `key_id` a message names, that key alone, or none.
        """
        usable = [key for key in self._keys if key.verifies(at, self._overlap)]
        if key_id is not None:
            usable = [key for key in usable if key.id == key_id]
        return tuple(usable[:VERIFYING_MAX])
