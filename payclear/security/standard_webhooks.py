"""Signatures of Standard Webhooks 1.0.0: `v1` (HMAC-SHA-256) and `v1a` (Ed25519).

Called by the webhook sender, and by whoever receives such webhooks.
It must never see the body as anything but the exact bytes on the wire.
"""

import base64
import binascii
import re
import secrets as random_source
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import zip_longest

from payclear.kernel.errors import ErrorCategory, PayclearError
from payclear.kernel.secret import Secret
from payclear.security import hmacs
from payclear.security.keyring import KeyUnusable
from payclear.security.signatures import Ed25519Signer, Ed25519Verifier

ID_HEADER = "webhook-id"
TIMESTAMP_HEADER = "webhook-timestamp"
SIGNATURE_HEADER = "webhook-signature"

TOLERANCE_S = 300
FUTURE_S_MAX = 60
SIGNATURES_MAX = 5
_SECRET_PREFIX = "whsec_"  # noqa: S105 (the published prefix of every secret, not a secret)
_PUBLIC_PREFIX = "whpk_"
_SECRET_BYTES = 32
_SECRET_BYTES_RANGE = range(24, 65)
_MESSAGE_ID = re.compile(r"[A-Za-z0-9_\-]{1,255}")
_TIMESTAMP = re.compile(r"[1-9][0-9]{0,11}")
_SIGNATURE = re.compile(r"(v[0-9]{1,3}[a-z]?),([A-Za-z0-9+/]{1,700}={0,2})")


class WebhookSignatureInvalid(PayclearError):
    """The message is not proven to come from its sender, or not to be fresh."""

    code = "webhook_signature_invalid"
    category = ErrorCategory.UNAUTHENTICATED


@dataclass(frozen=True, slots=True)
class VerifiedMessage:
    """What a good signature proves: the message id (remember it against replay) and when it was signed."""

    id: str
    timestamp: int


def new_secret() -> Secret:
    """A fresh symmetric secret: `whsec_` and 32 random bytes in base64."""
    return Secret(_SECRET_PREFIX + base64.b64encode(random_source.token_bytes(_SECRET_BYTES)).decode("ascii"))


def public_key_text(signer: Ed25519Signer) -> str:
    """A signer's public key as published to receivers: `whpk_` and the raw key in base64."""
    return _PUBLIC_PREFIX + signer.public_raw_base64


def public_key(text: str) -> Ed25519Verifier:
    """Read a published `whpk_` key; raises KeyUnusable."""
    if not text.startswith(_PUBLIC_PREFIX):
        raise KeyUnusable("a public key begins with whpk_", reason="unreadable")
    return Ed25519Verifier.from_raw_base64(text.removeprefix(_PUBLIC_PREFIX))


def signed_content(message_id: str, timestamp: int, body: bytes) -> bytes:
    """The bytes that are signed: id, full stop, Unix seconds, full stop, body exactly as sent.

    An id with a full stop or another character outside `[A-Za-z0-9_-]` is a ValueError: it would make two
    messages sign the same.
    """
    if not _MESSAGE_ID.fullmatch(message_id) or not _TIMESTAMP.fullmatch(str(timestamp)):
        raise ValueError("a message id has no full stop, a timestamp is positive whole seconds")
    return f"{message_id}.{timestamp}.".encode() + body


def sign_v1(secret: Secret, message_id: str, timestamp: int, body: bytes) -> str:
    """The symmetric signature of a message, `v1,<base64>`; raises KeyUnusable for a malformed secret."""
    digest = hmacs.sign_sha256(_secret_bytes(secret), signed_content(message_id, timestamp, body))
    return "v1," + base64.b64encode(digest).decode("ascii")


def sign_v1a(signer: Ed25519Signer, message_id: str, timestamp: int, body: bytes) -> str:
    """The asymmetric signature of a message, `v1a,<base64>`."""
    signature = signer.sign(signed_content(message_id, timestamp, body))
    return "v1a," + base64.b64encode(signature).decode("ascii")


def signing_headers(
    message_id: str,
    timestamp: int,
    body: bytes,
    *,
    secrets: Sequence[Secret] = (),
    signers: Sequence[Ed25519Signer] = (),
) -> dict[str, str]:
    """The three headers of one delivery attempt; `timestamp` is of this attempt, the id of all of them.

    Secrets and signers come newest first; while keys change, the older ones sign beside the newer.
    At least one and at most SIGNATURES_MAX in all (ValueError).
    """
    if not 0 < len(secrets) + len(signers) <= SIGNATURES_MAX:
        raise ValueError(f"a message carries 1 to {SIGNATURES_MAX} signatures")
    signatures: list[str] = []
    for secret, signer in zip_longest(secrets, signers):
        if secret is not None:
            signatures.append(sign_v1(secret, message_id, timestamp, body))
        if signer is not None:
            signatures.append(sign_v1a(signer, message_id, timestamp, body))
    return {
        ID_HEADER: message_id,
        TIMESTAMP_HEADER: str(timestamp),
        SIGNATURE_HEADER: " ".join(signatures),
    }


def verify(
    headers: Mapping[str, str],
    body: bytes,
    secrets: Iterable[Secret],
    now: datetime,
    tolerance_s: int = TOLERANCE_S,
    *,
    public_keys: Iterable[Ed25519Verifier] = (),
) -> VerifiedMessage:
    """Verify a received message against all keys that are valid now; raises WebhookSignatureInvalid.

    Refused: a header missing, given twice or outside the grammar, more than SIGNATURES_MAX signatures, a
    timestamp older than the tolerance or more than FUTURE_S_MAX (or the tolerance, if smaller) ahead.
    Entries of unknown versions are skipped. Every key is tried on every entry, without early exit. Replay
    is not caught here.
    """
    message_id = _header(headers, ID_HEADER, _MESSAGE_ID)
    timestamp = int(_header(headers, TIMESTAMP_HEADER, _TIMESTAMP))
    entries = _entries(_header(headers, SIGNATURE_HEADER, None))
    age_s = now.timestamp() - timestamp
    if age_s > tolerance_s or -age_s > min(FUTURE_S_MAX, tolerance_s):
        raise WebhookSignatureInvalid("the message is not fresh", reason="timestamp")
    content = signed_content(message_id, timestamp, body)
    keys = [_secret_bytes(secret) for secret in secrets]
    verifiers = list(public_keys)
    proven = 0
    for version, signature in entries:
        if version == "v1":
            proven += sum(hmacs.verify(key, content, signature) for key in keys)
        elif version == "v1a":
            proven += sum(verifier.verify(content, signature) for verifier in verifiers)
    if not proven:
        raise WebhookSignatureInvalid("no signature fits", reason="signature")
    return VerifiedMessage(message_id, timestamp)


def _header(headers: Mapping[str, str], name: str, grammar: re.Pattern[str] | None) -> str:
    values = [value for key, value in headers.items() if key.lower() == name]
    if len(values) != 1 or (grammar is not None and not grammar.fullmatch(values[0])):
        raise WebhookSignatureInvalid("a header is missing or malformed", reason="header", header=name)
    return values[0]


def _entries(header: str) -> list[tuple[str, bytes]]:
    parts = header.split(" ", SIGNATURES_MAX)
    matches = [_SIGNATURE.fullmatch(part) for part in parts]
    if len(parts) > SIGNATURES_MAX or None in matches:
        raise WebhookSignatureInvalid("malformed signatures", reason="header", header=SIGNATURE_HEADER)
    try:
        return [(match[1], base64.b64decode(match[2], validate=True)) for match in matches if match]
    except binascii.Error:
        raise WebhookSignatureInvalid(
            "malformed signatures", reason="header", header=SIGNATURE_HEADER
        ) from None


def _secret_bytes(secret: Secret) -> bytes:
    text = secret.reveal()
    try:
        if not text.startswith(_SECRET_PREFIX):
            raise ValueError("no prefix")
        key = base64.b64decode(text.removeprefix(_SECRET_PREFIX), validate=True)
    except (ValueError, binascii.Error):
        raise KeyUnusable("a secret is whsec_ and base64", reason="unreadable") from None
    if len(key) not in _SECRET_BYTES_RANGE:
        raise KeyUnusable("a secret has 24 to 64 bytes", reason="too_weak")
    return key
