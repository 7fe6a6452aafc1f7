"""The receipt as a citizen and an officer see it."""

from datetime import timedelta
from html import unescape

import pytest
from flask.testing import FlaskClient

from payclear.kernel.clock import FixedClock
from payclear.orders.records import OrderView
from payclear.receipts.service import ReceiptView, for_order, issue_waiting
from payclear.runtime import Runtime
from tests.scenes import Scene

NBSP = "\u00a0"


def receipt_of(runtime: Runtime, order: OrderView, *, issued: bool = True) -> ReceiptView:
    with runtime.database.begin() as uow:
        if issued:
            issue_waiting(uow)
        receipt = for_order(uow, order.id)
        uow.commit()
    assert receipt
    return receipt


@pytest.mark.parametrize("code", ["x", "0" * 26, "%00", "V3KF%20HHWR", "a" * 500, "<script>"])
def test_receipt_of_an_unknown_code_is_a_plain_404(client: FlaskClient, scene: Scene, code: str) -> None:
    answer = client.get(f"/receipts/{code}")
    assert answer.status_code == 404
    assert "<script" not in answer.text


def test_receipt_that_waits_for_its_number_says_so_and_refreshes(
    client: FlaskClient, scene: Scene, runtime: Runtime
) -> None:
    receipt = receipt_of(runtime, scene.paid_order(), issued=False)
    text = client.get(f"/receipts/{receipt.verification_code}").text
    assert "Đang cấp số" in text
    assert '<meta http-equiv="refresh" content="10">' in text
    assert "receipt-number" not in text


def test_receipt_shows_number_agency_document_lines_amount_in_words_and_time(
    client: FlaskClient, scene: Scene, runtime: Runtime
) -> None:
    order = scene.paid_order(amount=1_234_000)
    receipt = receipt_of(runtime, order)
    text = unescape(client.get(f"/receipts/{receipt.verification_code}").text)
    assert receipt.number == "BL-2026/0000001"
    for expected in (
        "Biên lai thu phí",
        receipt.number,
        order.documents[0].agency_name_vi,
        order.documents[0].document_no,
        order.lines[0].name_vi,
        f"1.234.000{NBSP}₫",
        "Bằng chữ: Một triệu hai trăm ba mươi tư nghìn đồng.",
        "10:30, 21/11/2026",
        "VNPAY",
        order.order_ref,
        f"http://127.0.0.1:8000/receipts/{receipt.verification_code}",
    ):
        assert expected in text
    assert "http-equiv" not in text


def test_receipt_names_no_person_in_either_language(
    client: FlaskClient, scene: Scene, runtime: Runtime
) -> None:
    receipt = receipt_of(runtime, scene.paid_order())
    for lang in ("vi", "en"):
        text = client.get(f"/receipts/{receipt.verification_code}?lang={lang}").text
        assert "NGUYỄN VĂN MẪU" not in text
        assert "000000000001" not in text


def test_receipt_in_english_reads_in_english(client: FlaskClient, scene: Scene, runtime: Runtime) -> None:
    receipt = receipt_of(runtime, scene.paid_order(amount=21_000))
    text = unescape(client.get(f"/receipts/{receipt.verification_code}?lang=en").text)
    assert "In words: Twenty-one thousand Vietnamese dong." in text
    assert "Receipt for a service fee" in text


def test_receipt_opened_later_says_as_of_when_it_holds(
    client: FlaskClient, scene: Scene, runtime: Runtime, clock: FixedClock
) -> None:
    receipt = receipt_of(runtime, scene.paid_order())
    clock.advance(timedelta(days=40))
    assert "10:30, 31/12/2026" in client.get(f"/receipts/{receipt.verification_code}").text


def test_receipt_is_reached_from_the_payment_page(
    client: FlaskClient, scene: Scene, runtime: Runtime
) -> None:
    order = scene.paid_order()
    receipt = receipt_of(runtime, order)
    answer = client.get(f"/pay/{order.pay_token}/receipt?lang=en")
    assert answer.status_code == 303
    assert answer.headers["Location"] == f"/receipts/{receipt.verification_code}?lang=en"


def test_receipt_of_an_unpaid_order_leads_back_to_its_page(client: FlaskClient, scene: Scene) -> None:
    order = scene.order()
    answer = client.get(f"/pay/{order.pay_token}/receipt")
    assert answer.headers["Location"] == f"/pay/{order.pay_token}?lang=vi"
    assert client.get("/pay/nothing/receipt").status_code == 404
    assert client.get(f"/pay/{'x' * 32}/receipt").status_code == 404


def test_check_finds_a_receipt_however_its_code_was_typed(
    client: FlaskClient, scene: Scene, runtime: Runtime
) -> None:
    code = receipt_of(runtime, scene.paid_order()).verification_code
    typed = " ".join(code[at : at + 4] for at in range(0, 26, 4)).lower().replace("0", "o").replace("1", "l")
    answer = client.get("/receipts", query_string={"code": typed})
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/receipts/{code}?lang=vi")


def test_check_of_a_wrong_code_says_so_and_keeps_what_was_typed(client: FlaskClient, scene: Scene) -> None:
    assert client.get("/receipts").status_code == 200
    answer = client.get("/receipts", query_string={"code": '"><script>alert(1)</script>'})
    assert answer.status_code == 404
    assert "Không có biên lai nào mang mã này" in answer.text
    assert "<script" not in answer.text


def test_receipts_asked_for_in_a_burst_are_slowed_down(client: FlaskClient, scene: Scene) -> None:
    statuses = [client.get("/receipts/unknown").status_code for _ in range(61)]
    assert statuses == [404] * 60 + [429]
