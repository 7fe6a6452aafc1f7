"""HTTP message signatures (RFC 9421) and Content-Digest (RFC 9530): one signature a message, strict, both directions.

Called by the adapter of our collection API. A key verifies by its own algorithm only, never by what a message claims.
It must never look at a body before its digest, nor cover what the sender did not.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from payclear.kernel.errors import ErrorCategory, PayclearError
from payclear.security.keyring import KeyUnusable
from payclear.security.signatures import Ed25519Signer, Ed25519Verifier
from payclear.security.structured_fields import (
    BareItem,
    InnerList,
    Item,
    StructureInvalid,
    read_dictionary,
    write_inner_list,
    write_item,
)

SIGNATURE = "signature"
SIGNATURE_INPUT = "signature-input"
CONTENT_DIGEST = "content-digest"
TOLERANCE_S = 300
AHEAD_S = 60
ED25519 = "ed25519"
ECDSA_P256 = "ecdsa-p256-sha256"

_FIELD_NAME = re.compile(r"[a-z0-9!#$%&'*+\-.^_`|~]+")
_FIELD_VALUE = re.compile(r"[\x20-\x7e\t]*")
_DERIVED = frozenset({"@method", "@target-uri", "@authority", "@path", "@query", "@status"})
_PARAMETERS: Mapping[str, type] = {
    "created": int,
    "expires": int,
    "keyid": str,
    "nonce": str,
    "alg": str,
    "tag": str,
}
_DEFAULT_PORTS = {"https": ":443", "http": ":80"}
_P256_BYTES = 32


class HttpSignatureInvalid(PayclearError):
    """A message that is not proven to come whole and fresh from the owner of a known key."""

    code = "http_signature_invalid"
    category = ErrorCategory.UNAUTHENTICATED


class VerifyingKey(Protocol):
    """A public key with the one algorithm it verifies by."""

    @property
    def algorithm(self) -> str:
        """The algorithm's name in RFC 9421."""
        ...  # pragma: no cover

    def verify(self, message: bytes, signature: bytes) -> bool:
        """Whether the signature is the key owner's over the message."""
        ...  # pragma: no cover


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRequest:
    """What a signature of a request may cover; names of fields in small letters."""

    method: str
    authority: str  # the Host field as it came
    path: str
    query: str = ""  # without its question mark
    scheme: str = "https"
    fields: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpResponse:
    """What a signature of a response may cover; `;req` components come from the request it answers."""

    status: int
    fields: Mapping[str, str] = field(repr=False)
    request: HttpRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """What a signature must cover and say to be taken."""

    components: frozenset[str]  # in their canonical form: '"@method"', '"content-digest";req'
    tag: str
    nonce: re.Pattern[str] | None = None  # None: a nonce is not asked for
    tolerance_s: int = TOLERANCE_S
    ahead_s: int = AHEAD_S  # how far the signer's clock may be before ours


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What a good signature proves."""

    key_id: str
    created: int
    nonce: str


def verifying_key(pem: str) -> VerifyingKey:
    """Load a public key in PEM: Ed25519, or ECDSA on P-256; raises KeyUnusable."""
    try:
        key = serialization.load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise KeyUnusable("the public key cannot be read", reason="unreadable") from error
    if isinstance(key, Ed25519PublicKey):
        return _Ed25519Key(Ed25519Verifier(key))
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
        return _P256Key(key)
    raise KeyUnusable("neither an Ed25519 nor a P-256 public key", reason="wrong_kind")


def content_digest(body: bytes) -> str:
    """The Content-Digest of a body."""
    return "sha-256=:" + base64.b64encode(hashlib.sha256(body).digest()).decode("ascii") + ":"


def sign(
    message: HttpRequest | HttpResponse,
    *,
    components: Sequence[str],
    signer: Ed25519Signer,
    key_id: str,
    created: datetime,
    tag: str,
    nonce: str | None = None,
    label: str = "payclear",
) -> dict[str, str]:
    """The two fields that sign a message with Ed25519. `components` are in canonical form, as in `Demand`."""
    items = tuple(_component(text) for text in components)
    parameters: dict[str, BareItem] = {"created": int(created.timestamp()), "keyid": key_id}
    if nonce is not None:
        parameters["nonce"] = nonce
    parameters["tag"] = tag
    covered = InnerList(items, parameters)
    signature = signer.sign(signature_base(message, covered))
    return {
        SIGNATURE_INPUT: f"{label}={write_inner_list(covered)}",
        SIGNATURE: f"{label}=" + write_item(Item(signature)),
    }


def verify(
    message: HttpRequest | HttpResponse,
    body: bytes,
    *,
    keys: Mapping[str, VerifyingKey],
    demand: Demand,
    now: datetime,
) -> Proof:
    """Verify the one signature of a message and the digest of its body; raises HttpSignatureInvalid, nothing else."""
    try:
        covered, signature = _signature_of(message.fields)
        proof = _meets(covered, demand, now)
        key = keys.get(proof.key_id)
        if key is None:
            raise HttpSignatureInvalid("no such key", reason="key")
        if covered.parameters.get("alg", key.algorithm) != key.algorithm:
            raise HttpSignatureInvalid("not the key's algorithm", reason="algorithm")
        if not key.verify(signature_base(message, covered), signature):
            raise HttpSignatureInvalid("the signature does not hold", reason="signature")
        _require_digest(message.fields, body)
    except StructureInvalid as error:
        raise HttpSignatureInvalid("a field is not written as RFC 8941 says", reason="structure") from error
    return proof


def signature_base(message: HttpRequest | HttpResponse, covered: InnerList) -> bytes:
    """The bytes that are signed (RFC 9421, section 2.5)."""
    lines: dict[str, str] = {}
    for item in covered.items:
        name = write_item(item)
        if name in lines:
            raise HttpSignatureInvalid("a component is covered twice", reason="component")
        lines[name] = _value_of(message, item)
    lines['"@signature-params"'] = write_inner_list(covered)
    return "\n".join(f"{name}: {value}" for name, value in lines.items()).encode("ascii")


def covered_value(request: HttpRequest, name: str) -> str:
    """What a signature would cover of a request under a plain name; empty for what is missing or can not be covered."""
    try:
        return _value_of(request, Item(name))
    except HttpSignatureInvalid:
        return ""


def _component(text: str) -> Item:
    name, _, parameter = text.partition(";")
    return Item(name.strip('"'), {parameter: True} if parameter else {})


def _signature_of(fields: Mapping[str, str]) -> tuple[InnerList, bytes]:
    inputs = read_dictionary(fields.get(SIGNATURE_INPUT, ""))
    signatures = read_dictionary(fields.get(SIGNATURE, ""))
    if len(inputs) != 1 or inputs.keys() != signatures.keys():
        raise HttpSignatureInvalid("exactly one signature is taken", reason="labels")
    (covered,), (signature,) = inputs.values(), signatures.values()
    if not isinstance(covered, InnerList) or not isinstance(signature, Item) or signature.parameters:
        raise HttpSignatureInvalid("not a signature", reason="structure")
    if not isinstance(signature.value, bytes):
        raise HttpSignatureInvalid("a signature is bytes", reason="structure")
    return covered, signature.value


def _meets(covered: InnerList, demand: Demand, now: datetime) -> Proof:
    given = covered.parameters
    for name, value in given.items():
        if type(value) is not _PARAMETERS.get(name):
            raise HttpSignatureInvalid(
                "a parameter that is not known, or of another type", reason="parameter"
            )
    if given.get("tag") != demand.tag:
        raise HttpSignatureInvalid("signed for another purpose", reason="tag")
    if not demand.components <= {write_item(item) for item in covered.items}:
        raise HttpSignatureInvalid("the signature leaves something uncovered", reason="uncovered")
    key_id, nonce, created, expires = (given.get(name) for name in ("keyid", "nonce", "created", "expires"))
    if not isinstance(key_id, str) or not isinstance(created, int):
        raise HttpSignatureInvalid("keyid and created are needed", reason="parameter")
    nonce = nonce if isinstance(nonce, str) else ""
    if demand.nonce is not None and not demand.nonce.fullmatch(nonce):
        raise HttpSignatureInvalid("a nonce is needed", reason="nonce")
    if not -demand.ahead_s <= now.timestamp() - created <= demand.tolerance_s:
        raise HttpSignatureInvalid("signed too long ago, or in the future", reason="time")
    if isinstance(expires, int) and (expires < created or now.timestamp() >= expires):
        raise HttpSignatureInvalid("the signature's time is over", reason="time")
    return Proof(key_id=key_id, created=created, nonce=nonce)


def _require_digest(fields: Mapping[str, str], body: bytes) -> None:
    given = read_dictionary(fields.get(CONTENT_DIGEST, "")).get("sha-256")
    if not isinstance(given, Item) or not isinstance(given.value, bytes) or given.parameters:
        raise HttpSignatureInvalid("the digest is missing or odd", reason="digest")
    if not hmac.compare_digest(given.value, hashlib.sha256(body).digest()):
        raise HttpSignatureInvalid("not the digest of the body", reason="digest")


def _value_of(message: HttpRequest | HttpResponse, item: Item) -> str:
    name = item.value
    of_request = item.parameters.get("req") is True
    if not isinstance(name, str) or (item.parameters and not (of_request and len(item.parameters) == 1)):
        raise HttpSignatureInvalid("a component that is not known", reason="component")
    if isinstance(message, HttpResponse):
        if not of_request:
            return str(message.status) if name == "@status" else _field(message.fields, name)
        message = message.request
    elif of_request:
        raise HttpSignatureInvalid("a request answers no request", reason="component")
    return _derived(message, name) if name in _DERIVED else _field(message.fields, name)


def _derived(request: HttpRequest, name: str) -> str:
    if name == "@method":
        value = request.method
    elif name == "@authority":
        value = _authority(request)
    elif name == "@path":
        value = request.path or "/"
    elif name == "@query":
        value = "?" + request.query
    elif name == "@target-uri":
        query = "?" + request.query if request.query else ""
        value = f"{request.scheme}://{_authority(request)}{request.path or '/'}{query}"
    else:
        raise HttpSignatureInvalid("a request has no status", reason="component")
    if not value or not _FIELD_VALUE.fullmatch(value):
        raise HttpSignatureInvalid(f"{name} can not be covered", reason="component")
    return value


def _authority(request: HttpRequest) -> str:
    return request.authority.strip().lower().removesuffix(_DEFAULT_PORTS.get(request.scheme, ""))


def _field(fields: Mapping[str, str], name: str) -> str:
    if not _FIELD_NAME.fullmatch(name) or name not in fields:
        raise HttpSignatureInvalid("a component that the message does not have", reason="component")
    value = fields[name].strip(" \t")
    if not _FIELD_VALUE.fullmatch(value):
        raise HttpSignatureInvalid("a field that can not be covered", reason="component")
    return value


@dataclass(frozen=True, slots=True)
class _Ed25519Key:
    verifier: Ed25519Verifier
    algorithm: str = ED25519

    def verify(self, message: bytes, signature: bytes) -> bool:
        return self.verifier.verify(message, signature)


@dataclass(frozen=True, slots=True)
class _P256Key:
    """RFC 9421 writes the signature as r and s, 32 bytes each."""

    key: ec.EllipticCurvePublicKey
    algorithm: str = ECDSA_P256

    def verify(self, message: bytes, signature: bytes) -> bool:
        if len(signature) != 2 * _P256_BYTES:
            return False
        r, s = (int.from_bytes(half, "big") for half in (signature[:_P256_BYTES], signature[_P256_BYTES:]))
        try:
            self.key.verify(encode_dss_signature(r, s), message, ec.ECDSA(hashes.SHA256()))
        except InvalidSignature:
            return False
        return True
