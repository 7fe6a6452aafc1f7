"""The keys that collecting banks and we hold against each other: those of the demonstration accounts, and a stranger's."""

import tomllib
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

_CONFIG = tomllib.loads((Path(__file__).parents[3] / "config" / "test.toml").read_text("utf-8"))
_VIETINBANK = _CONFIG["provider_accounts"]["vietinbank-demo"]
VIETINBANK_PUBLIC: str = _VIETINBANK["options"]["bank_public_key"]
VIETINBANK_BILLER: str = _VIETINBANK["secrets"]["private_key"]

_OPEN = _CONFIG["provider_accounts"]["collection-demo"]
OPEN_BANK_PUBLIC: str = _OPEN["options"]["bank_public_key"]
OPEN_BILLER: str = _OPEN["secrets"]["reply_key"]


def _pair(key: rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey) -> tuple[str, str]:
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return private.decode("ascii"), public.decode("ascii")


OTHER_RSA, OTHER_RSA_PUBLIC = _pair(rsa.generate_private_key(public_exponent=65537, key_size=2048))
OTHER_ED25519, OTHER_ED25519_PUBLIC = _pair(ed25519.Ed25519PrivateKey.generate())
