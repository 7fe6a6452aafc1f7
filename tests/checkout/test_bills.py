"""Only a provider that prints the state's receipt learns who pays; the trail says that it did, and the offence stays here."""

import json
import logging
from dataclasses import replace

import pytest

from payclear.checkout.service import start
from payclear.contract.messages import Bill
from payclear.kernel.money import sum_money
from payclear.orders.bills import bill_for
from payclear.orders.records import OrderView
from payclear.runtime import Runtime
from tests.checkout.fakes import ToldProvider
from tests.scenes import Scene

NAME, ID_NO = "NGUYỄN VĂN MẪU", "000000000001"


def bill_of(runtime: Runtime, told: ToldProvider, order: OrderView) -> Bill | None:
    start(
        runtime, order.pay_token, "a", payer_ip="203.0.113.7", public_url="https://pay.example", locale="vi"
    )
    return told.requests[-1].bill


def trail(runtime: Runtime) -> list[tuple]:
    with runtime.database.begin() as uow:
        return uow.run(
            "SELECT object_id, facts::text FROM audit_entry WHERE action = 'personal_data.disclosed'"
        ).fetchall()


@pytest.fixture
def receipts(told: ToldProvider) -> ToldProvider:
    told.manifest = replace(told.manifest, needs_bill=True)
    return told


def test_provider_that_prints_no_receipt_learns_nobodys_name(
    pay_runtime: Runtime, pay_scene: Scene, told: ToldProvider
) -> None:
    assert bill_of(pay_runtime, told, pay_scene.order()) is None
    assert trail(pay_runtime) == []


def test_bill_of_a_fee_says_who_pays_what_to_whom(
    pay_runtime: Runtime, pay_scene: Scene, receipts: ToldProvider
) -> None:
    order = pay_scene.order(pay_scene.fee(150_000, 50_000))
    bill = bill_of(pay_runtime, receipts, order)
    assert bill is not None
    assert (bill.kind, bill.payer_name, bill.payer_id_no) == ("fee", NAME, ID_NO)
    assert (bill.document_no, bill.agency_code) == (order.documents[0].document_no, "H00.14")
    assert (bill.procedure_code, bill.violator_name) == ("1.009999", "")
    assert [(line.kind, line.amount.amount) for line in bill.lines] == [
        ("fee_phi", 150_000),
        ("fee_phi", 50_000),
    ]
    assert bill.beneficiary_account
    assert bill.beneficiary_name


def test_bill_of_a_late_fine_has_the_surcharge_and_not_the_offence(
    pay_runtime: Runtime, pay_scene: Scene, receipts: ToldProvider
) -> None:
    order = pay_scene.order(pay_scene.fine(1_000_000))
    bill = bill_of(pay_runtime, receipts, order)
    assert bill is not None
    assert (bill.kind, bill.violator_name, bill.document_on) == ("fine", NAME, order.documents[0].document_on)
    assert [line.kind for line in bill.lines] == ["fine", "late_surcharge"]
    assert sum_money(line.amount for line in bill.lines) == order.amount
    assert (bill.fine_type_code, bill.fine_type_name, bill.violated_at, bill.violated_where) == ("",) * 4


def test_bill_of_a_fine_names_its_lines_by_their_kind_whatever_the_portal_wrote(
    pay_runtime: Runtime, pay_scene: Scene, receipts: ToldProvider
) -> None:
    order = pay_scene.order(pay_scene.fine(1_000_000))
    told = replace(order, lines=tuple(replace(line, name_vi="Không đội mũ bảo hiểm") for line in order.lines))
    with pay_runtime.database.begin() as uow:
        bill = bill_for(uow, told, pay_runtime.providers.get("a"), sealer=pay_runtime.sealer)
    assert bill is not None
    assert [line.name for line in bill.lines] == ["Tiền phạt vi phạm hành chính", "Tiền chậm nộp phạt"]


def test_disclosure_is_one_entry_that_names_the_receiver_and_nobody_else(
    pay_runtime: Runtime, pay_scene: Scene, receipts: ToldProvider, caplog: pytest.LogCaptureFixture
) -> None:
    order = pay_scene.order()
    with caplog.at_level(logging.DEBUG):
        bill_of(pay_runtime, receipts, order)
    ((about, facts),) = trail(pay_runtime)
    assert about == order.order_ref
    assert json.loads(facts) == {
        "provider_account": "a",
        "purpose": "state_receipt",
        "fields": ["obligor.name", "obligor.id_no"],
    }
    assert NAME not in caplog.text
    assert ID_NO not in caplog.text


def test_bill_is_no_part_of_a_printed_request(
    pay_runtime: Runtime, pay_scene: Scene, receipts: ToldProvider
) -> None:
    bill_of(pay_runtime, receipts, pay_scene.order())
    assert NAME not in repr(receipts.requests[-1])
