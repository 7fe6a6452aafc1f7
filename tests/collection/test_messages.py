"""The address that banks call: what is forged changes nothing but a counter, what is ours to mend comes back as try_again."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from payclear.collection.service import receive
from payclear.contract.messages import InboundRequest
from payclear.orders.domain import OrderState
from payclear.sealing.service import open_raw
from payclear.security.http_signatures import content_digest
from payclear.security.signatures import Ed25519Signer
from payclear.security.structured_fields import read_dictionary
from tests.collection.bank import Bank
from tests.collection.test_payments import everything, rows
from tests.scenes import Scene

Message = tuple[bytes, dict[str, str]]


def paying(bank: Bank, scene: Scene) -> Message:
    """A good message that pays, ready to be spoilt."""
    body = json.dumps(bank.payment(bank.bill(scene.fee().document_no))).encode()
    return body, bank.headers("payments", body)


def rejected(scene: Scene) -> list[tuple[Any, ...]]:
    return rows(scene, "SELECT provider_account, reason, count FROM collection_rejection")


def without_counter(counts: dict[str, int]) -> dict[str, int]:
    return {name: number for name, number in counts.items() if name != "collection_rejection"}


def other_body(message: Message) -> Message:
    body, headers = message
    body = body.replace(b"200000", b"100000")
    return body, headers


def other_body_and_digest(message: Message) -> Message:
    body, headers = other_body(message)
    return body, headers | {"content-digest": content_digest(body)}


def no_signature(message: Message) -> Message:
    body, headers = message
    return body, {name: value for name, value in headers.items() if "signature" not in name}


def other_nonce(message: Message) -> Message:
    body, headers = message
    return body, headers | {"signature-input": headers["signature-input"].replace("nonce-", "nonce_")}


@pytest.mark.parametrize("spoil", [other_body, other_body_and_digest, no_signature, other_nonce])
def test_forged_message_changes_nothing_but_a_counter(
    bank: Bank, scene: Scene, client: FlaskClient, spoil: Callable[[Message], Message]
) -> None:
    message = paying(bank, scene)
    before = everything(scene)
    body, headers = spoil(message)
    answer = client.post(bank.path("payments"), data=body, headers=headers)
    assert (answer.status_code, answer.get_json()["code"]) == (401, "signature_invalid")
    assert answer.mimetype == "application/problem+json"
    assert without_counter(everything(scene)) == without_counter(before)
    assert rejected(scene) == [("collection-demo", "signature_invalid", 1)]
    assert rows(scene, "SELECT count(*) FROM collection_message") == [(0,)]


def test_message_for_one_operation_is_none_for_another(bank: Bank, scene: Scene, client: FlaskClient) -> None:
    body, headers = paying(bank, scene)
    for operation in ("/payments/reverse", "/bills/inquire", "", "/payments/"):
        answer = client.post(f"/collection/collection-demo{operation}", data=body, headers=headers)
        assert answer.status_code == 401


def test_message_of_another_account_is_none_of_this_one(
    bank: Bank, scene: Scene, client: FlaskClient
) -> None:
    body, headers = paying(bank, scene)
    for account in ("vnpay-demo", "nobody"):
        answer = client.post(f"/collection/{account}/payments", data=body, headers=headers)
        assert (answer.status_code, answer.get_json()["code"]) == (404, "unknown_collection_account")


def test_message_that_is_too_old_is_refused(bank: Bank, scene: Scene, client: FlaskClient) -> None:
    body, headers = paying(bank, scene)
    scene.runtime.clock.advance(timedelta(seconds=301))
    answer = client.post(bank.path("payments"), data=body, headers=headers)
    assert answer.status_code == 401


def test_host_without_a_name_is_no_fault_of_ours(bank: Bank, scene: Scene, client: FlaskClient) -> None:
    body, headers = paying(bank, scene)
    answer = client.post(bank.path("payments"), data=body, headers=headers | {"host": ":443"})
    assert (answer.status_code, answer.get_json()["code"]) == (401, "signature_invalid")
    assert rejected(scene) == [("collection-demo", "signature_invalid", 1)]


def test_key_of_another_bank_is_refused(bank: Bank, scene: Scene, client: FlaskClient) -> None:
    bank.signer = Ed25519Signer.generate()
    body = b'{"message_id":"1","document_no":"x"}'
    answer = client.post(bank.path("bills/inquire"), data=body, headers=bank.headers("bills/inquire", body))
    assert answer.status_code == 401


@pytest.mark.parametrize(
    "changes",
    [
        {"amount": 200_000.0},
        {"amount": "200000"},
        {"amount": True},
        {"amount": 0},
        {"amount": -200_000},
        {"amount": 10**16},
        {"amount": None},
        {"currency": "USD"},
        {"bill_id": "x"},
        {"bank_ref": ""},
        {"bank_ref": "FT 1"},
        {"bank_ref": "x" * 65},
        {"channel": "COUNTER"},
        {"instrument": ["CASH"]},
        {"paid_at": "2026-11-21 10:30:00"},
        {"paid_at": "2026-11-21T10:30:00"},
        {"paid_at": "2026-02-30T10:30:00Z"},
        {"paid_at": "2026-11-21T03:36:00Z"},
        {"paid_at": "2025-10-16T03:30:00Z"},
        {"paid_at": "0001-01-01T00:00:00Z"},
        {"money_moved": "yes"},
        {"document_no": "\n"},
        {"unknown": 1},
    ],
    ids=str,
)
def test_unreadable_payment_is_malformed_and_counted(
    bank: Bank, scene: Scene, changes: dict[str, Any]
) -> None:
    bill = bank.bill(scene.fee().document_no)
    before = everything(scene)
    heard = bank.pay(bill, **changes)
    assert (heard.status, heard.word) == (400, "malformed")
    assert without_counter(everything(scene)) == without_counter(before)
    assert rejected(scene) == [("collection-demo", "callback_malformed", 1)]


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{", b'{"amount":1e5}', b'{"a":1,"a":2}', b"\xff", b'"x"', b"null", b"[" * 5000]
)
def test_signed_nonsense_is_malformed(bank: Bank, app: Flask, body: bytes) -> None:
    heard = bank.send(app.test_client(), "payments", body, bank.headers("payments", body))
    assert (heard.status, heard.word) == (400, "malformed")


def test_amount_with_an_exponent_is_malformed(bank: Bank, scene: Scene, app: Flask) -> None:
    body, _ = paying(bank, scene)
    body = body.replace(b"200000", b"2e5")
    heard = bank.send(app.test_client(), "payments", body, bank.headers("payments", body))
    assert (heard.status, heard.word) == (400, "malformed")


def test_query_string_and_compression_are_refused(bank: Bank, scene: Scene, client: FlaskClient) -> None:
    body, headers = paying(bank, scene)
    answer = client.post(bank.path("payments") + "?x=1", data=body, headers=headers)
    assert (answer.status_code, answer.get_json()["code"]) == (400, "malformed")
    answer = client.post(bank.path("payments"), data=body, headers=headers | {"content-encoding": "gzip"})
    assert answer.status_code == 415


@pytest.mark.parametrize("size", [20_000, 300_000])
def test_message_that_is_too_long_is_refused(bank: Bank, client: FlaskClient, size: int) -> None:
    body = b" " * size
    answer = client.post(bank.path("payments"), data=body, headers=bank.headers("payments", body))
    assert answer.status_code == (400 if size < 262_144 else 413)


@pytest.mark.parametrize("path", ["payments/đ", "%00", "a/b/c", "%E1%BB%87", "payments%0a"])
def test_odd_addresses_are_refused_and_never_our_fault(bank: Bank, client: FlaskClient, path: str) -> None:
    answer = client.post(f"/collection/collection-demo/{path}", data=b"{}")
    assert answer.status_code in (401, 404)


def test_get_is_not_taken(client: FlaskClient, scene: Scene) -> None:
    assert client.get("/collection/collection-demo/payments").status_code == 405


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(0, 10_000), other=st.integers(33, 126), part=st.sampled_from(["body", "headers"]))
def test_no_mutation_of_a_genuine_message_is_accepted(
    bank: Bank, scene: Scene, client: FlaskClient, place: int, other: int, part: str
) -> None:
    order = scene.order()
    body = json.dumps(bank.payment(bank.bill(order.payment_code), order.order_ref)).encode()
    headers = bank.headers("payments", body)
    if part == "body":
        at = place % len(body)
        changed = body[:at] + bytes([other]) + body[at + 1 :]
        is_same = changed == body
        answer = client.post(bank.path("payments"), data=changed, headers=headers)
    else:
        name = sorted(headers)[place % len(headers)]
        at = place % len(headers[name])
        value = headers[name][:at] + chr(other) + headers[name][at + 1 :]
        is_same = value == headers[name]
        answer = client.post(bank.path("payments"), data=body, headers=headers | {name: value})
    assert answer.status_code < 500
    if scene.reload(order.id).state is OrderState.PAID and not is_same:
        # A last character of base64 holds bits that mean nothing: another spelling of the very same signature.
        assert (part, name) == ("headers", "signature")
        assert read_dictionary(value) == read_dictionary(headers[name])


def test_question_is_answered_again_when_the_database_was_away(
    bank: Bank, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    fee = scene.fee()
    body = json.dumps({"message_id": "1", "document_no": fee.document_no}).encode()
    headers = bank.headers("bills/inquire", body) | {"host": "localhost"}
    request = InboundRequest(
        method="POST",
        path=bank.path("bills/inquire"),
        query_string=b"",
        headers=headers,
        body=body,
        received_at=scene.runtime.clock.now(),
    )

    def away(*args: Any, **options: Any) -> None:
        raise OSError("away")

    with monkeypatch.context() as patch:
        patch.setattr("payclear.collection.bills.inquire", away)
        assert receive(scene.runtime, bank.account, request).status == 503
    assert receive(scene.runtime, bank.account, request).status == 200


def test_kept_message_has_its_signature_and_no_cookie(bank: Bank, scene: Scene, client: FlaskClient) -> None:
    body, headers = paying(bank, scene)
    client.post(
        bank.path("payments"), data=body, headers=headers | {"cookie": "secret", "x-forwarded-for": "1"}
    )
    ((kept, sealed, message_id, day_on),) = rows(
        scene, "SELECT headers, body, id, sealed_on FROM collection_message"
    )
    cell = {"day_on": day_on, "table": "collection_message", "column": "body", "row": message_id}
    with scene.runtime.database.begin() as uow:
        assert open_raw(uow, scene.runtime.sealer, sealed, **cell) == body
    assert body not in bytes(sealed)
    assert kept.items() >= headers.items()
    assert not {"cookie", "x-forwarded-for"} & kept.keys()
