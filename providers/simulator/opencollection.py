"""A bank that uses our open collection API: JSON, HTTP message signatures (RFC 9421) by code of its own, the day file.

The bank waits for our word, and asks what became of a payment when an answer is lost. Keys are public: DEMO ONLY.
"""

import base64
import hashlib
import json
import re
import secrets
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, ClassVar
from urllib.parse import urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from providers.simulator.bank import UNKNOWN, Bank, Bill, Deposit, Heard, Reply
from providers.simulator.protocol import OutboundCall
from providers.simulator.truth import LOCAL

_COVERED = ("@method", "@authority", "@path", "content-digest", "content-type")
_REPLY_COVERED = {
    '"@status"',
    '"content-digest"',
    '"content-type"',
    '"@method";req',
    '"@authority";req',
    '"@path";req',
    '"content-digest";req',
    '"signature";req',
}
_INPUT = re.compile(r"([a-z][a-z0-9_.*-]*)=(\(([^()]*)\)((?:;[a-z]+=(?:[0-9]+|\"[^\"\\]*\"))*))")
_BANK_KEY = """\
-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIERFTU8gT05MWTogY29sbGVjdGluZyBiYW5rIGtleSAx
-----END PRIVATE KEY-----
"""
_BILLER_KEY = """\
-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAgRe+Byk6jxdepgXT015IC0StM1kX0eIAJc1Qo/e7njs=
-----END PUBLIC KEY-----
"""


class OpenCollection(Bank):
    """One bank that speaks our API."""

    name = "opencollection"
    title_vi = "Ngân hàng thu hộ (API mở)"
    title_en = "Collecting bank (open API)"
    demo: ClassVar[Mapping[str, str]] = {
        "biller_id": "DEMO",
        "key_id": "bank-demo-1",
        "bank_key": _BANK_KEY,
        "biller_key_id": "payclear-demo-1",
        "biller_key": _BILLER_KEY,
        "statement_key": "DEMO-ONLY-COLLECTION-STATEMENT-KEY-0001",
    }
    operations = ("inquire", "pay", "reverse", "status")
    demo_account = "collection-demo"

    def new_bank_ref(self) -> str:
        """As core banking systems write them."""
        return f"FT{self.engine.clock.now().astimezone(LOCAL):%y%j}{self.engine.truth.next_number()}"

    def inquire_call(self, document: str, *, key: str = "") -> OutboundCall:
        """POST /bills/inquire."""
        return self._call("/bills/inquire", {"message_id": self._message_id(), "document_no": document}, key)

    def pay_call(self, deposit: Deposit, *, key: str = "") -> OutboundCall:
        """POST /payments."""
        body = {
            "bank_ref": deposit.bank_ref,
            "bill_id": deposit.bill_id,
            "document_no": deposit.document_no,
            "amount": deposit.amount,
            "currency": "VND",
            "paid_at": deposit.at.astimezone(LOCAL).isoformat(),
            "channel": deposit.channel,
            "instrument": deposit.instrument,
            "money_moved": False,
        }
        return self._call("/payments", body, key)

    def reverse_call(self, deposit: Deposit, *, key: str = "") -> OutboundCall:
        """POST /payments/reverse."""
        body = {
            "bank_ref": deposit.bank_ref,
            "original_ref": deposit.original_ref,
            "amount": deposit.amount,
            "currency": "VND",
            "reversed_at": deposit.at.astimezone(LOCAL).isoformat(),
            "money_moved": False,
        }
        return self._call("/payments/reverse", body, key)

    def status_call(self, bank_ref: str, *, key: str = "") -> OutboundCall:
        """POST /payments/status."""
        return self._call("/payments/status", {"message_id": self._message_id(), "bank_ref": bank_ref}, key)

    def read(self, operation: str, call: OutboundCall, reply: Reply) -> Heard:
        """A reply counts only when its digest and signature hold and it answers this very message."""
        try:
            told = json.loads(reply.body)
            code = str(told.get("result") or told.get("code") or "")
            signed = self._holds(call, reply)
        except (ValueError, KeyError, TypeError, AttributeError):
            return UNKNOWN
        if not signed:
            return Heard(says="unknown", code=code, signed=False)
        if reply.status == 200:
            bills = [_bill(bill) for bill in told.get("bills", ())]
            return Heard(says="taken", code=code, bills=bills, signed=True, reply=told)
        says = "refused" if reply.status in (400, 401, 404, 409, 422) else "unknown"
        return Heard(says=says, code=code, signed=True, reply=told)

    def wrong_key(self) -> str:
        """A sound Ed25519 key of nobody."""
        return _stranger()

    def _message_id(self) -> str:
        return f"MSG-{self.engine.truth.next_number()}"

    def _call(self, path: str, fields: Mapping[str, Any], key: str) -> OutboundCall:
        url = self.address(path)
        body = json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
        headers = {"content-type": "application/json", "content-digest": _digest(body)}
        values = {**_request_values(url), **headers}
        params = (
            "(" + " ".join(f'"{name}"' for name in _COVERED) + ")"
            f';created={int(self.engine.now_s())};keyid="{self.own("key_id")}"'
            f';nonce="{secrets.token_urlsafe(12)}";tag="payclear-collection"'
        )
        lines = [f'"{name}": {values[name]}' for name in _COVERED]
        base = "\n".join([*lines, f'"@signature-params": {params}']).encode("utf-8")
        signature = _private(key or self.own("bank_key")).sign(base)
        headers["signature-input"] = f"bank={params}"
        headers["signature"] = f"bank=:{base64.b64encode(signature).decode('ascii')}:"
        return OutboundCall(method="POST", url=url, headers=headers, body=body)

    def _holds(self, call: OutboundCall, reply: Reply) -> bool:
        match = _INPUT.fullmatch(reply.headers.get("signature-input", ""))
        if match is None or reply.headers.get("content-digest") != _digest(reply.body):
            return False
        label, params, covered, tail = match.groups()
        names = covered.split()
        known = dict(pair.split("=", 1) for pair in tail.split(";") if pair)
        if not set(names) >= _REPLY_COVERED or len(names) != len(set(names)):
            return False
        if known.get("keyid") != f'"{self.own("biller_key_id")}"':
            return False
        if known.get("tag") != '"payclear-collection-reply"':
            return False
        if abs(int(known.get("created", "0")) - self.engine.now_s()) > 300:
            return False
        asked = {**_request_values(call.url), **call.headers}
        answered = {"@status": str(reply.status), **reply.headers}
        lines = []
        for name in names:
            bare, _, of_request = name.partition(";")
            source = asked if of_request == "req" else answered
            lines.append(f"{name}: {source[bare.strip(chr(34))]}")
        base = "\n".join([*lines, f'"@signature-params": {params}']).encode("utf-8")
        given = re.fullmatch(rf"{re.escape(label)}=:([A-Za-z0-9+/=]+):", reply.headers.get("signature", ""))
        if given is None:
            return False
        try:
            _public(self.own("biller_key")).verify(base64.b64decode(given.group(1), validate=True), base)
        except (InvalidSignature, ValueError):
            return False
        return True


def _request_values(url: str) -> dict[str, str]:
    parts = urlsplit(url)
    usual = {"https": ":443", "http": ":80"}[parts.scheme]
    return {
        "@method": "POST",
        "@authority": parts.netloc.lower().removesuffix(usual),
        "@path": parts.path,
    }


def _digest(body: bytes) -> str:
    return f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode('ascii')}:"


def _bill(shown: Mapping[str, Any]) -> Bill:
    return Bill(
        bill_id=shown["bill_id"],
        document_no=shown["document_no"],
        amount=shown["amount"],
        payer_name=shown["payer_name"],
    )


@lru_cache(maxsize=8)
def _private(pem: str) -> Ed25519PrivateKey:
    key = serialization.load_pem_private_key(pem.encode("ascii"), password=None)
    if not isinstance(key, Ed25519PrivateKey):
        raise TypeError("no Ed25519 key")
    return key


@lru_cache(maxsize=8)
def _public(pem: str) -> Ed25519PublicKey:
    key = serialization.load_pem_public_key(pem.encode("ascii"))
    if not isinstance(key, Ed25519PublicKey):
        raise TypeError("no Ed25519 key")
    return key


@lru_cache(maxsize=1)
def _stranger() -> str:
    pem = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return pem.decode("ascii")


PROTOCOL = OpenCollection
