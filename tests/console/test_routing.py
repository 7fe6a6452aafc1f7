"""Staff read on an order's page what was offered to the citizen, and why."""

from html import unescape

from flask.testing import FlaskClient

from payclear.checkout.service import start
from payclear.runtime import Runtime
from tests.checkout.test_decisions import plant
from tests.factories.routing import RoutingRuleFactory, ServiceFeeProgrammeFactory
from tests.scenes import SANDBOX, VNPAY, Scene


def test_order_page_says_why_each_account_was_offered_or_not(
    desk: FlaskClient, client: FlaskClient, runtime: Runtime, scene: Scene
) -> None:
    withhold = {"code": "no-sandbox", "effect": "withhold", "rank": 1, "provider_account": SANDBOX}
    plant(
        runtime,
        (RoutingRuleFactory, withhold | {"reason_vi": "Chỉ để thử.", "reason_en": "For tests only."}),
        (RoutingRuleFactory, {"code": "all", "reason_vi": "Mọi nơi."}),
        (RoutingRuleFactory, {"code": "first", "effect": "prefer", "provider_account": VNPAY}),
        (ServiceFeeProgrammeFactory, {"provider_account": VNPAY}),
    )
    order = scene.order()
    assert "routing-decision" not in desk.get(f"/console/orders/{order.order_ref}").text
    client.get(f"/pay/{order.pay_token}")
    text = unescape(desk.get(f"/console/orders/{order.order_ref}").text)
    for said in ("Chỉ để thử.", "no-sandbox", "Mọi nơi.", "Đặt lên trước theo", "người nộp trả", "1.100"):
        assert said in text
    start(runtime, order.pay_token, VNPAY, payer_ip="127.0.0.1", public_url="https://p.example", locale="vi")
    page = unescape(desk.get(f"/console/orders/{order.order_ref}").text)
    assert f"Phí dịch vụ của lần thanh toán {scene.reload(order.id).attempts[0].attempt_ref}: 1.100" in page
    assert "For tests only." in desk.get(f"/console/orders/{order.order_ref}?lang=en").text
