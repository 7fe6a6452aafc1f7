"""How the page shows what there is to choose: groups, fees, counters, what is closed; and a QR to scan."""

import re
from datetime import timedelta
from html import unescape

import pytest
from flask.testing import FlaskClient

from payclear.app import create_app
from payclear.contract.channels import Channel
from payclear.contract.errors import NotSent
from payclear.contract.manifest import Capability
from payclear.contract.messages import CheckoutResult
from payclear.contract.outcomes import Outcome
from payclear.orders.records import OrderView
from payclear.runtime import Runtime
from tests.checkout.fakes import ToldProvider, qr_text, with_providers
from tests.checkout.test_decisions import plant
from tests.checkout.test_pages import kind, press, see
from tests.factories.routing import RoutingRuleFactory, ServiceFeeProgrammeFactory
from tests.scenes import Scene

NBSP = "\u00a0"


@pytest.fixture
def qr() -> ToldProvider:
    scanned = CheckoutResult(outcome=Outcome.PENDING, qr_text=qr_text(200_000))
    return ToldProvider(scanned).able(Capability.QR, channel=Channel.QR)


@pytest.fixture
def many(runtime: Runtime, qr: ToldProvider) -> Runtime:
    return with_providers(
        runtime,
        bank=ToldProvider(),
        wallet=ToldProvider().able(Capability.REDIRECT, Capability.STATUS_QUERY, channel=Channel.WALLET),
        qr=qr,
        counter=ToldProvider().able(Capability.COLLECTION),
    )


@pytest.fixture
def scene(many: Runtime) -> Scene:
    return Scene(many).set_up()


@pytest.fixture
def browser(many: Runtime) -> FlaskClient:
    return create_app(many).test_client()


def groups(text: str) -> list[str]:
    return re.findall(r'data-testid="group-(\w+)"', text)


def test_choices_stand_in_groups_and_counters_are_information(browser: FlaskClient, scene: Scene) -> None:
    order = scene.order()
    text = see(browser, order)
    assert groups(text) == ["qr", "bank", "wallet"]
    assert "Nộp tại quầy ngân hàng" in text
    assert "đọc mã thanh toán này" in text
    assert 'value="counter"' not in text
    assert press(browser, order, "counter").status_code == 422
    assert groups(see(browser, order, "en")) == ["qr", "bank", "wallet"]


def test_only_counters_left_says_so(runtime: Runtime) -> None:
    made = with_providers(runtime, counter=ToldProvider().able(Capability.COLLECTION))
    text = see(create_app(made).test_client(), Scene(made).set_up().order())
    assert "chỉ nộp được tại quầy" in text
    assert 'data-testid="pay"' not in text


def test_fee_of_the_payer_is_said_before_the_choice_and_the_cheapest_comes_first(
    browser: FlaskClient, many: Runtime, scene: Scene
) -> None:
    plant(
        many,
        (ServiceFeeProgrammeFactory, {"provider_account": "qr", "fixed": 1_100}),
        (ServiceFeeProgrammeFactory, {"provider_account": "wallet", "borne_by": "WAIVED"}),
        (ServiceFeeProgrammeFactory, {"provider_account": "bank", "borne_by": "AGENCY"}),
    )
    text = see(browser, scene.order())
    fee = f"Phí dịch vụ của Ngân hàng qr: 1.100{NBSP}₫ (trả cho Ngân hàng qr, không thuộc khoản nộp)"
    assert fee in text
    assert "Được miễn phí dịch vụ." in text
    assert "cơ quan thu trả" in text
    assert groups(text) == ["bank", "wallet", "qr"]
    assert f"cơ quan nhà nước luôn nhận đủ 200.000{NBSP}₫" in text
    assert f"Thanh toán 200.000{NBSP}₫" in text


def test_rule_that_withholds_gives_its_own_reason_in_the_readers_language(
    browser: FlaskClient, many: Runtime, scene: Scene
) -> None:
    withhold = {"effect": "withhold", "rank": 1, "method": "wallet", "reason_vi": "Ví đang bảo trì."}
    plant(
        many, (RoutingRuleFactory, withhold | {"reason_en": "Under maintenance."}), (RoutingRuleFactory, {})
    )
    order = scene.order()
    assert "Ví đang bảo trì." in see(browser, order)
    assert "Under maintenance." in see(browser, order, "en")
    assert groups(see(browser, order)) == ["qr", "bank"]


def test_choice_that_is_no_longer_offered_says_so_and_offers_the_others(
    browser: FlaskClient, many: Runtime, scene: Scene
) -> None:
    order = scene.order()
    see(browser, order)
    withhold = {"effect": "withhold", "rank": 1, "provider_account": "wallet"}
    plant(many, (RoutingRuleFactory, withhold), (RoutingRuleFactory, {}))
    answer = press(browser, order, "wallet")
    assert answer.status_code == 422
    assert "Nơi vừa chọn hiện không nhận khoản này." in answer.text
    assert groups(answer.text) == ["qr", "bank"]
    assert scene.reload(order.id).attempts == ()


def test_page_after_a_refusal_offers_the_next_best_first_and_says_what_happened(
    browser: FlaskClient, many: Runtime, scene: Scene
) -> None:
    order = scene.order()
    many.providers.get("qr").provider.answer = NotSent("refused")  # type: ignore[attr-defined]
    press(browser, order, "qr")
    text = see(browser, order)
    assert "Lần thanh toán trước qua Ngân hàng qr không thành công" in text
    assert groups(text) == ["bank", "wallet", "qr"]


def scan(browser: FlaskClient, order: OrderView) -> str:
    answer = press(browser, order, "qr")
    assert answer.headers["Location"] == f"/pay/{order.pay_token}?lang=vi"
    return see(browser, order)


def test_qr_is_shown_with_amount_account_memo_and_time_left(
    browser: FlaskClient, many: Runtime, scene: Scene
) -> None:
    order = scene.order()
    text = scan(browser, order)
    assert kind(text) == "scan"
    for expected in (
        "<svg",
        f"200.000{NBSP}₫",
        "0011001932418",
        "PC000000000XX01",
        "Còn 15 phút, đến 10:45, 21/11/2026.",
        "Chỉ chuyển một lần. Nếu đã chuyển, đừng thanh toán lại",
        'download="',
        '<meta http-equiv="refresh" content="10">',
        "Ngân hàng qr tự báo khi nhận được tiền",
    ):
        assert expected in text
    assert "<script" not in text
    many.clock.advance(timedelta(minutes=14, seconds=30))
    assert "Còn 1 phút" in see(browser, order)
    many.clock.advance(timedelta(seconds=30))
    assert kind(see(browser, order)) == "confirming"


def test_qr_page_leads_to_web_addresses_only(browser: FlaskClient, scene: Scene, qr: ToldProvider) -> None:
    qr.answer = CheckoutResult(
        outcome=Outcome.PENDING, qr_text=qr_text(200_000), redirect_url="javascript:alert(1)"
    )
    text = scan(browser, scene.order())
    assert kind(text) == "scan"
    assert "javascript:" not in text


def test_qr_that_asks_for_another_amount_is_never_shown(
    browser: FlaskClient, scene: Scene, qr: ToldProvider
) -> None:
    qr.answer = CheckoutResult(outcome=Outcome.PENDING, qr_text=qr_text(200_001))
    text = scan(browser, scene.order())
    assert kind(text) == "confirming"
    assert "0011001932418" not in text


def test_page_of_a_live_attempt_says_since_when_and_when_it_is_asked_next(
    browser: FlaskClient, scene: Scene
) -> None:
    order = scene.order()
    scene.attempt(order, provider_account="bank")
    text = unescape(browser.get(f"/pay/{order.pay_token}").text)
    assert "Lần thanh toán qua Ngân hàng bank bắt đầu lúc 10:30, 21/11/2026; đến nay chưa có kết quả." in text
    assert "lần hỏi tiếp theo là 10:30, 21/11/2026" in text


def test_order_that_no_portal_sent_has_no_way_back_to_one(
    browser: FlaskClient, many: Runtime, scene: Scene
) -> None:
    order = scene.order()
    with many.database.begin() as uow:
        uow.run("UPDATE payment_order SET return_url = '' WHERE id = %s", (order.id,))
        uow.commit()
    assert "back-to-portal" not in see(browser, order)
    scene.attempt(order, provider_account="bank")
    assert "back-to-portal" not in see(browser, order)
