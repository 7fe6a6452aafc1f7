"""Twelve defects seen in real integrations of the national payment platform, each brought to our doors as it came to theirs.

Every test speaks through the portal API, a provider's callback or an adapter, and fails if the defect is ours too.
"""

import hashlib
import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from psycopg.errors import UniqueViolation

from payclear.app import create_app
from payclear.contract.evidence import Evidence
from payclear.contract.outcomes import EvidenceSource, Outcome
from payclear.contract.registry import ProviderLine, ProviderRegistry
from payclear.kernel.clock import FixedClock
from payclear.kernel.ids import public_id
from payclear.orders.jobs import expire_due, query_attempt, query_due
from payclear.orders.records import AttemptView, OrderView
from payclear.receipts.jobs import issue
from payclear.runtime import Runtime, install
from payclear.security.http_signatures import content_digest
from providers.paymentplatform.client import PaymentPlatformClient
from providers.paymentplatform.provider import PaymentPlatformProvider
from tests.callbacks.vnpay_messages import ACCOUNT as VNPAY_ACCOUNT
from tests.callbacks.vnpay_messages import ipn_query
from tests.checkout.fakes import ToldProvider, with_providers
from tests.collection.bank import COVERS, Bank
from tests.database import TestServer
from tests.obligations.test_api import FEE, changed
from tests.portal_api import PortalApi
from tests.providers.canned import Canned
from tests.providers.paymentplatform import factories as platform
from tests.scenes import SANDBOX, Scene

INT32_MAX = 2_147_483_647
PLATFORM = "paymentplatform-test"


@pytest.fixture
def wire() -> Canned:
    """What goes to the national platform and what it answers."""
    return Canned()


@pytest.fixture
def house(runtime: Runtime, wire: Canned) -> Runtime:
    """The same house with an account at the national platform, whose adapter is the real one."""
    line = ProviderLine(
        account=platform.account(),
        provider=PaymentPlatformProvider(PaymentPlatformClient(transport=wire)),
        cut_off="00:00",
        grace_business_days=1,
    )
    made = replace(
        runtime,
        providers=ProviderRegistry({**{each.code: each for each in runtime.providers}, PLATFORM: line}),
    )
    install(made)
    return made


@pytest.fixture
def town(house: Runtime) -> Scene:
    return Scene(house).set_up()


@pytest.fixture
def door(house: Runtime) -> FlaskClient:
    return create_app(house).test_client()


def ipn(client: FlaskClient, scene: Scene, attempt: AttemptView, **changes: str) -> str:
    """VNPAY calls; its answer code."""
    answer = client.get(f"/callbacks/{VNPAY_ACCOUNT}?{ipn_query(scene.runtime, attempt, **changes)}")
    assert answer.status_code == 200
    return answer.get_json()["RspCode"]


def confirm(client: FlaskClient, attempt: AttemptView, **changes: Any) -> str:
    """The national platform confirms; the code we answer."""
    body = platform.confirmation(**{"MaThamChieu": attempt.attempt_ref, "SoTien": attempt.amount} | changes)
    answer = client.post(f"/callbacks/{PLATFORM}", data=body, content_type="application/json")
    assert answer.status_code == 200
    return answer.get_json()["MaLoi"]


def page_token(client: FlaskClient, order: OrderView) -> str:
    """What the open payment page sends along with a choice."""
    token = re.search(r'name="csrf_token" value="([^"]+)"', client.get(f"/pay/{order.pay_token}").text)
    assert token is not None
    return token.group(1)


def choose(client: FlaskClient, order: OrderView, account: str, token: str | None = None) -> None:
    """The citizen chooses an account on the payment page; `token` of one that was opened before."""
    form = {
        "csrf_token": token or page_token(client, order),
        "provider_account": account,
        "lang": "vi",
    }
    assert client.post(f"/pay/{order.pay_token}/attempts", data=form).status_code in (303, 422)


def one(scene: Scene, sql: str, *values: object) -> Any:
    with scene.runtime.database.begin() as uow:
        return uow.one(sql, values)[0]


def state(scene: Scene, order: OrderView) -> str:
    return scene.reload(order.id).state.value


def cases(scene: Scene) -> list[tuple[str, str]]:
    with scene.runtime.database.begin() as uow:
        return uow.run("SELECT kind, proposal FROM suspense_case ORDER BY opened_at, kind").fetchall()


@pytest.mark.parametrize("difference", [-1, 1, 99_999_900])
def test_01_confirmation_with_a_right_mac_and_another_amount_does_not_pay(
    client: FlaskClient, scene: Scene, difference: int
) -> None:
    """Defect 1: the MAC was verified and the amount never compared."""
    order = scene.order()
    attempt = scene.attempt(order)
    told = str(attempt.amount * 100 + difference * 100)
    assert ipn(client, scene, attempt, vnp_Amount=told) == "04"
    assert state(scene, order) == "open"
    assert [kind for kind, _ in cases(scene)] == ["amount_mismatch"]


def test_02_mac_that_leaves_out_the_receipt_block_proves_no_payment(
    door: FlaskClient, town: Scene, wire: Canned
) -> None:
    """Defect 2: the beneficiary account could be altered under a valid MAC. Here such a MAC only makes us ask."""
    order = town.order()
    attempt = town.attempt(order, provider_account=PLATFORM)
    confirm(door, attempt, ThongTinBienLai={"TKThuHuong": "999999999999"})
    assert state(town, order) == "open"
    due = "SELECT next_query_at <= %s FROM payment_attempt WHERE id = %s"
    assert one(town, due, town.runtime.clock.now(), attempt.id)
    beneficiaries = {line.beneficiary_account for line in town.reload(order.id).lines}
    assert beneficiaries == {"TK-PHI"}


@pytest.mark.parametrize("renews_digest", [False, True], ids=["body", "body and digest"])
@pytest.mark.parametrize("member", ["amount", "bill_id", "bank_ref", "paid_at"])
def test_02_our_own_protocol_signs_every_byte_of_the_body(
    app: Flask, scene: Scene, clock: FixedClock, member: str, renews_digest: bool
) -> None:
    """Defect 2: of a message to our collection API no member can be altered after it was signed."""
    bank = Bank(app, clock)
    message = bank.payment(bank.bill(scene.fee().document_no))
    headers = bank.headers("payments", json.dumps(message).encode())
    others = {
        "amount": message["amount"] + 1,
        "bill_id": bank.bill(scene.fee().document_no)["bill_id"],
        "bank_ref": "FT2",
        "paid_at": (clock.now() - timedelta(minutes=1)).isoformat(timespec="seconds"),
    }
    altered = json.dumps({**message, member: others[member]}).encode()
    if renews_digest:
        headers["content-digest"] = content_digest(altered)
    answer = app.test_client().post(bank.path("payments"), data=altered, headers=headers)
    assert answer.status_code == 401
    assert one(scene, "SELECT count(*) FROM payment_order") == 0
    assert one(scene, "SELECT count(*) FROM posting") == 0


@pytest.mark.parametrize("left_out", COVERS)
def test_02_signature_that_leaves_something_out_is_refused(
    app: Flask, scene: Scene, clock: FixedClock, left_out: str
) -> None:
    """Defect 2: a bank whose signature does not cover the whole message is not believed, even if nothing was altered."""
    bank = Bank(app, clock)
    body = json.dumps(bank.payment(bank.bill(scene.fee().document_no))).encode()
    bank.covers = tuple(each for each in COVERS if each != left_out)
    headers = bank.headers("payments", body)
    assert app.test_client().post(bank.path("payments"), data=body, headers=headers).status_code == 401
    assert one(scene, "SELECT count(*) FROM payment_order") == 0


@pytest.mark.parametrize(
    "changes",
    [
        {"ThongTinGiaoDich": "NOP|NSNN"},
        {"MaNganHang": "VIETINBANK|20261121103245", "ThoiGianGD": "NOP NSNN", "ThongTinGiaoDich": ""},
    ],
    ids=["in the text", "over three fields"],
)
def test_03_separator_within_a_value_moves_no_border(
    door: FlaskClient, town: Scene, changes: dict[str, str]
) -> None:
    """Defect 3: two messages had one MAC, because values were joined by `|` without a rule for `|` within them."""
    order = town.order()
    attempt = town.attempt(order, provider_account=PLATFORM)
    asked = one(town, "SELECT count(*) FROM procrastinate_jobs")
    # The MAC holds for the joined string; where one field ends is not in it.
    assert confirm(door, attempt, **changes) == "99"
    assert state(town, order) == "open"
    assert one(town, "SELECT count(*) FROM procrastinate_jobs") == asked
    assert one(town, "SELECT count(*) FROM inbound_callback") == 0


@pytest.mark.parametrize("given", ["", "0" * 64, None, "right but for one letter"])
def test_03_mac_is_compared_and_not_only_computed(door: FlaskClient, town: Scene, given: str | None) -> None:
    """Defect 3: the MAC was computed and never compared."""
    order = town.order()
    attempt = town.attempt(order, provider_account=PLATFORM)
    if given == "right but for one letter":
        right = json.loads(platform.confirmation(MaThamChieu=attempt.attempt_ref, SoTien=attempt.amount))[
            "MaXacThuc"
        ]
        given = right[:-1] + ("0" if right[-1] != "0" else "1")
    assert confirm(door, attempt, MaXacThuc=given) == "99"
    assert state(town, order) == "open"
    assert one(town, "SELECT count(*) FROM inbound_callback") == 0


def test_03_hash_of_the_plain_fields_is_no_mac(door: FlaskClient, town: Scene) -> None:
    """Defect 3: whoever knows the fields but not the secret can not make a MAC."""
    attempt = town.attempt(town.order(), provider_account=PLATFORM)
    assert confirm(door, attempt, secret="") == "99"
    digest = hashlib.sha256(attempt.attempt_ref.encode()).hexdigest()
    assert confirm(door, attempt, MaXacThuc=digest) == "99"


@pytest.mark.parametrize(
    ("local", "utc"),
    [
        ("20261121143112", datetime(2026, 11, 21, 7, 31, 12, tzinfo=UTC)),
        ("20261121023112", datetime(2026, 11, 20, 19, 31, 12, tzinfo=UTC)),
    ],
    ids=["afternoon", "night"],
)
def test_04_afternoon_is_not_the_night_before_and_the_banks_own_words_are_kept(
    client: FlaskClient, scene: Scene, local: str, utc: datetime
) -> None:
    """Defect 4: a 12-hour format lost morning and afternoon."""
    order = scene.order()
    ipn(client, scene, scene.attempt(order), vnp_PayDate=local)
    assert scene.reload(order.id).paid_at == utc
    assert one(scene, "SELECT paid_at_raw FROM payment_evidence WHERE effect = 'captured'") == local


@pytest.mark.parametrize("minutes", [-16, 16])
def test_04_signed_message_of_another_time_is_refused(
    app: Flask, scene: Scene, clock: FixedClock, minutes: int
) -> None:
    """Defect 4: a message sixteen minutes off is refused, whatever it says of the time of payment."""
    owed = scene.fee()
    bank = Bank(app, clock)
    body = json.dumps(bank.payment(bank.bill(owed.document_no))).encode()
    bank.clock = FixedClock(clock.now() + timedelta(minutes=minutes))
    headers = bank.headers("payments", body)
    assert app.test_client().post(bank.path("payments"), data=body, headers=headers).status_code == 401
    assert one(scene, "SELECT count(*) FROM payment_order") == 0


def test_05_amounts_beyond_32_bits_are_paid_booked_and_shown(app: Flask, scene: Scene) -> None:
    """Defect 5: amounts were 32-bit; a vehicle's registration fee and a bank's day are larger."""
    portal = PortalApi.of(app, scene)
    amount = 3_000_000_000
    assert amount > INT32_MAX
    bodies = [portal.order_body(obligations=[public_id("obl", scene.fee(amount).id)]) for _ in range(2)]
    for body in bodies:
        made = portal.post("/payment-orders", body).json
        assert made["amount"] == {"amount": amount, "currency": "VND"}
        order = scene.reload(
            one(scene, "SELECT id FROM payment_order WHERE order_ref = %s", made["order_ref"])
        )
        assert ipn(app.test_client(), scene, scene.attempt(order)) == "00"
        shown = portal.get(f"/payment-orders/{made['order_ref']}").json
        assert (shown["status"], shown["amount"]["amount"]) == ("paid", amount)
    assert one(scene, "SELECT sum(amount) FROM posting WHERE side = 'D'") == 2 * amount


def test_05_no_column_of_money_is_narrower_than_64_bits(scene: Scene) -> None:
    """Defect 5: statements, collection, refunds and every other place where an amount is written."""
    narrow = """
    SELECT table_name || '.' || column_name FROM information_schema.columns
    WHERE table_schema = 'public' AND data_type IN ('smallint', 'integer', 'real', 'double precision')
      AND column_name ~ '(amount|principal|debit|credit|balance|income|price)' ORDER BY 1
    """
    with scene.runtime.database.begin() as uow:
        assert uow.run(narrow).fetchall() == []


def test_06_time_of_payment_is_the_banks_and_ours_is_kept_beside(
    app: Flask, client: FlaskClient, scene: Scene, clock: FixedClock
) -> None:
    """Defect 6: the legal time of payment was the server's clock when the notification came."""
    order = scene.order()
    attempt = scene.attempt(order)
    clock.advance(timedelta(hours=5))
    ipn(client, scene, attempt, vnp_PayDate="20261121103112")
    paid_at = datetime(2026, 11, 21, 3, 31, 12, tzinfo=UTC)
    assert scene.reload(order.id).paid_at == paid_at
    assert one(scene, "SELECT recorded_at FROM payment_evidence WHERE effect = 'captured'") == clock.now()
    shown = PortalApi.of(app, scene).get(f"/payment-orders/{order.order_ref}").json
    assert shown["paid_at"] == "2026-11-21T03:31:12Z"


def test_07_receipt_that_fails_is_owed_and_seen_and_the_payment_stands(
    client: FlaskClient, scene: Scene, postgres: TestServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Defect 7: the failure of a receipt was swallowed, and the citizen never got one."""
    order = scene.order()
    attempt = scene.attempt(order)
    with postgres.superuser() as connection:
        connection.execute("ALTER TABLE receipt_series RENAME TO receipt_series_away")
    try:
        assert ipn(client, scene, attempt) == "00"
        with pytest.raises(Exception, match="receipt_series"):
            issue()
    finally:
        with postgres.superuser() as connection:
            connection.execute("ALTER TABLE receipt_series_away RENAME TO receipt_series")
    assert state(scene, order) == "paid"
    assert one(scene, "SELECT outcome FROM job_run WHERE job = 'receipts.issue'") == "failed"
    assert "jobs.failed" in caplog.messages
    assert one(scene, "SELECT state FROM receipt WHERE order_id = %s", order.id) == "pending"
    issue()
    assert one(scene, "SELECT number FROM receipt WHERE order_id = %s", order.id) == 1


def test_08_provider_that_says_pending_is_asked_until_it_says_something_else(
    runtime: Runtime, clock: FixedClock
) -> None:
    """Defect 8: one answer "pending" ended the polling, and money that came later was never seen."""
    bank = ToldProvider()
    scene = Scene(with_providers(runtime, a=bank)).set_up()
    order = scene.order()
    attempt = scene.attempt(order, provider_account="a")

    def ask() -> None:
        due = one(scene, "SELECT next_query_at FROM payment_attempt WHERE id = %s", attempt.id)
        assert due <= clock.now() + timedelta(hours=1)
        clock.set(due)
        assert query_due() == "1 attempts to query"
        query_attempt(attempt_id=str(attempt.id))

    def says(outcome: Outcome) -> Evidence:
        return scene.evidence(attempt, outcome, source=EvidenceSource.STATUS_QUERY)

    bank.status = says(Outcome.PENDING)
    for asked in range(1, 13):
        ask()
        assert len(bank.queries) == asked
        assert state(scene, order) == "open"
    bank.status = says(Outcome.CONFIRMED)
    ask()
    assert state(scene, order) == "paid"


def test_09_references_of_one_second_are_all_different_and_fit_a_banks_field(
    app: Flask, scene: Scene
) -> None:
    """Defect 9: references were made of the time to the second, and two citizens got one."""
    portal = PortalApi.of(app, scene)
    orders = [portal.order() for _ in range(40)]  # the clock stands still
    assert len({order["order_ref"] for order in orders}) == 40
    assert len({order["payment_code"] for order in orders}) == 40
    references = []
    for order in orders:
        view = scene.reload(
            one(scene, "SELECT id FROM payment_order WHERE order_ref = %s", order["order_ref"])
        )
        references.append(scene.attempt(view).attempt_ref)
    assert len(set(references)) == 40
    assert all(
        len(each) <= 16 and each.isalnum() and each.isascii() and each.isupper() for each in references
    )


@pytest.mark.parametrize(
    "column", ["payment_order.order_ref", "payment_order.payment_code", "payment_attempt.attempt_ref"]
)
def test_09_reference_that_was_given_is_given_to_nobody_else(
    scene: Scene, postgres: TestServer, column: str
) -> None:
    """Defect 9: nothing kept one reference from standing for two payments. Here the database does."""
    for _ in range(2):
        scene.attempt(scene.order())
    table, name = column.split(".")
    alike = f"UPDATE {table} SET {name} = (SELECT min({name}) FROM {table})"
    with pytest.raises(UniqueViolation, match=name), postgres.superuser() as connection:
        connection.execute(alike)


def test_10_refusal_after_the_success_changes_nothing(client: FlaskClient, scene: Scene) -> None:
    """Defect 10: a failure that came after the success took the payment away."""
    order = scene.order()
    attempt = scene.attempt(order)
    assert ipn(client, scene, attempt) == "00"
    assert ipn(client, scene, attempt, vnp_ResponseCode="24", vnp_TransactionStatus="02") == "02"
    assert state(scene, order) == "paid"
    assert [ipn(client, scene, attempt) for _ in range(3)] == ["02"] * 3
    assert cases(scene) == []
    # The provider's own answer that denies the payment is for a person to look at, and takes nothing away either.
    scene.apply(scene.evidence(attempt, Outcome.REJECTED, source=EvidenceSource.STATUS_QUERY))
    assert state(scene, order) == "paid"
    assert cases(scene) == [("reversed_after_capture", "ask_provider")]
    assert one(scene, "SELECT count(*) FROM journal_entry") == 1


@pytest.mark.parametrize("ended", ["cancelled", "expired"])
def test_10_success_after_the_order_has_ended_is_money_with_a_case(
    app: Flask, client: FlaskClient, scene: Scene, clock: FixedClock, ended: str
) -> None:
    """Defect 10: money for a dead order vanished. Here it lies in suspense, with a refund proposed."""
    portal = PortalApi.of(app, scene)
    order = portal.order()
    view = scene.reload(one(scene, "SELECT id FROM payment_order WHERE order_ref = %s", order["order_ref"]))
    attempt = scene.attempt(view)
    assert ipn(client, scene, attempt, vnp_ResponseCode="24", vnp_TransactionStatus="02") == "00"
    if ended == "cancelled":
        assert portal.post(f"/payment-orders/{order['order_ref']}/cancel", {}).status_code == 200
    else:
        clock.set(view.expires_at)
        assert expire_due() == "1 orders expired"
    statement = scene.evidence(attempt, source=EvidenceSource.STATEMENT)
    scene.apply(statement)
    assert portal.get(f"/payment-orders/{order['order_ref']}").json["status"] == ended
    assert cases(scene) == [("late_success", "refund")]
    assert (
        one(scene, "SELECT sum(amount) FROM posting WHERE side = 'C' AND account_code = 'suspense'")
        == attempt.amount
    )


def test_11_second_bank_of_one_decision_is_a_duplicate_with_a_refund(
    client: FlaskClient, scene: Scene
) -> None:
    """Defect 11: two sessions paid one decision at two banks, and both payments counted."""
    order = scene.order(scene.fine(1_000_000))
    first = scene.attempt(order)
    ipn(client, scene, first, vnp_ResponseCode="24", vnp_TransactionStatus="02")
    second = scene.attempt(order, provider_account=SANDBOX)
    scene.apply(scene.evidence(second))
    scene.apply(scene.evidence(first, source=EvidenceSource.STATEMENT))
    assert state(scene, order) == "paid"
    assert cases(scene) == [("double_success", "refund")]
    payable = "SELECT sum(amount) FROM posting WHERE side = 'C' AND account_code = 'beneficiary_payable'"
    assert one(scene, payable) == order.amount.amount
    assert one(scene, "SELECT count(*) FROM payment_attempt WHERE state = 'succeeded'") == 1


def test_11_second_bank_is_not_asked_while_the_first_has_no_outcome(
    door: FlaskClient, town: Scene, wire: Canned
) -> None:
    """Defect 11: a second session began at another bank while the first was under way."""
    wire.body = b"{}"
    order = town.order()
    page = page_token(door, order)
    first = town.attempt(order)
    choose(door, order, PLATFORM, page)
    assert wire.sent == []
    ipn(door, town, first, vnp_ResponseCode="24", vnp_TransactionStatus="02")
    choose(door, order, PLATFORM, page)
    assert len(wire.sent) == 1


def test_11_database_holds_one_live_attempt_of_an_order(scene: Scene, postgres: TestServer) -> None:
    """Defect 11: whatever code forgets to look, two sessions of one order can not be under way."""
    order = scene.order()
    scene.apply(scene.evidence(scene.attempt(order), Outcome.REJECTED))
    scene.attempt(order, provider_account=SANDBOX)
    again = "UPDATE payment_attempt SET state = 'sent', next_query_at = now() WHERE state = 'failed'"
    with pytest.raises(UniqueViolation, match="live_or_paid"), postgres.superuser() as connection:
        connection.execute(again)


def test_11_second_order_of_one_decision_is_refused(app: Flask, scene: Scene) -> None:
    """Defect 11: one decision has one order that can be paid, whoever asks."""
    portal = PortalApi.of(app, scene)
    owed = [public_id("obl", scene.fine(1_000_000).id)]
    assert portal.post("/payment-orders", portal.order_body(obligations=owed)).status_code == 201
    assert portal.post("/payment-orders", portal.order_body(obligations=owed)).status_code == 409


def test_12_payer_without_a_number_is_not_given_one(door: FlaskClient, town: Scene, wire: Canned) -> None:
    """Defect 12: a missing identity number became 000000000."""
    owed = town.fee()
    with town.runtime.database.begin() as uow:
        uow.run("UPDATE obligor SET id_no_sealed = NULL, id_no_index = NULL")
        uow.commit()
    order = town.order(owed)
    choose(door, order, PLATFORM)
    assert wire.sent == []
    assert state(town, order) == "open"


def test_12_lines_stay_lines_and_come_to_the_total(door: FlaskClient, town: Scene, wire: Canned) -> None:
    """Defect 12: the lines of a fee were collapsed into one."""
    order = town.order(town.fee(150_000, 50_000))
    wire.body = b"{}"
    choose(door, order, PLATFORM)
    ((_method, _url, _headers, sent),) = wire.sent
    message = json.loads(sent)
    block = message["ThongTinBienLai"]
    assert [line["SoTien"] for line in block["PhiLePhi"]] == ["150000", "50000"]
    assert [line["SoTien"] for line in block["DSKhoanNop"]] == ["150000", "50000"]
    assert message["SoTien"] == "200000"
    assert block["SoCMNDNguoiNop"] == "000000000001"
    assert [line.amount.amount for line in town.reload(order.id).lines] == [150_000, 50_000]


def test_12_lines_that_do_not_come_to_the_total_are_not_sent(
    door: FlaskClient, town: Scene, wire: Canned, postgres: TestServer
) -> None:
    """Defect 12: nothing compared the lines with the total."""
    order = town.order(town.fee(150_000, 50_000))
    with postgres.superuser() as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("UPDATE payment_order_line SET amount = amount - 1 WHERE line_no = 1")
    choose(door, order, PLATFORM)
    assert wire.sent == []
    assert state(town, order) == "open"


@pytest.mark.parametrize("number", ["000000000", "000000000000", "111111111", "12345"])
def test_12_number_that_nobody_has_is_refused_at_the_door(app: Flask, scene: Scene, number: str) -> None:
    """Defect 12: a made-up identity number is refused when the obligation is registered, not filled in."""
    portal = PortalApi.of(app, scene)
    answer = portal.post("/obligations", changed(FEE, "obligor.citizen_id", number))
    assert answer.status_code == 422, answer.text
