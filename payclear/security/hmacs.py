"""Keyed digests (HMAC) and comparison in constant time.

Called by provider adapters, webhooks and blind indexes.
It must never compare secrets or signatures with `==`, nor accept an empty key.
"""

import hmac
from typing import Literal

Digest = Literal["sha256", "sha512"]


def sign_sha256(key: bytes, message: bytes) -> bytes:
    """The HMAC-SHA-256 of a message, 32 bytes (RFC 2104); an empty key is a ValueError."""
    return _sign(key, message, "sha256")


def sign_sha512(key: bytes, message: bytes) -> bytes:
    """The HMAC-SHA-512 of a message, 64 bytes (RFC 2104); an empty key is a ValueError."""
    return _sign(key, message, "sha512")


def verify(key: bytes, message: bytes, signature: bytes, *, digest: Digest = "sha256") -> bool:
    """Whether the signature is the key's HMAC of the message, in constant time."""
    return hmac.compare_digest(_sign(key, message, digest), signature)


def equal(a: str | bytes, b: str | bytes) -> bool:
    """Whether two values are equal, in a time that does not tell where they differ; any text is allowed."""
    return hmac.compare_digest(_as_bytes(a), _as_bytes(b))


def _sign(key: bytes, message: bytes, digest: Digest) -> bytes:
    if not key:
        raise ValueError("an HMAC key must not be empty")
    return hmac.digest(key, message, digest)


def _as_bytes(value: str | bytes) -> bytes:
    # Lone surrogates come from undecodable bytes of a request; they must compare, not crash.
    return value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value
