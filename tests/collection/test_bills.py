"""What a bank is shown when it asks: by which numbers, how much, until when, and what it is not told."""

from datetime import date, datetime, timedelta

import pytest

from payclear.collection.domain import masked_name, reversible_until
from payclear.contract.outcomes import EvidenceSource
from payclear.i18n.memos import strip_accents
from payclear.i18n.texts import has_text
from payclear.kernel.clock import VIETNAM
from payclear.kernel.money import Money
from payclear.kernel.payment_code import display, new_payment_code
from payclear.obligations.domain import Line, LineType, ObligationKind, ServedMethod
from payclear.obligations.obligors import ObligorFacts
from payclear.obligations.records import FineDocument, ObligationView, RegisterObligation
from payclear.obligations.service import register
from payclear.orders.service import cancel_order, expire_order
from tests.collection.bank import Bank
from tests.scenes import SANDBOX, Scene


def rows(scene: Scene, table: str) -> int:
    with scene.runtime.database.begin() as uow:
        return uow.run(f"SELECT count(*) FROM {table}").fetchone()[0]


def fine_of_the_same_number(scene: Scene, fee: ObligationView) -> None:
    """A decision of the police that bears the number of a dossier."""
    today = date(2026, 11, 21)
    command = RegisterObligation(
        portal_code=scene.portal_code,
        agency_code=scene.agency_code,
        document=FineDocument(
            decision_no=fee.document_no,
            decided_on=today,
            served_on=today,
            served_method=ServedMethod.HANDED,
            surcharge_beneficiary_account="TK-CHAMNOP",
            surcharge_chapter="000",
            surcharge_sub_item="0000",
        ),
        obligor=ObligorFacts(name="TRẦN THỊ MẪU"),
        lines=(
            Line(
                type=LineType.FINE,
                name_vi="Tiền phạt",
                amount=Money(1_000_000),
                beneficiary_account="TK-PHAT",
                chapter="000",
                sub_item="0000",
            ),
        ),
    )
    with scene.runtime.database.begin() as uow:
        register(uow, command, sealer=scene.runtime.sealer, index=scene.runtime.blind_index)
        uow.commit()


def test_unknown_number_is_not_found(bank: Bank) -> None:
    for number in ("H00.14-261121-9999", "0000001/QĐ-XPHC", new_payment_code(), "x", "%", "'; --"):
        assert (bank.inquire(number).status, bank.inquire(number).word) == (404, "not_found")


def test_inquiry_makes_no_order_and_blocks_nobody(bank: Bank, scene: Scene) -> None:
    fee = scene.fee()
    bank.bill(fee.document_no)
    assert rows(scene, "payment_order") == 0
    scene.order(fee)


def test_dossier_is_shown_without_what_a_teller_need_not_know(bank: Bank, scene: Scene) -> None:
    fee = scene.fee()
    bill = bank.bill(fee.document_no)
    assert bill | {"bill_id": "", "valid_until": ""} == {
        "bill_id": "",
        "document_no": fee.document_no,
        "payer_name": "NGUYEN V. M.",
        "description": f"Phí, lệ phí hồ sơ {fee.document_no}",
        "amount": 200_000,
        "currency": "VND",
        "valid_until": "",
    }


@pytest.mark.parametrize("write", [str.lower, lambda text: text.replace("Đ", "D"), lambda text: f" {text} "])
def test_decision_is_found_however_its_number_is_typed(bank: Bank, scene: Scene, write) -> None:
    fine = scene.fine()
    bill = bank.bill(write(fine.document_no))
    assert (bill["document_no"], bill["amount"]) == (fine.document_no, 1_005_000 - 500)


def test_bill_of_a_fine_holds_until_midnight_in_viet_nam(bank: Bank, scene: Scene) -> None:
    fine, fee = scene.fine(), scene.fee()
    assert bank.bill(fine.document_no)["valid_until"] == "2026-11-21T17:00:00Z"
    assert bank.bill(fee.document_no)["valid_until"] == "2026-11-22T03:30:00Z"


def test_asking_again_on_the_same_day_hands_out_the_same_bill(bank: Bank, scene: Scene) -> None:
    fine = scene.fine()
    first = bank.bill(fine.document_no)
    assert bank.bill(fine.document_no) == first
    assert bank.bill(first["bill_id"]) == first
    scene.runtime.clock.advance(timedelta(days=1))
    later = bank.bill(fine.document_no)
    assert later["bill_id"] != first["bill_id"]
    assert later["amount"] > first["amount"]


@pytest.mark.parametrize("write", [str, display, lambda code: f"{code[:5]}-{code[5:]}"])
def test_order_is_found_by_its_payment_code(bank: Bank, scene: Scene, write) -> None:
    order = scene.order()
    bill = bank.bill(write(order.payment_code))
    assert (bill["bill_id"], bill["amount"]) == (order.payment_code, 200_000)
    assert rows(scene, "payment_order") == 1


def test_document_in_an_open_order_shows_the_bill_of_that_order(bank: Bank, scene: Scene) -> None:
    fee, fine = scene.fee(), scene.fine(served_on=date(2026, 11, 20))
    order = scene.order(fee, fine)
    bill = bank.bill(fee.document_no)
    assert (bill["bill_id"], bill["amount"]) == (order.payment_code, 1_200_000)
    assert bill["description"] == f"Lệnh thanh toán {order.order_ref} gồm 2 khoản"


def test_two_documents_of_one_number_are_two_bills(bank: Bank, scene: Scene) -> None:
    fee = scene.fee()
    fine_of_the_same_number(scene, fee)
    heard = bank.inquire(fee.document_no)
    assert sorted(bill["amount"] for bill in heard.body["bills"]) == [200_000, 1_000_000]
    assert len({bill["bill_id"] for bill in heard.body["bills"]}) == 2
    assert len({bill["description"] for bill in heard.body["bills"]}) == 2


def test_paid_dossier_is_said_to_be_paid(bank: Bank, scene: Scene) -> None:
    order = scene.order()
    scene.apply(scene.evidence(scene.attempt(order), source=EvidenceSource.STATUS_QUERY))
    for number in (order.payment_code, order.documents[0].document_no):
        assert (bank.inquire(number).status, bank.inquire(number).word) == (409, "already_paid")


def test_payment_elsewhere_that_is_not_decided_is_said_to_be_confirmed(bank: Bank, scene: Scene) -> None:
    order = scene.order()
    scene.attempt(order)
    for number in (order.payment_code, order.documents[0].document_no):
        assert (bank.inquire(number).status, bank.inquire(number).word) == (409, "being_confirmed")


def test_withdrawn_and_expired_orders_can_not_be_paid(bank: Bank, scene: Scene) -> None:
    cancelled, expired = scene.order(), scene.order(expires_in_minutes=10)
    with scene.runtime.database.begin() as uow:
        cancel_order(uow, portal_code="demoportal", order_ref=cancelled.order_ref, actor="key-1")
        uow.commit()
    assert bank.inquire(cancelled.payment_code).word == "not_payable"
    scene.runtime.clock.advance(timedelta(minutes=10))
    assert bank.inquire(expired.payment_code).word == "not_payable"
    with scene.runtime.database.begin() as uow:
        expire_order(uow, expired.id)
        uow.commit()
    assert bank.inquire(expired.payment_code).word == "not_payable"
    assert bank.bill(expired.documents[0].document_no)["amount"] == 200_000


def test_payment_at_a_provider_is_asked_about_before_the_counter_is_sent_away(
    bank: Bank, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    monkeypatch.setattr(
        "payclear.collection.service.ask_provider",
        lambda runtime, attempt_id, *, counts: asked.append((attempt_id, counts)),
    )
    attempt = scene.attempt(scene.order(), provider_account=SANDBOX)
    order = scene.reload(attempt.order_id)
    assert bank.inquire(order.payment_code).word == "being_confirmed"
    assert asked == [(attempt.id, False)]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("NGUYỄN VĂN MẪU", "NGUYEN V. M."),
        ("Đặng Thị Ánh-Nguyệt", "DANG T. A. N."),
        ("Mẫu", "M."),
        ("Công ty TNHH 1 thành viên", "CONG T. T. 1. T. V."),
        ("  ", ""),
        ("山田", ""),
    ],
)
def test_name_is_masked(name: str, shown: str) -> None:
    assert masked_name(strip_accents(name)) == shown


@pytest.mark.parametrize(
    ("cut_off", "paid", "until"),
    [
        ("00:00", "2026-11-21T10:30", "2026-11-22T00:00"),
        ("00:00", "2026-11-21T23:59", "2026-11-22T00:00"),
        ("16:30", "2026-11-21T16:29", "2026-11-21T16:30"),
        ("16:30", "2026-11-21T16:30", "2026-11-22T16:30"),
    ],
)
def test_payment_may_be_taken_back_until_its_business_day_ends(cut_off: str, paid: str, until: str) -> None:
    def at(text: str) -> datetime:
        return datetime.fromisoformat(text).replace(tzinfo=VIETNAM)

    assert reversible_until(at(paid), cut_off=cut_off) == at(until)


def test_every_kind_of_obligation_can_be_described_at_a_counter() -> None:
    assert [kind for kind in ObligationKind if not has_text(f"collection.bill.{kind}")] == []
