"""Keyed digests against RFC 4231, and refusals."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payclear.security import hmacs

# RFC 4231, test case 2.
KEY, MESSAGE = b"Jefe", b"what do ya want for nothing?"
SHA256 = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
SHA512 = (
    "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
    "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737"
)


@pytest.mark.parametrize("sign", [hmacs.sign_sha256, hmacs.sign_sha512])
def test_signing_with_an_empty_key_is_a_mistake(sign):
    with pytest.raises(ValueError, match="empty"):
        sign(b"", MESSAGE)


def test_verifying_with_an_empty_key_is_a_mistake():
    with pytest.raises(ValueError, match="empty"):
        hmacs.verify(b"", MESSAGE, b"")


def test_published_vectors():
    assert hmacs.sign_sha256(KEY, MESSAGE).hex() == SHA256
    assert hmacs.sign_sha512(KEY, MESSAGE).hex() == SHA512


@pytest.mark.parametrize(("digest", "signature"), [("sha256", SHA256), ("sha512", SHA512)])
def test_verify_accepts_the_right_signature_of_the_right_digest_only(digest, signature):
    assert hmacs.verify(KEY, MESSAGE, bytes.fromhex(signature), digest=digest)
    other = "sha512" if digest == "sha256" else "sha256"
    assert not hmacs.verify(KEY, MESSAGE, bytes.fromhex(signature), digest=other)
    assert not hmacs.verify(KEY, MESSAGE, b"", digest=digest)


@given(st.binary(min_size=1), st.binary(), st.integers(0, 255))
def test_verify_refuses_a_signature_with_one_flipped_bit(key, message, bit):
    signature = bytearray(hmacs.sign_sha256(key, message))
    assert hmacs.verify(key, message, bytes(signature))
    signature[bit // 8] ^= 1 << bit % 8
    assert not hmacs.verify(key, message, bytes(signature))


@given(st.text(), st.text())
def test_equal_agrees_with_equality_for_any_text(a, b):
    assert hmacs.equal(a, a)
    assert hmacs.equal(a, b) == (a == b)


def test_equal_takes_bytes_and_undecodable_text():
    assert hmacs.equal(b"a", "a")
    assert not hmacs.equal("\udc80", "a")
