"""HTTP message signatures: the RFC's own vector, an independent program, openssl, and everything that must be refused."""

import base64
import re
import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import http_message_signatures as peer
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from payclear.kernel.secret import Secret
from payclear.security.http_signatures import (
    Demand,
    HttpRequest,
    HttpResponse,
    HttpSignatureInvalid,
    content_digest,
    sign,
    signature_base,
    verify,
    verifying_key,
)
from payclear.security.keyring import KeyUnusable
from payclear.security.signatures import Ed25519Signer
from payclear.security.structured_fields import InnerList, read_dictionary

# RFC 9421, appendix B.1.4 and B.2.6.
RFC_PUBLIC = """-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=
-----END PUBLIC KEY-----
"""
RFC_PRIVATE = """-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIJ+DYvh6SEqVTm50DFtMDoQikTmiCqirVv9mWG9qfSnF
-----END PRIVATE KEY-----
"""
RFC_INPUT = (
    'sig-b26=("date" "@method" "@path" "@authority" "content-type" "content-length")'
    ';created=1618884473;keyid="test-key-ed25519"'
)
RFC_SIGNATURE = "wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw=="

NOW = datetime(2026, 11, 21, 3, 30, tzinfo=UTC)
BODY = b'{"document_no":"H00.14-261121-0007"}'
COVERED = ('"@method"', '"@authority"', '"@path"', '"content-digest"', '"content-type"')
DEMAND = Demand(components=frozenset(COVERED), tag="test", nonce=re.compile(r"[A-Za-z0-9_-]{8,64}"))
REPLY_COVERED = ('"@status"', '"content-digest"', '"@method";req', '"@path";req', '"signature";req')
REPLY_DEMAND = Demand(components=frozenset(REPLY_COVERED), tag="reply")
SIGNER = Ed25519Signer.from_pem(Secret(RFC_PRIVATE))
KEYS = {"bank-1": verifying_key(RFC_PUBLIC)}


def request(**changes) -> HttpRequest:
    """A request of a bank, without its signature."""
    fields = {"content-type": "application/json", "content-digest": content_digest(BODY)}
    made = HttpRequest(method="POST", authority="Pay.Example.vn:443", path="/bills", fields=fields)
    return replace(made, **changes)


def signed(message: HttpRequest | None = None, **changes) -> HttpRequest:
    """The request with its signature."""
    message = message or request()
    values = {
        "components": COVERED,
        "signer": SIGNER,
        "key_id": "bank-1",
        "created": NOW,
        "tag": "test",
        "nonce": "nonce-0001",
    }
    return replace(message, fields={**message.fields, **sign(message, **values | changes)})


def with_fields(message: HttpRequest, **fields: str | None) -> HttpRequest:
    """The message with some fields changed or, with None, taken away."""
    named = {name.replace("_", "-"): value for name, value in fields.items()}
    kept = {**message.fields, **named}
    return replace(message, fields={name: value for name, value in kept.items() if value is not None})


def sign_text(text: str, label: str = "sig1", keys_path: str = RFC_PRIVATE) -> HttpRequest:
    """A request whose Signature-Input is written by hand and signed over what it covers."""
    message = request()
    covered = read_dictionary(f"{label}={text}")[label]
    assert isinstance(covered, InnerList)
    signature = base64.b64encode(SIGNER.sign(signature_base(message, covered))).decode()
    return with_fields(message, signature_input=f"{label}={text}", signature=f"{label}=:{signature}:")


def check(message: HttpRequest | HttpResponse, body: bytes = BODY, *, demand: Demand = DEMAND, now=NOW):
    return verify(message, body, keys=KEYS, demand=demand, now=now)


def reason_of(message: HttpRequest | HttpResponse, body: bytes = BODY, **options) -> str:
    with pytest.raises(HttpSignatureInvalid) as caught:
        check(message, body, **options)
    return caught.value.facts["reason"]


def test_vector_of_the_rfc_holds_and_is_made_again() -> None:
    message = HttpRequest(
        method="POST",
        authority="example.com",
        path="/foo",
        query="param=Value&Pet=dog",
        fields={
            "date": "Tue, 20 Apr 2021 02:07:55 GMT",
            "content-type": "application/json",
            "content-length": "18",
        },
    )
    covered = read_dictionary(RFC_INPUT)["sig-b26"]
    assert isinstance(covered, InnerList)
    base = signature_base(message, covered)
    assert base.decode().splitlines()[0] == '"date": Tue, 20 Apr 2021 02:07:55 GMT'
    assert verifying_key(RFC_PUBLIC).verify(base, base64.b64decode(RFC_SIGNATURE))
    assert base64.b64encode(SIGNER.sign(base)).decode() == RFC_SIGNATURE


def test_signed_request_proves_who_and_when() -> None:
    proof = check(signed())
    assert (proof.key_id, proof.nonce, proof.created) == ("bank-1", "nonce-0001", int(NOW.timestamp()))


@pytest.mark.parametrize(
    "changes",
    [{"method": "PUT"}, {"authority": "evil.example.vn"}, {"path": "/bills/"}],
    ids=["method", "authority", "path"],
)
def test_changed_address_breaks_the_signature(changes: dict[str, str]) -> None:
    assert reason_of(replace(signed(), **changes)) == "signature"


def test_authority_is_compared_without_case_and_usual_port() -> None:
    assert check(replace(signed(), authority="pay.example.vn")).key_id == "bank-1"
    assert reason_of(replace(signed(), authority="pay.example.vn:8443")) == "signature"


def test_changed_body_is_found_by_its_digest() -> None:
    assert reason_of(signed(), BODY + b" ") == "digest"


def test_digest_of_another_body_breaks_the_signature() -> None:
    swapped = with_fields(signed(), content_digest=content_digest(b"{}"))
    assert reason_of(swapped, b"{}") == "signature"


@pytest.mark.parametrize("digest", ["sha-512=:AAAA:", "sha-256=12", "sha-256=:AAAA:", "sha-256=:AAAA:;x"])
def test_digest_of_another_kind_proves_nothing(digest: str) -> None:
    assert reason_of(signed(with_fields(request(), content_digest=digest))) == "digest"


@pytest.mark.parametrize("missing", COVERED)
def test_signature_that_leaves_a_part_uncovered_is_refused(missing: str) -> None:
    covered = [name for name in COVERED if name != missing]
    assert reason_of(signed(components=covered)) == "uncovered"


@pytest.mark.parametrize(("old_s", "edge_s"), [(301, 300), (-61, -60)], ids=["past", "future"])
def test_signature_outside_the_window_is_refused(old_s: int, edge_s: int) -> None:
    assert reason_of(signed(), now=NOW + timedelta(seconds=old_s)) == "time"
    assert check(signed(), now=NOW + timedelta(seconds=edge_s)).key_id == "bank-1"


ALL = '("@method" "@authority" "@path" "content-digest" "content-type")'
GOOD = f';created={int(NOW.timestamp())};keyid="bank-1";nonce="nonce-0001";tag="test"'


def test_expiry_is_held() -> None:
    later = int(NOW.timestamp()) + 60
    message = sign_text(f"{ALL}{GOOD};expires={later}")
    assert check(message).key_id == "bank-1"
    assert reason_of(message, now=NOW + timedelta(seconds=60)) == "time"
    assert reason_of(sign_text(f"{ALL}{GOOD};expires={int(NOW.timestamp()) - 1}")) == "time"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (ALL + GOOD.replace('"test"', '"other"'), "tag"),
        (ALL + GOOD.replace(';tag="test"', ""), "tag"),
        (ALL + GOOD.replace(';nonce="nonce-0001"', ""), "nonce"),
        (ALL + GOOD.replace("nonce-0001", "short"), "nonce"),
        (ALL + GOOD.replace(';keyid="bank-1"', ""), "parameter"),
        (ALL + GOOD.replace("bank-1", "bank-2"), "key"),
        (ALL + re.sub(r";created=\d+", "", GOOD), "parameter"),
        (ALL + re.sub(r"created=\d+", "created=?1", GOOD), "parameter"),
        (ALL + re.sub(r"created=(\d+)", r'created="\1"', GOOD), "parameter"),
        (ALL + GOOD + ";unknown=1", "parameter"),
        (ALL + GOOD + ';alg="ecdsa-p256-sha256"', "algorithm"),
        (ALL + GOOD + ';alg="hmac-sha256"', "algorithm"),
    ],
)
def test_parameters_that_do_not_fit_are_refused(text: str, reason: str) -> None:
    assert reason_of(sign_text(text)) == reason


@pytest.mark.parametrize(
    "component",
    [
        '"@query-param";name="x"',
        '"@scheme"',
        '"@request-target"',
        '"@status"',
        '"x-missing"',
        '"content-type";sf',
        '"content-type";req',
        '"Content-Type"',
        '"content-type" "content-type"',
        "12",
    ],
)
def test_components_that_are_not_known_are_refused(component: str) -> None:
    message = signed()
    text = message.fields["signature-input"].replace('"content-type"', f'"content-type" {component}')
    assert reason_of(with_fields(message, signature_input=text)) == "component"


@pytest.mark.parametrize(
    ("signature_input", "signature", "reason"),
    [
        (None, None, "structure"),
        (None, "sig1=:AAAA:", "structure"),
        (f"sig1={ALL}{GOOD}", None, "structure"),
        (f"sig1={ALL}{GOOD}", "sig2=:AAAA:", "labels"),
        (f"sig1={ALL}{GOOD}, sig2={ALL}{GOOD}", "sig1=:AAAA:, sig2=:AAAA:", "labels"),
        (f"sig1={ALL}{GOOD}, sig1={ALL}{GOOD}", "sig1=:AAAA:", "structure"),
        (f"sig1={ALL}{GOOD.replace('created=', 'created=1e')}", "sig1=:AAAA:", "structure"),
        (f"sig1={ALL}{GOOD};created=1", "sig1=:AAAA:", "structure"),
        ("sig1=:AAAA:", "sig1=:AAAA:", "structure"),
        (f"sig1={ALL}{GOOD}", 'sig1="AAAA"', "structure"),
        (f"sig1={ALL}{GOOD}", "sig1=:AAAA:;x", "structure"),
        (f"sig1={ALL}{GOOD}", "sig1=:AAAA:", "signature"),
        (f"sig1={ALL}{GOOD}", "sig1=::", "signature"),
    ],
)
def test_fields_that_hold_no_one_signature_are_refused(
    signature_input: str | None, signature: str | None, reason: str
) -> None:
    message = with_fields(request(), signature_input=signature_input, signature=signature)
    assert reason_of(message) == reason


def test_key_of_another_bank_is_refused() -> None:
    assert reason_of(signed(signer=Ed25519Signer.generate())) == "signature"


def test_reply_is_bound_to_the_request_it_answers() -> None:
    asked, other = signed(), signed(nonce="nonce-0002")
    fields = {"content-digest": content_digest(b"{}")}
    reply = HttpResponse(status=200, fields=fields, request=asked)
    signature = sign(
        reply, components=REPLY_COVERED, signer=SIGNER, key_id="bank-1", created=NOW, tag="reply"
    )
    reply = replace(reply, fields=fields | signature)
    assert check(reply, b"{}", demand=REPLY_DEMAND).key_id == "bank-1"
    assert reason_of(replace(reply, request=other), b"{}", demand=REPLY_DEMAND) == "signature"
    assert reason_of(replace(reply, status=404), b"{}", demand=REPLY_DEMAND) == "signature"


@pytest.mark.parametrize("pem", ["", "no key", Path(__file__).name])
def test_unreadable_key_is_unusable(pem: str) -> None:
    with pytest.raises(KeyUnusable):
        verifying_key(pem)


@pytest.mark.parametrize(
    "key",
    [
        ec.generate_private_key(ec.SECP384R1()),
        rsa.generate_private_key(public_exponent=65537, key_size=2048),
    ],
    ids=["P-384", "RSA"],
)
def test_key_of_another_kind_is_unusable(key) -> None:
    pem = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    with pytest.raises(KeyUnusable):
        verifying_key(pem.decode())


class Peer:
    """The other program's keys and message."""

    def __init__(self, public=None, private=None) -> None:
        self.public, self.private = public, private

    def resolve_public_key(self, key_id):
        return self.public

    def resolve_private_key(self, key_id):
        return self.private


def peer_request(message: HttpRequest) -> SimpleNamespace:
    host = message.authority.lower().removesuffix(":443")
    return SimpleNamespace(
        method=message.method, url=f"https://{host}{message.path}", headers=dict(message.fields)
    )


def test_independent_program_accepts_what_we_sign() -> None:
    made = signed(created=datetime.now(UTC))
    verifier = peer.HTTPMessageVerifier(
        signature_algorithm=peer.algorithms.ED25519, key_resolver=Peer(public=RFC_PUBLIC.encode())
    )
    (result,) = verifier.verify(peer_request(made), expect_tag="test", body=BODY)
    assert (result.nonce, result.body) == ("nonce-0001", BODY)


def test_independent_program_accepts_our_reply_bound_to_its_request() -> None:
    asked = signed(created=datetime.now(UTC))
    fields = {"content-digest": content_digest(b"{}")}
    reply = HttpResponse(status=200, fields=fields, request=asked)
    signature = sign(
        reply,
        components=REPLY_COVERED,
        signer=SIGNER,
        key_id="ours",
        created=datetime.now(UTC),
        tag="reply",
    )
    verifier = peer.HTTPMessageVerifier(
        signature_algorithm=peer.algorithms.ED25519, key_resolver=Peer(public=RFC_PUBLIC.encode())
    )
    heard = SimpleNamespace(status_code=200, headers=fields | signature, request=peer_request(asked))
    (result,) = verifier.verify(heard, expect_tag="reply", require_components=REPLY_COVERED, body=b"{}")
    assert result.body == b"{}"


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa-p256-sha256"])
def test_what_an_independent_program_signs_is_accepted(kind: str) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    is_ed25519 = kind == "ed25519"
    algorithm = peer.algorithms.ED25519 if is_ed25519 else peer.algorithms.ECDSA_P256_SHA256
    signer = peer.HTTPMessageSigner(
        signature_algorithm=algorithm,
        key_resolver=Peer(private=RFC_PRIVATE.encode() if is_ed25519 else key),
    )
    message = request()
    sent = peer_request(message)
    signer.sign(
        sent,
        key_id="k",
        created=NOW,
        nonce="nonce-0001",
        tag="test",
        covered_component_ids=[name.strip('"') for name in COVERED],
        use_existing_digest=True,
    )
    fields = {name.lower(): value for name, value in sent.headers.items()}
    keys = {"k": verifying_key(RFC_PUBLIC if is_ed25519 else public.decode())}
    heard = replace(message, fields=fields)
    assert verify(heard, BODY, keys=keys, demand=DEMAND, now=NOW).key_id == "k"


def test_p256_signature_in_another_form_is_refused() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    ours = verifying_key(public.decode())
    der = key.sign(b"message", ec.ECDSA(hashes.SHA256()))
    r, s = decode_dss_signature(der)
    plain = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    assert ours.verify(b"message", plain)
    assert not ours.verify(b"message", der)
    assert not ours.verify(b"messagf", plain)
    assert not ours.verify(b"message", bytes(64))


def test_openssl_verifies_what_we_sign(tmp_path: Path) -> None:
    message = signed()
    covered = read_dictionary(message.fields["signature-input"])["payclear"]
    assert isinstance(covered, InnerList)
    (tmp_path / "base").write_bytes(signature_base(message, covered))
    signature = message.fields["signature"].removeprefix("payclear=:").removesuffix(":")
    (tmp_path / "signature").write_bytes(base64.b64decode(signature))
    (tmp_path / "key.pem").write_text(RFC_PUBLIC)
    subprocess.run(
        [
            "openssl",
            "pkeyutl",
            "-verify",
            "-rawin",
            "-pubin",
            "-inkey",
            "key.pem",
            "-in",
            "base",
            "-sigfile",
            "signature",
        ],
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
