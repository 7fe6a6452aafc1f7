"""RSA and Ed25519: published vectors, wrong keys, wrong signatures."""

import base64
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import NameOID

from payclear.kernel.secret import Secret
from payclear.security.keyring import KeyUnusable
from payclear.security.signatures import (
    Ed25519Signer,
    Ed25519Verifier,
    RsaScheme,
    RsaSigner,
    RsaVerifier,
)


def private_pem(key) -> Secret:
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return Secret(pem.decode())


def public_pem(key) -> str:
    pem = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return pem.decode()


@pytest.fixture(scope="module")
def rsa_key():
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture(scope="module")
def weak_key():
    return rsa.generate_private_key(public_exponent=65537, key_size=1024)


@pytest.mark.parametrize("load", [RsaSigner.from_pem, Ed25519Signer.from_pem])
@pytest.mark.parametrize(
    "pem", ["", "no key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"]
)
def test_unreadable_private_key_is_unusable_and_not_quoted(load, pem):
    with pytest.raises(KeyUnusable) as caught:
        load(Secret(pem))
    assert caught.value.facts == {"reason": "unreadable"}
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("load", [RsaVerifier.from_pem, Ed25519Verifier.from_pem])
@pytest.mark.parametrize(
    "pem", ["", "no key", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"]
)
def test_unreadable_public_key_is_unusable(load, pem):
    with pytest.raises(KeyUnusable) as caught:
        load(pem)
    assert caught.value.facts == {"reason": "unreadable"}


@pytest.mark.parametrize("text", ["", "AAAA", "not base64!", base64.b64encode(bytes(33)).decode()])
def test_unreadable_raw_ed25519_key_is_unusable(text):
    with pytest.raises(KeyUnusable):
        Ed25519Verifier.from_raw_base64(text)


def test_password_protected_private_key_is_unusable(rsa_key):
    pem = rsa_key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"password"),
    )
    with pytest.raises(KeyUnusable):
        RsaSigner.from_pem(Secret(pem.decode()))


def test_key_of_another_kind_is_unusable(rsa_key):
    curve_key = ec.generate_private_key(ec.SECP256R1())
    for load, pem in (
        (RsaSigner.from_pem, private_pem(curve_key)),
        (RsaVerifier.from_pem, public_pem(curve_key)),
        (Ed25519Signer.from_pem, private_pem(rsa_key)),
        (Ed25519Verifier.from_pem, public_pem(rsa_key)),
    ):
        with pytest.raises(KeyUnusable) as caught:
            load(pem)
        assert caught.value.facts == {"reason": "wrong_kind"}


def test_rsa_key_below_2048_bits_is_unusable(weak_key):
    with pytest.raises(KeyUnusable) as caught:
        RsaSigner.from_pem(private_pem(weak_key))
    assert caught.value.facts == {"reason": "too_weak", "bits": 1024}
    with pytest.raises(KeyUnusable):
        RsaVerifier.from_pem(public_pem(weak_key))


@pytest.mark.parametrize("scheme", RsaScheme)
def test_rsa_signature_holds_for_its_message_key_and_scheme_only(rsa_key, scheme):
    signer, verifier = RsaSigner.from_pem(private_pem(rsa_key)), RsaVerifier.from_pem(public_pem(rsa_key))
    signature = signer.sign(b"message", scheme=scheme)
    assert verifier.verify(b"message", signature, scheme=scheme)
    assert not verifier.verify(b"massage", signature, scheme=scheme)
    assert not verifier.verify(b"message", signature[:-1] + bytes([signature[-1] ^ 1]), scheme=scheme)
    assert not verifier.verify(b"message", b"", scheme=scheme)
    other = next(each for each in RsaScheme if each is not scheme)
    assert not verifier.verify(b"message", signature, scheme=other)
    stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    assert not RsaVerifier.from_pem(public_pem(stranger)).verify(b"message", signature, scheme=scheme)


def test_rsa_pkcs1_signature_is_deterministic_and_pss_is_not(rsa_key):
    signer = RsaSigner.from_pem(private_pem(rsa_key))
    assert signer.sign(b"m") == signer.sign(b"m")
    assert signer.sign(b"m", scheme=RsaScheme.PSS_SHA256) != signer.sign(b"m", scheme=RsaScheme.PSS_SHA256)


def test_rsa_pss_of_a_peer_with_the_longest_salt_is_accepted(rsa_key):
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.MAX_LENGTH)
    signature = rsa_key.sign(b"message", pss, hashes.SHA256())
    verifier = RsaVerifier.from_pem(public_pem(rsa_key))
    assert verifier.verify(b"message", signature, scheme=RsaScheme.PSS_SHA256)


def test_rsa_key_inside_a_certificate_is_read(rsa_key):
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Bank of the tests")])
    begins = datetime(2026, 1, 1, tzinfo=UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(rsa_key.public_key())
        .serial_number(1)
        .not_valid_before(begins)
        .not_valid_after(begins + timedelta(days=365))
        .sign(rsa_key, hashes.SHA256())
    )
    verifier = RsaVerifier.from_pem(certificate.public_bytes(serialization.Encoding.PEM).decode())
    assert verifier.verify(b"message", RsaSigner.from_pem(private_pem(rsa_key)).sign(b"message"))


def test_ed25519_published_vector():
    # RFC 8032, section 7.1, test 2.
    public = bytes.fromhex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c")
    signature = bytes.fromhex(
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    )
    verifier = Ed25519Verifier.from_raw_base64(base64.b64encode(public).decode())
    assert verifier.verify(b"\x72", signature)
    assert not verifier.verify(b"\x73", signature)
    assert not verifier.verify(b"\x72", signature[:-1])
    assert not verifier.verify(b"\x72", b"")


def test_ed25519_pair_survives_its_pem_forms():
    signer = Ed25519Signer.generate()
    twin = Ed25519Signer.from_pem(signer.private_pem)
    signature = twin.sign(b"message")
    assert signature == signer.sign(b"message")
    for verifier in (
        signer.verifier(),
        Ed25519Verifier.from_pem(signer.public_pem),
        Ed25519Verifier.from_raw_base64(signer.public_raw_base64),
    ):
        assert verifier.verify(b"message", signature)
    assert not Ed25519Signer.generate().verifier().verify(b"message", signature)
    assert "PRIVATE" not in repr(signer.private_pem)
