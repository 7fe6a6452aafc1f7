"""A bank that collects through the open API: it signs what it says and believes no reply that is not bound to it."""

import json
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from flask import Flask
from flask.testing import FlaskClient

from payclear.kernel.clock import Clock
from payclear.kernel.secret import Secret
from payclear.security.http_signatures import (
    Demand,
    HttpRequest,
    HttpResponse,
    content_digest,
    sign,
    verify,
    verifying_key,
)
from payclear.security.signatures import Ed25519Signer

ACCOUNT = "collection-demo"
HOST = "localhost"
# DEMO ONLY: the bank of config/test.toml, and the public half of our reply key there.
BANK_KEY = Secret(
    "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIERFTU8gT05MWTogY29sbGVjdGluZyBiYW5rIGtleSAx\n-----END PRIVATE KEY-----\n"
)
OUR_KEY = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAgRe+Byk6jxdepgXT015IC0StM1kX0eIAJc1Qo/e7njs=\n-----END PUBLIC KEY-----\n"
COVERS = ('"@method"', '"@authority"', '"@path"', '"content-digest"', '"content-type"')
REPLY_COVERS = (
    '"@status"',
    '"content-digest"',
    '"content-type"',
    '"@method";req',
    '"@authority";req',
    '"@path";req',
    '"content-digest";req',
    '"signature";req',
)
REPLY_DEMAND = Demand(components=frozenset(REPLY_COVERS), tag="payclear-collection-reply")


@dataclass(frozen=True, slots=True)
class Heard:
    """A reply whose signature was verified."""

    status: int
    body: dict[str, Any]

    @property
    def word(self) -> str:
        """The result, or the code of a refusal."""
        return self.body.get("result") or self.body["code"]


@dataclass(slots=True)
class Bank:
    """One bank with its key; each message gets a new nonce."""

    app: Flask
    clock: Clock
    account: str = ACCOUNT
    signer: Ed25519Signer = field(default_factory=lambda: Ed25519Signer.from_pem(BANK_KEY))
    key_id: str = "bank-demo-1"
    covers: tuple[str, ...] = COVERS
    numbers: count = field(default_factory=lambda: count(1))

    def say(self, operation: str, message: dict[str, Any]) -> Heard:
        """Send a message and believe only a reply that is signed for it."""
        body = json.dumps(message).encode()
        headers = self.headers(operation, body)
        return self.send(self.app.test_client(), operation, body, headers)

    def headers(self, operation: str, body: bytes) -> dict[str, str]:
        """The headers that sign a message."""
        fields = {"content-type": "application/json", "content-digest": content_digest(body)}
        asked = HttpRequest(method="POST", authority=HOST, path=self.path(operation), fields=fields)
        return fields | sign(
            asked,
            components=self.covers,
            signer=self.signer,
            key_id=self.key_id,
            created=self.clock.now(),
            tag="payclear-collection",
            nonce=f"nonce-{next(self.numbers):04d}-{id(self)}",
        )

    def path(self, operation: str) -> str:
        """The address of an operation."""
        return f"/collection/{self.account}/{operation}"

    def send(self, client: FlaskClient, operation: str, body: bytes, headers: dict[str, str]) -> Heard:
        """Send prepared bytes, also twice; the reply must be signed for exactly them."""
        answer = client.post(self.path(operation), data=body, headers=headers)
        asked = HttpRequest(method="POST", authority=HOST, path=self.path(operation), fields=headers)
        fields = {name.lower(): value for name, value in answer.headers.items()}
        reply = HttpResponse(status=answer.status_code, fields=fields, request=asked)
        keys = {"payclear-demo-1": verifying_key(OUR_KEY)}
        verify(reply, answer.data, keys=keys, demand=REPLY_DEMAND, now=self.clock.now())
        return Heard(answer.status_code, json.loads(answer.data))

    def inquire(self, document_no: str) -> Heard:
        """Ask for a bill."""
        return self.say(
            "bills/inquire", {"message_id": f"INQ-{next(self.numbers)}", "document_no": document_no}
        )

    def bill(self, document_no: str) -> dict[str, Any]:
        """The one bill of a number."""
        heard = self.inquire(document_no)
        assert (heard.status, heard.word) == (200, "bill_found"), heard
        (bill,) = heard.body["bills"]
        return bill

    def payment(self, bill: dict[str, Any], bank_ref: str = "FT1", **changes: Any) -> dict[str, Any]:
        """The message that pays a bill; a change to None leaves the member out."""
        message = {
            "bank_ref": bank_ref,
            "bill_id": bill["bill_id"],
            "amount": bill["amount"],
            "currency": bill["currency"],
            "paid_at": self.clock.now().isoformat(timespec="seconds"),
            "channel": "COUNTER_BRANCH",
            "instrument": "CASH",
        }
        return {name: value for name, value in (message | changes).items() if value is not None}

    def pay(self, bill: dict[str, Any], bank_ref: str = "FT1", **changes: Any) -> Heard:
        """Pay a bill."""
        return self.say("payments", self.payment(bill, bank_ref, **changes))

    def reverse(self, original_ref: str, bank_ref: str = "RV1", **changes: Any) -> Heard:
        """Take a payment back."""
        message = {
            "bank_ref": bank_ref,
            "original_ref": original_ref,
            "amount": 200_000,
            "currency": "VND",
            "reversed_at": self.clock.now().isoformat(timespec="seconds"),
        }
        return self.say("payments/reverse", message | changes)

    def status(self, bank_ref: str) -> Heard:
        """Ask what became of a payment."""
        return self.say("payments/status", {"message_id": f"STS-{next(self.numbers)}", "bank_ref": bank_ref})
