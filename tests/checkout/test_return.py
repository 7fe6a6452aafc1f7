"""The way back from a provider: it proves nothing, asks once, and shows the order's page."""

import logging

import pytest
from flask.testing import FlaskClient

from payclear.contract.errors import OutcomeUnknown
from payclear.contract.messages import ReturnHint
from payclear.contract.outcomes import EvidenceSource, Outcome
from payclear.orders.domain import OrderState
from payclear.orders.records import AttemptView, OrderView
from providers.vnpay import mapping
from tests.checkout.fakes import ToldProvider
from tests.scenes import VNPAY, Scene


def bring(
    told: ToldProvider, attempt_ref: str | None, *, says: Outcome = Outcome.CONFIRMED, signed: bool = True
) -> None:
    told.hint = ReturnHint(attempt_ref=attempt_ref, signature_holds=signed, says=says)


@pytest.fixture
def sent(pay_scene: Scene) -> tuple[OrderView, AttemptView]:
    order = pay_scene.order()
    return order, pay_scene.attempt(order, provider_account="a")


def test_return_to_an_unknown_account_is_a_404(browser: FlaskClient, pay_scene: Scene) -> None:
    assert browser.get("/return/nobody").status_code == 404


@pytest.mark.parametrize("reference", [None, "", "PC000000000XX01", "' OR 1=1 --"])
def test_return_without_a_known_attempt_is_a_plain_page(
    browser: FlaskClient, pay_scene: Scene, told: ToldProvider, reference: str | None
) -> None:
    bring(told, reference)
    answer = browser.get("/return/a")
    assert answer.status_code == 404
    assert "Nếu đã trả tiền, đừng thanh toán lại" in answer.text
    assert "If you have paid, do not pay again" in browser.get("/return/a/en").text


def test_return_with_a_broken_signature_shows_no_order_and_asks_nobody(
    browser: FlaskClient, told: ToldProvider, sent: tuple[OrderView, AttemptView]
) -> None:
    bring(told, sent[1].attempt_ref, signed=False)
    answer = browser.get("/return/a")
    assert answer.status_code == 404
    assert sent[0].pay_token not in answer.text
    assert told.queries == []


def test_return_to_another_account_than_the_attempts_shows_no_order(
    browser: FlaskClient, told: ToldProvider, pay_scene: Scene
) -> None:
    order = pay_scene.order(amount=600_000)
    bring(told, pay_scene.attempt(order, provider_account="b").attempt_ref)
    assert browser.get("/return/a").status_code == 404


def test_return_that_claims_success_pays_nothing_by_itself(
    browser: FlaskClient, told: ToldProvider, pay_scene: Scene, sent: tuple[OrderView, AttemptView]
) -> None:
    order, attempt = sent
    bring(told, attempt.attempt_ref, says=Outcome.CONFIRMED)
    told.status = OutcomeUnknown("timeout")
    answer = browser.get("/return/a")
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/pay/{order.pay_token}?lang=vi")
    assert pay_scene.reload(order.id).state is OrderState.OPEN
    assert len(told.queries) == 1


def test_return_asks_the_provider_and_shows_the_paid_page(
    browser: FlaskClient, told: ToldProvider, pay_scene: Scene, sent: tuple[OrderView, AttemptView]
) -> None:
    order, attempt = sent
    bring(told, attempt.attempt_ref, says=Outcome.PENDING)
    told.status = pay_scene.evidence(attempt, source=EvidenceSource.STATUS_QUERY)
    answer = browser.post("/return/a/en", data={"anything": "1"}, follow_redirects=False)
    assert answer.headers["Location"] == f"/pay/{order.pay_token}?lang=en"
    assert pay_scene.reload(order.id).state is OrderState.PAID
    assert "The payment was recorded" in browser.get(answer.headers["Location"]).text


def test_return_reloaded_asks_a_few_times_at_most(
    browser: FlaskClient, told: ToldProvider, sent: tuple[OrderView, AttemptView]
) -> None:
    bring(told, sent[1].attempt_ref)
    assert {browser.get("/return/a").status_code for _ in range(8)} == {303}
    assert len(told.queries) == 3


def test_return_when_the_query_breaks_still_shows_the_page(
    browser: FlaskClient,
    told: ToldProvider,
    sent: tuple[OrderView, AttemptView],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.CRITICAL)
    bring(told, sent[1].attempt_ref)
    told.status = RuntimeError("a fault of the adapter")
    assert browser.get("/return/a").status_code == 303


def test_return_of_a_decided_attempt_asks_nobody(
    browser: FlaskClient, told: ToldProvider, pay_scene: Scene
) -> None:
    order = pay_scene.paid_order(provider_account="a")
    bring(told, order.attempts[0].attempt_ref)
    assert browser.get("/return/a").headers["Location"].startswith(f"/pay/{order.pay_token}")
    assert told.queries == []


def test_return_from_vnpay_with_a_true_signature_finds_the_order(client: FlaskClient, scene: Scene) -> None:
    order = scene.paid_order(provider_account=VNPAY)
    line = scene.runtime.providers.get(VNPAY)
    fields = {
        "vnp_TxnRef": order.attempts[0].attempt_ref,
        "vnp_TmnCode": line.account.option("tmn_code"),
        "vnp_Amount": "20000000",
        "vnp_ResponseCode": "00",
        "vnp_TransactionStatus": "00",
        "vnp_TransactionNo": "1",
    }
    signature = mapping.sign(line.account.secrets["hash_secret"], mapping.canonical_query(fields))
    query = f"{mapping.canonical_query(fields)}&vnp_SecureHash={signature}"
    answer = client.get(f"/return/{VNPAY}/en?{query}")
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/pay/{order.pay_token}?lang=en")
