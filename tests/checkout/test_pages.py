"""The payment page as a citizen's browser sees it, in every state and both languages."""

import re
from datetime import date, timedelta
from html import unescape

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from payclear.contract.errors import OutcomeUnknown
from payclear.contract.outcomes import Outcome
from payclear.http.forms import form_token
from payclear.kernel.clock import FixedClock
from payclear.kernel.payment_code import display
from payclear.orders.checkout import record_checkout
from payclear.orders.records import OrderView
from payclear.orders.service import cancel_order
from payclear.runtime import Runtime, current
from tests.checkout.fakes import PAY_ADDRESS, ToldProvider
from tests.scenes import Scene

NBSP = "\u00a0"


def see(browser: FlaskClient, order: OrderView, lang: str = "") -> str:
    answer = browser.get(f"/pay/{order.pay_token}" + (f"?lang={lang}" if lang else ""))
    assert answer.status_code == 200
    return unescape(answer.text)


def kind(text: str) -> str:
    match = re.search(r'data-kind="([a-z]+)"', text)
    return match.group(1) if match else ""


def token_of(text: str) -> str:
    match = re.search(r'name="csrf_token" value="([^"]+)"', text)
    assert match
    return match.group(1)


def press(browser: FlaskClient, order: OrderView, account: str = "a", **changes: str) -> TestResponse:
    form = {"csrf_token": token_of(see(browser, order)), "provider_account": account, "lang": "vi"} | changes
    return browser.post(f"/pay/{order.pay_token}/attempts", data=form)


@pytest.mark.parametrize("token", ["x", "x" * 32, "x" * 200, "..%2f..%2fetc", "%00" * 20, "<script>" * 3])
def test_page_of_an_unknown_token_is_a_plain_404(browser: FlaskClient, pay_scene: Scene, token: str) -> None:
    answer = browser.get(f"/pay/{token}")
    assert answer.status_code == 404
    assert "<script" not in answer.text


def test_page_shows_what_to_whom_how_much_and_until_when(browser: FlaskClient, pay_scene: Scene) -> None:
    order = pay_scene.order(pay_scene.fee(150_000, 50_000))
    text = see(browser, order)
    assert kind(text) == "choose"
    assert '<html lang="vi">' in text
    for expected in (
        "Nộp phí, lệ phí",
        f"200.000{NBSP}₫",
        f"150.000{NBSP}₫",
        order.documents[0].document_no,
        order.documents[0].agency_name_vi,
        "Thanh toán trước 10:30, 22/11/2026 (giờ Việt Nam)",
        display(order.payment_code),
        order.order_ref,
        "<svg",
    ):
        assert expected in text
    assert "http-equiv" not in text
    assert "NGUYỄN VĂN MẪU" not in text


def test_page_in_english_says_the_same_in_english(browser: FlaskClient, pay_scene: Scene) -> None:
    order = pay_scene.order()
    text = see(browser, order, "en")
    assert '<html lang="en">' in text
    assert f"VND{NBSP}200,000" in text
    assert "Pay before 22 November 2026, 10:30 (Viet Nam time)" in text
    assert order.documents[0].agency_name_en in text
    assert f'href="/pay/{order.pay_token}?lang=vi"' in text


def test_page_of_a_late_fine_says_that_the_surcharge_grows_and_holds_today(
    browser: FlaskClient, pay_scene: Scene
) -> None:
    text = see(browser, pay_scene.order(pay_scene.fine(1_000_000, served_on=date(2026, 11, 1))))
    assert "Nộp tiền phạt" in text
    assert "Tiền chậm nộp phạt" in text
    assert "Thanh toán trong ngày 21/11/2026 (trước 24 giờ)" in text
    assert "áp dụng khi thanh toán trong ngày 21/11/2026" in text


def test_page_shows_why_an_account_is_not_offered_and_chooses_the_only_one(
    browser: FlaskClient, pay_scene: Scene
) -> None:
    text = see(browser, pay_scene.order(amount=100_000))
    assert "Nơi hiện không nhận khoản này (1)" in text
    assert f"Chỉ nhận từ 500.000{NBSP}₫ trở lên." in text
    assert re.search(r'value="a"[^>]*checked', text, re.DOTALL)
    assert 'value="b"' not in text


def test_page_with_no_account_for_the_amount_has_no_button(
    browser: FlaskClient, pay_scene: Scene, told: ToldProvider
) -> None:
    told.without_pages()
    text = see(browser, pay_scene.order(amount=100_000))
    assert "Hiện chưa có nơi nào nhận được khoản thanh toán này" in text
    assert 'data-testid="pay"' not in text


def test_choice_leads_to_the_provider_and_the_page_then_says_do_not_pay_again(
    browser: FlaskClient, pay_scene: Scene
) -> None:
    order = pay_scene.order()
    answer = press(browser, order)
    assert (answer.status_code, answer.headers["Location"]) == (303, PAY_ADDRESS)
    text = see(browser, order)
    assert kind(text) == "continue"
    assert "Đang chờ kết quả – đừng thanh toán lại" in text
    assert f'href="{PAY_ADDRESS}"' in text
    assert "tiếp tục tại Ngân hàng a đến 10:45, 21/11/2026" in text
    assert '<meta http-equiv="refresh" content="10">' in text
    assert "provider_account" not in text


def test_choice_repeated_leads_back_to_the_page(browser: FlaskClient, pay_scene: Scene) -> None:
    order = pay_scene.order()
    form = {"csrf_token": token_of(see(browser, order)), "provider_account": "a", "lang": "en"}
    address = f"/pay/{order.pay_token}/attempts"
    browser.post(address, data=form)
    again = browser.post(address, data=form)
    assert (again.status_code, again.headers["Location"]) == (303, f"/pay/{order.pay_token}?lang=en")
    assert len(pay_scene.reload(order.id).attempts) == 1


def test_choice_of_nothing_says_so_on_the_same_page(browser: FlaskClient, pay_scene: Scene) -> None:
    answer = press(browser, pay_scene.order(), "")
    assert answer.status_code == 422
    assert "Hãy chọn một nơi thanh toán." in answer.text


@pytest.mark.parametrize(
    ("account", "status"), [("nobody", 404), ("b", 422), ("../x", 404), ("a" * 500, 404)]
)
def test_choice_of_what_is_not_offered_opens_nothing(
    browser: FlaskClient, pay_scene: Scene, account: str, status: int
) -> None:
    order = pay_scene.order()
    assert press(browser, order, account).status_code == status
    assert pay_scene.reload(order.id).attempts == ()


def test_choice_with_a_token_of_another_order_is_refused(browser: FlaskClient, pay_scene: Scene) -> None:
    order, other = pay_scene.order(), pay_scene.order()
    stolen = token_of(see(browser, other))
    assert press(browser, order, csrf_token=stolen).status_code == 403
    assert press(browser, order, csrf_token="").status_code == 403
    assert pay_scene.reload(order.id).attempts == ()


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
    ],
)
def test_choice_sent_by_another_site_is_refused_in_spite_of_its_token(
    browser: FlaskClient, pay_scene: Scene, headers: dict[str, str]
) -> None:
    order = pay_scene.order()
    form = {"csrf_token": token_of(see(browser, order)), "provider_account": "a"}
    answer = browser.post(f"/pay/{order.pay_token}/attempts", data=form, headers=headers)
    assert answer.status_code == 403
    assert pay_scene.reload(order.id).attempts == ()


def test_choice_carries_no_amount_that_a_browser_could_change(
    browser: FlaskClient, pay_scene: Scene, told: ToldProvider
) -> None:
    order = pay_scene.order(amount=200_000)
    press(browser, order, amount="1", currency="USD", status="paid")
    assert told.requests[0].amount.amount == 200_000


def test_choices_in_a_burst_are_slowed_down(browser: FlaskClient, pay_scene: Scene) -> None:
    order = pay_scene.order()
    form = {"csrf_token": token_of(see(browser, order)), "provider_account": "nobody"}
    statuses = [browser.post(f"/pay/{order.pay_token}/attempts", data=form).status_code for _ in range(13)]
    assert statuses == [404] * 12 + [429]
    answer = browser.post(f"/pay/{order.pay_token}/attempts", data=form)
    assert int(answer.headers["Retry-After"]) >= 1


def test_page_in_doubt_is_honest_and_offers_nothing(
    browser: FlaskClient, pay_scene: Scene, told: ToldProvider
) -> None:
    told.answer = OutcomeUnknown("timeout")
    order = pay_scene.order(amount=600_000)
    press(browser, order)
    text = see(browser, order)
    assert kind(text) == "confirming"
    assert "chưa cho biết kết quả" in text
    assert "đừng thanh toán lại" in text
    assert '<meta http-equiv="refresh" content="10">' in text
    assert "provider_account" not in text
    assert "Being confirmed – do not pay again" in see(browser, order, "en")


def test_page_after_a_refusal_lets_choose_again(browser: FlaskClient, pay_scene: Scene) -> None:
    order = pay_scene.order()
    attempt = pay_scene.attempt(order, provider_account="a")
    pay_scene.apply(pay_scene.evidence(attempt, Outcome.REJECTED))
    text = see(browser, order)
    assert kind(text) == "choose"
    assert (
        "Lần thanh toán trước qua Ngân hàng a không thành công; chưa có khoản tiền nào được ghi nhận." in text
    )
    assert press(browser, order).status_code == 303


def test_page_of_a_paid_order_leads_to_receipt_and_portal(browser: FlaskClient, pay_scene: Scene) -> None:
    order = pay_scene.paid_order(provider_account="a")
    text = see(browser, order)
    assert kind(text) == "paid"
    assert "Khoản thanh toán đã được ghi nhận lúc 10:30, 21/11/2026 qua Ngân hàng a." in text
    assert f"https://portal.example/return?order_ref={order.order_ref}&status=paid" in text
    assert f"/pay/{order.pay_token}/receipt?lang=vi" in text
    assert "http-equiv" not in text
    answer = press_blind(browser, order)
    assert answer.headers["Location"] == f"/pay/{order.pay_token}?lang=vi"


def test_page_of_a_paid_late_fine_does_not_say_that_paying_later_costs_more(
    browser: FlaskClient, pay_scene: Scene
) -> None:
    order = pay_scene.order(pay_scene.fine(1_000_000, served_on=date(2026, 11, 1)))
    assert "nộp muộn hơn" in see(browser, order)
    pay_scene.apply(pay_scene.evidence(pay_scene.attempt(order, provider_account="a")))
    text = see(browser, order)
    assert kind(text) == "paid"
    assert "nộp muộn hơn" not in text


def press_blind(browser: FlaskClient, order: OrderView) -> TestResponse:
    """Press a button that the page no longer has, with a token kept from before."""
    secret = current().settings.security.session_secret
    form = {
        "csrf_token": form_token(secret, purpose="pay", bound_to=order.pay_token),
        "provider_account": "a",
    }
    return browser.post(f"/pay/{order.pay_token}/attempts", data=form)


def test_page_of_a_payment_of_a_wrong_amount_asks_not_to_pay_again(
    browser: FlaskClient, pay_scene: Scene
) -> None:
    order = pay_scene.order(amount=200_000)
    pay_scene.apply(pay_scene.evidence(pay_scene.attempt(order, provider_account="a"), amount=199_999))
    text = see(browser, order)
    assert kind(text) == "review"
    assert "đừng thanh toán lại" in text
    assert press_blind(browser, order).headers["Location"] == f"/pay/{order.pay_token}?lang=vi"
    assert len(pay_scene.reload(order.id).attempts) == 1


def test_page_of_a_cancelled_order_says_who_cancelled(
    browser: FlaskClient, pay_scene: Scene, pay_runtime: Runtime
) -> None:
    order = pay_scene.order()
    with pay_runtime.database.begin() as uow:
        cancel_order(uow, portal_code=order.portal_code, order_ref=order.order_ref, actor="key-1")
        uow.commit()
    text = see(browser, order)
    assert kind(text) == "cancelled"
    assert "Cổng dịch vụ công đã hủy lệnh này." in text


def test_page_past_its_time_offers_nothing_even_before_the_job_ran(
    browser: FlaskClient, pay_scene: Scene, clock: FixedClock
) -> None:
    order = pay_scene.order(expires_in_minutes=5)
    clock.advance(timedelta(minutes=5))
    text = see(browser, order)
    assert kind(text) == "expired"
    assert "Khoản phải nộp vẫn còn." in text
    assert press_blind(browser, order).headers["Location"].startswith("/pay/")
    assert pay_scene.reload(order.id).attempts == ()


def test_page_of_an_order_that_used_every_try_says_what_next(browser: FlaskClient, pay_scene: Scene) -> None:
    order = pay_scene.order()
    for _ in range(5):
        attempt = pay_scene.attempt(order, provider_account="a")
        pay_scene.apply(pay_scene.evidence(attempt, Outcome.REJECTED))
    text = see(browser, order)
    assert kind(text) == "failed"
    assert "Hãy quay lại cổng dịch vụ công để tạo lệnh thanh toán mới." in text


def test_page_of_an_account_that_left_the_configuration_still_opens(
    browser: FlaskClient, pay_scene: Scene, pay_runtime: Runtime
) -> None:
    order = pay_scene.order()
    attempt = pay_scene.attempt(order, provider_account="a", sent=False)
    with pay_runtime.database.begin() as uow:
        record_checkout(uow, attempt.id, OutcomeUnknown("timeout"))
        uow.run("UPDATE payment_attempt SET provider_account = 'gone' WHERE id = %s", (attempt.id,))
        uow.commit()
    assert "gone" in see(browser, order)


def test_page_names_the_providers_origins_as_targets_of_its_form(
    browser: FlaskClient, pay_scene: Scene
) -> None:
    answer = browser.get(f"/pay/{pay_scene.order().pay_token}")
    policy = answer.headers["Content-Security-Policy"]
    assert "form-action 'self' https://bank.example" in policy
    assert "default-src 'none'" in policy
