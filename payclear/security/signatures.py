"""Public-key signatures: RSA as banks use it, Ed25519 for our own webhooks and checkpoints.

Called by provider adapters, webhooks and audit. Loading a key costs more than using it, so loaded keys
are cached by their text. A wrong signature is False, never an exception; an unusable key is KeyUnusable.
"""

import base64
import binascii
from enum import StrEnum
from functools import lru_cache
from typing import Self

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

from payclear.kernel.secret import Secret
from payclear.security.keyring import KeyUnusable

RSA_BITS_MIN = 2048
_KEYS_CACHED_MAX = 256


class RsaScheme(StrEnum):
    """How an RSA signature is padded, with SHA-256 in both cases (RFC 8017, sections 8.1 and 8.2)."""

    PKCS1V15_SHA256 = "rsa-pkcs1v15-sha256"
    PSS_SHA256 = "rsa-pss-sha256"


class RsaSigner:
    """Signs with an RSA private key."""

    def __init__(self, key: RSAPrivateKey) -> None:
        self._key = key

    @classmethod
    def from_pem(cls, pem: Secret) -> Self:
        """Load an unencrypted private key (PKCS #8 or PKCS #1); raises KeyUnusable, also below 2048 bits."""
        key = _private_key(pem)
        if not isinstance(key, RSAPrivateKey):
            raise KeyUnusable("not an RSA private key", reason="wrong_kind")
        _require_strength(key.key_size)
        return cls(key)

    def sign(self, message: bytes, *, scheme: RsaScheme = RsaScheme.PKCS1V15_SHA256) -> bytes:
        """The signature of a message, as many bytes as the key has."""
        if scheme is RsaScheme.PSS_SHA256:
            pss = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH)
            return self._key.sign(message, pss, hashes.SHA256())
        return self._key.sign(message, padding.PKCS1v15(), hashes.SHA256())


class RsaVerifier:
    """Verifies with an RSA public key."""

    def __init__(self, key: RSAPublicKey) -> None:
        self._key = key

    @classmethod
    def from_pem(cls, pem: str) -> Self:
        """Load a public key or an X.509 certificate; raises KeyUnusable, also below 2048 bits.

        A certificate is only a wrapper of the key here: its dates and issuer are not looked at.
        """
        key = _public_key(pem)
        if not isinstance(key, RSAPublicKey):
            raise KeyUnusable("not an RSA public key", reason="wrong_kind")
        _require_strength(key.key_size)
        return cls(key)

    def verify(
        self, message: bytes, signature: bytes, *, scheme: RsaScheme = RsaScheme.PKCS1V15_SHA256
    ) -> bool:
        """Whether the signature is the key owner's over the message; PSS takes any salt length."""
        try:
            if scheme is RsaScheme.PSS_SHA256:
                pss = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.AUTO)
                self._key.verify(signature, message, pss, hashes.SHA256())
            else:
                self._key.verify(signature, message, padding.PKCS1v15(), hashes.SHA256())
        except InvalidSignature:
            return False
        return True


class Ed25519Verifier:
    """Verifies with an Ed25519 public key (RFC 8032)."""

    def __init__(self, key: Ed25519PublicKey) -> None:
        self._key = key

    @classmethod
    def from_pem(cls, pem: str) -> Self:
        """Load a public key in PEM; raises KeyUnusable."""
        key = _public_key(pem)
        if not isinstance(key, Ed25519PublicKey):
            raise KeyUnusable("not an Ed25519 public key", reason="wrong_kind")
        return cls(key)

    @classmethod
    def from_raw_base64(cls, text: str) -> Self:
        """Load the 32 raw bytes of a public key in standard base64; raises KeyUnusable."""
        try:
            return cls(Ed25519PublicKey.from_public_bytes(base64.b64decode(text, validate=True)))
        except (ValueError, binascii.Error) as error:
            raise KeyUnusable("not a raw Ed25519 public key", reason="unreadable") from error

    def verify(self, message: bytes, signature: bytes) -> bool:
        """Whether the signature is the key owner's over the message."""
        try:
            self._key.verify(signature, message)
        except InvalidSignature:
            return False
        return True


class Ed25519Signer:
    """Signs with an Ed25519 private key (RFC 8032): 64 bytes, the same each time for one message."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key

    @classmethod
    def generate(cls) -> Self:
        """Make a new key pair."""
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def from_pem(cls, pem: Secret) -> Self:
        """Load an unencrypted private key in PEM; raises KeyUnusable."""
        key = _private_key(pem)
        if not isinstance(key, Ed25519PrivateKey):
            raise KeyUnusable("not an Ed25519 private key", reason="wrong_kind")
        return cls(key)

    @property
    def private_pem(self) -> Secret:
        """The private key as PKCS #8 PEM, to be stored sealed."""
        pem = self._key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        return Secret(pem.decode("ascii"))

    @property
    def public_pem(self) -> str:
        """The public key as PEM."""
        pem = self._key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return pem.decode("ascii")

    @property
    def public_raw_base64(self) -> str:
        """The 32 raw bytes of the public key in standard base64, as Standard Webhooks publishes it."""
        return base64.b64encode(self._key.public_key().public_bytes_raw()).decode("ascii")

    def sign(self, message: bytes) -> bytes:
        """The signature of a message."""
        return self._key.sign(message)

    def verifier(self) -> Ed25519Verifier:
        """The other half of the pair."""
        return Ed25519Verifier(self._key.public_key())


def _require_strength(bits: int) -> None:
    if bits < RSA_BITS_MIN:
        raise KeyUnusable("RSA keys below 2048 bits are refused", reason="too_weak", bits=bits)


@lru_cache(_KEYS_CACHED_MAX)
def _private_key(pem: Secret) -> object:
    try:
        return serialization.load_pem_private_key(pem.reveal().encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        # The parser's own words may quote the key.
        raise KeyUnusable("the private key cannot be read", reason="unreadable") from None


@lru_cache(_KEYS_CACHED_MAX)
def _public_key(pem: str) -> object:
    try:
        if "-----BEGIN CERTIFICATE-----" in pem:
            return x509.load_pem_x509_certificate(pem.encode()).public_key()
        return serialization.load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise KeyUnusable("the public key cannot be read", reason="unreadable") from error
