"""Notifications of several records through the real address: each is decided and answered by itself."""

import json
import logging
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from payclear.collection import payments
from payclear.kernel.clock import FixedClock
from payclear.kernel.payment_code import new_payment_code
from payclear.runtime import Runtime
from tests.providers.vietinbank.factories import OTHER_PRIVATE, PERSON, inquiry, notice, record
from tests.scenes import Scene

BANK_KEY = (Path(__file__).parents[3] / "examples/bank/vietinbank-demo-bank.pem").read_text("ascii")


class Bank:
    """Asks and notifies at the demonstration account."""

    def __init__(self, app: Flask) -> None:
        self.app = app

    def send(self, body: bytes) -> dict[str, Any]:
        answer = self.app.test_client().post(
            "/collection/vietinbank-demo", data=body, content_type="application/json"
        )
        assert answer.status_code == 200
        return json.loads(answer.get_data())

    def bill(self, document: str) -> str:
        reply = self.send(inquiry(private=BANK_KEY, custCode=document))
        return reply["data"]["details"]["billId"]

    def told(self, number: int, document: str, bill_id: str, **changes: Any) -> dict[str, Any]:
        fields = {"transId": f"2026112100{number:04d}", "custCode": document, "custAcct": "112000000001"}
        fields |= {"billId": bill_id, "amount": "150000", "balance": "150000", "transTime": "20261121102900"}
        return record(**(fields | changes))

    def notify(self, *records: dict[str, Any]) -> dict[str, Any]:
        return self.send(notice(*records, private=BANK_KEY))


def codes(reply: dict[str, Any]) -> list[str]:
    return [each["status"]["code"] for each in reply["data"]["records"]]


def states(runtime: Runtime) -> list[str]:
    with runtime.database.begin() as uow:
        return [state for (state,) in uow.run("SELECT state FROM payment_order ORDER BY created_at, id")]


@pytest.fixture
def bank(app: Flask, clock: FixedClock) -> Bank:
    return Bank(app)


def test_records_beside_one_that_can_not_be_read_are_paid(bank: Bank, scene: Scene, runtime: Runtime) -> None:
    one, other = scene.fee(150_000), scene.fee(150_000)
    first = bank.told(1, one.document_no, bank.bill(one.document_no))
    odd = bank.told(2, one.document_no, new_payment_code(), transType="X")
    second = bank.told(3, other.document_no, bank.bill(other.document_no))
    reply = bank.notify(first, odd, second)
    assert codes(reply) == ["00", "99", "00"]
    assert reply["data"]["errors"]["errorCode"] == "99"
    assert states(runtime) == ["paid", "paid"]
    assert codes(bank.notify(first, odd, second)) == ["00", "99", "00"]
    assert states(runtime) == ["paid", "paid"]


def test_record_that_fails_here_does_not_lose_the_others_and_may_come_again(
    bank: Bank, scene: Scene, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = scene.fee(150_000), scene.fee(150_000)
    told = [
        bank.told(number, owed.document_no, bank.bill(owed.document_no))
        for number, owed in ((1, one), (2, other))
    ]
    sound, failed = payments.pay, told[0]["transId"]

    def pay(uow, line, call, **more):
        if call.bank_ref == failed:
            raise RuntimeError("the database is gone")
        return sound(uow, line, call, **more)

    with monkeypatch.context() as broken:
        broken.setattr(payments, "pay", pay)
        assert codes(bank.notify(*told)) == ["99", "00"]
    assert states(runtime) == ["paid"]
    assert codes(bank.notify(*told)) == ["00", "00"]
    assert states(runtime) == ["paid", "paid"]


def test_logs_name_no_payer_account_or_key_whatever_becomes_of_the_message(
    bank: Bank,
    scene: Scene,
    runtime: Runtime,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    owed = scene.fee(150_000)
    told = bank.told(1, owed.document_no, bank.bill(owed.document_no), remark="CANARY REMARK")

    def gone(*args: Any, **more: Any) -> None:
        raise RuntimeError("the database is gone")

    with caplog.at_level(logging.DEBUG):
        bank.send(notice(told, private=OTHER_PRIVATE))
        bank.send(b"{}")
        with monkeypatch.context() as broken:
            broken.setattr(payments, "pay", gone)
            bank.notify(told)
        assert codes(bank.notify(told)) == ["00"]
    written = caplog.text + "".join(str(vars(each)) for each in caplog.records)
    assert {"collection.rejected", "collection.not_applied", "collection.answered"} <= set(caplog.messages)
    for canary in (PERSON, "NGUYEN V.", "101870000001", "112000000001", "CANARY", "BEGIN", "CTG2026"):
        assert canary not in written


def test_same_payment_twice_in_one_message_is_one(bank: Bank, scene: Scene, runtime: Runtime) -> None:
    owed = scene.fee(150_000)
    told = bank.told(1, owed.document_no, bank.bill(owed.document_no))
    assert codes(bank.notify(told, told)) == ["00", "00"]
    with runtime.database.begin() as uow:
        assert uow.one("SELECT count(*) FROM journal_entry")[0] == 1


def test_payment_and_its_reversal_in_one_message_leave_the_fee_owed(
    bank: Bank, scene: Scene, runtime: Runtime
) -> None:
    owed = scene.fee(150_000)
    paid = bank.told(1, owed.document_no, bank.bill(owed.document_no))
    back = paid | {"transId": "20261121000009", "originalId": paid["transId"], "transType": "D"}
    assert codes(bank.notify(paid, back)) == ["00", "00"]
    assert states(runtime) == ["reversed"]
    assert bank.bill(owed.document_no)


def test_message_beyond_the_limit_is_refused_before_it_is_read(bank: Bank) -> None:
    answer = bank.app.test_client().post("/collection/vietinbank-demo", data=b"9" * 10_000_000)
    assert answer.status_code == 413


def test_reversal_that_overtakes_its_payment_leaves_the_fee_owed(
    bank: Bank, scene: Scene, runtime: Runtime
) -> None:
    owed = scene.fee(150_000)
    paid = bank.told(1, owed.document_no, bank.bill(owed.document_no))
    back = paid | {"transId": "20261121000009", "originalId": paid["transId"], "transType": "D"}
    assert codes(bank.notify(back)) == ["02"]
    assert codes(bank.notify(paid)) == ["03"]
    assert states(runtime) == []


def test_transfer_to_the_virtual_account_of_a_payment_code_needs_no_bill(
    bank: Bank, scene: Scene, runtime: Runtime
) -> None:
    code = scene.order(amount=150_000).payment_code
    told = bank.told(1, code, "", custAcct=f"9639{code}")
    assert codes(bank.notify(told)) == ["00"]
    assert states(runtime) == ["paid"]


def test_unsigned_bill_of_another_order_turns_no_payment_to_it(
    bank: Bank, scene: Scene, runtime: Runtime
) -> None:
    mine, other = scene.fee(150_000), scene.order(amount=150_000)
    assert codes(bank.notify(bank.told(1, mine.document_no, other.payment_code))) == ["00"]
    assert states(runtime) == ["open"]
