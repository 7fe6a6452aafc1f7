"""Orders of contributions: what is kept of the quote, until when it holds, which months a payment covers, and what uncovers them."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date, time
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from payclear.contract.outcomes import EvidenceSource, Outcome
from payclear.kernel.money import Money
from payclear.obligations.records import ObligationView
from payclear.obligations.service import find_many
from payclear.operations.verify import verify
from payclear.orders.service import expire_order
from payclear.refunds.service import apply_refund_evidence, request_refund
from tests.collection.bank import Bank
from tests.obligations.insurance.office import Office, amounts, at, member, shares
from tests.obligations.test_api import refused
from tests.statements import recorded

AUGUST = date(2026, 8, 15)


def kept(office: Office, order_id: UUID) -> list[tuple[Any, ...]]:
    with office.scene.runtime.database.begin() as uow:
        return uow.run(
            "SELECT place, months, own_amount, state_amount, monthly_amount FROM contribution_quote "
            "WHERE order_id = %s ORDER BY place",
            (order_id,),
        ).fetchall()


def covers(office: Office) -> list[tuple[Any, ...]]:
    """What stands: place, first and last day."""
    with office.scene.runtime.database.begin() as uow:
        return uow.run(
            "SELECT place, from_on::text, to_on::text FROM contribution_cover WHERE taken_back_at IS NULL "
            "ORDER BY from_on, place"
        ).fetchall()


def broken(office: Office) -> set[str]:
    findings = verify(office.scene.runtime.database)
    return {finding.check.id for finding in findings if not finding.holds} & {"INV-72", "INV-73"}


def give_back(office: Office, attempt_ref: str, amount: int) -> None:
    runtime = office.scene.runtime
    with runtime.database.begin() as uow:
        refund = request_refund(
            uow,
            providers=runtime.providers,
            attempt_ref=attempt_ref,
            amount=Money(amount),
            reason="Nộp thừa",
            requested_by="canbo",
        )
        apply_refund_evidence(
            uow, outcome=Outcome.CONFIRMED, source=EvidenceSource.STATEMENT, refund_id=refund.id
        )
        uow.commit()


def test_order_keeps_both_shares_and_asks_for_the_own_only(office):
    office.on(AUGUST)
    made = office.register(office.household([member(1, support_category="near_poor"), member(2)], months=3))
    order = office.order(made)
    assert kept(office, order.id) == [
        (1, 3, 34_155 * 3, 79_695 * 3, 113_850),
        (2, 3, 79_695 * 3, 0, 79_695),
    ]
    assert [line.amount.amount for line in order.lines] == [34_155 * 3, 79_695 * 3]
    assert order.amount.amount == (34_155 + 79_695) * 3


def test_order_of_many_members_says_no_more_to_the_database_than_one_of_few(office):
    office.on(AUGUST)
    told = []
    for members in (2, 6):
        people = [member(10 * members + place) for place in range(members)]
        made = office.register(
            office.household([each | {"order": place} for place, each in enumerate(people, 1)])
        )
        with recorded(office.scene.runtime) as said:
            office.order(made)
        told.append(len(said))
    assert told[0] == told[1]


def test_state_share_is_booked_nowhere(office):
    office.on(AUGUST)
    order = office.pay(office.register(office.voluntary(categories=("poor",), months=3)))
    with office.scene.runtime.database.begin() as uow:
        booked = uow.run(
            "SELECT side, sum(amount)::bigint FROM posting GROUP BY side ORDER BY side"
        ).fetchall()
    assert booked == [("C", 495_000), ("D", 495_000)]
    assert order.amount.amount == 495_000
    assert broken(office) == set()


def test_paid_notice_tells_who_paid_what_until_the_money_goes_back(office):
    office.on(AUGUST)
    made = office.register(office.household([member(1, support_category="near_poor"), member(2)], months=3))
    assert made["paid_for"] is None
    order = office.pay(made)
    paid = office.read(made)
    assert (paid["quote"], paid["paid_for"]) == (None, made["quote"]["contribution"])
    give_back(office, order.attempts[-1].attempt_ref, order.amount.amount)
    assert office.read(made)["paid_for"] is None


def test_refund_of_money_that_came_twice_leaves_the_months_paid_for(office):
    office.on(AUGUST)
    scene = office.scene
    order = office.order(office.register(office.household(1, months=12)))
    first = scene.attempt(order)
    scene.apply(scene.evidence(first, Outcome.REJECTED))
    scene.apply(scene.evidence(scene.attempt(order)))
    paid = covers(office)
    scene.apply(scene.evidence(first, source=EvidenceSource.STATUS_QUERY))
    assert [each.state for each in scene.reload(order.id).attempts] == ["surplus", "succeeded"]
    give_back(office, first.attempt_ref, order.amount.amount)
    assert covers(office) == paid != []
    assert broken(office) == set()


def test_order_ends_with_the_last_day_of_its_quote(office):
    office.on(date(2026, 6, 30), time(22))
    made = office.register(office.household(1, from_on=date(2026, 7, 1)))
    order = office.order(made)
    assert order.expires_at == at(made["quote"]["valid_until"]) == at("2026-06-30T17:00:00Z")
    office.on(date(2026, 7, 1), time(0, 5))
    with office.scene.runtime.database.begin() as uow:
        assert expire_order(uow, order.id)
        uow.commit()
    assert office.order(office.read(made)).amount.amount == 113_850 * 12


def test_money_begun_in_june_pays_the_june_order_while_it_lives(office):
    office.on(date(2026, 6, 30), time(23, 50))
    order = office.order(office.register(office.household(1, from_on=date(2026, 7, 1))))
    attempt = office.scene.attempt(order)
    office.on(date(2026, 7, 1), time(0, 10))
    office.scene.apply(office.scene.evidence(attempt))
    assert office.scene.reload(order.id).state == "paid"
    assert covers(office) == [(1, "2026-07-01", "2027-06-30")]


def test_money_for_an_order_that_is_over_lies_in_suspense_and_covers_nothing(office):
    office.on(date(2026, 6, 30), time(23))
    order = office.order(office.register(office.household(1, from_on=date(2026, 7, 1))))
    attempt = office.scene.attempt(order)
    office.scene.apply(office.scene.evidence(attempt, Outcome.REJECTED))
    office.on(date(2026, 7, 1), time(9))
    with office.scene.runtime.database.begin() as uow:
        expire_order(uow, order.id)
        uow.commit()
    late = office.scene.evidence(attempt, source=EvidenceSource.STATUS_QUERY)
    assert office.scene.apply(late).case == "late_success"
    assert covers(office) == []
    assert broken(office) == set()


def test_paid_months_are_not_charged_again_by_another_notice(office):
    office.on(AUGUST)
    office.pay(office.register(office.household(2, months=3)))
    assert covers(office) == [(1, "2026-09-01", "2026-11-30"), (2, "2026-09-01", "2026-11-30")]
    newcomer = member(3, code="0000000055")
    made = office.register(office.household([member(1), member(2), newcomer], months=12))
    # Registered by the portal's facts alone; the quote knows our own books too.
    assert [each["months"] for each in made["quote"]["contribution"]["members"]] == [9, 9, 12]
    assert [each["from_on"] for each in made["quote"]["contribution"]["members"]] == [
        "2026-12-01",
        "2026-12-01",
        "2026-09-01",
    ]
    office.pay(made)
    assert broken(office) == set()


def test_months_paid_in_the_midst_of_a_period_make_it_impossible_to_order(office):
    office.on(AUGUST)
    office.pay(office.register(office.household(1, from_on=date(2026, 12, 1), months=3)))
    made = office.register(office.household(1, from_on=date(2026, 9, 1), months=12))
    assert made["quote"] is None
    body = office.portal.order_body(obligations=[made["id"]])
    answer = refused(office.portal.post("/payment-orders", body), 422, "invalid_contribution")
    assert (answer["facts"]["reason"], answer["facts"]["begin_on"]) == ("overlaps", "2027-03-01")


def test_notice_whose_months_were_all_paid_elsewhere_has_nothing_left(office):
    office.on(AUGUST)
    first = office.register(office.household(1, months=12))
    office.pay(first)
    second = office.register(office.household(1, months=3))
    assert second["quote"] is None
    body = office.portal.order_body(obligations=[second["id"]])
    answer = refused(office.portal.post("/payment-orders", body), 422, "invalid_contribution")
    assert answer["facts"]["reason"] == "nothing_to_pay"


@pytest.fixture
def bank(app, office: Office) -> Bank:
    return Bank(app, office.scene.runtime.clock)


def test_counter_takes_a_contribution_and_its_reversal_uncovers_the_months(office, bank):
    office.on(AUGUST)
    made = office.register(office.household(2, months=3))
    bill = bank.bill(made["document_no"])
    assert bill["description"] == f"Bảo hiểm y tế hộ gia đình theo thông báo số {made['document_no']}"
    assert bank.pay(bill).word == "accepted"
    assert len(covers(office)) == 2
    assert bank.reverse("FT1", amount=bill["amount"]).word == "accepted"
    assert covers(office) == []
    assert office.read(made)["status"] == "open"
    assert broken(office) == set()


def test_bill_holds_to_the_end_of_the_quote_and_no_longer(office, bank):
    office.on(date(2026, 6, 30), time(22))
    made = office.register(office.household(1, from_on=date(2026, 7, 1)))
    assert at(bank.bill(made["document_no"])["valid_until"]) == at("2026-06-30T17:00:00Z")


def test_counter_is_told_that_a_notice_without_anything_left_can_not_be_paid(office, bank):
    office.on(AUGUST)
    office.pay(office.register(office.household(1, months=12)))
    second = office.register(office.household(1, months=3))
    assert bank.inquire(second["document_no"]).word == "not_payable"


def test_after_a_reversal_two_notices_ask_for_one_month_and_neither_can_be_ordered(office, bank):
    office.on(AUGUST)
    first = office.register(office.household(1, months=3))
    bill = bank.bill(first["document_no"])
    bank.pay(bill)
    second = office.register(office.household(1, months=12))
    bank.reverse("FT1", amount=bill["amount"])
    for each in (first, second):
        body = office.portal.order_body(obligations=[each["id"]])
        refused(office.portal.post("/payment-orders", body), 409, "months_in_another_notice")


def test_refund_of_the_whole_uncovers_and_of_a_part_does_not(office):
    office.on(AUGUST)
    order = office.pay(office.register(office.household(1, months=3)))
    attempt = order.attempts[-1]
    give_back(office, attempt.attempt_ref, 100_000)
    assert len(covers(office)) == 1
    give_back(office, attempt.attempt_ref, order.amount.amount - 100_000)
    assert covers(office) == []
    assert broken(office) == set()
    again = office.register(office.household(1, months=3))
    assert shares(again) == [113_850 * 3]


def test_same_months_of_one_person_registered_at_one_moment_are_registered_once(office):
    office.on(AUGUST)
    bodies = [office.household([member(1)]) for _ in range(6)]
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda body: office.portal.post("/obligations", body), bodies))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 5


def test_page_and_receipt_say_what_it_is_and_name_nobody(office, client):
    office.on(AUGUST)
    order = office.order(office.register(office.household(2, months=3)))
    page = client.get(f"/pay/{order.pay_token}").text
    assert "Đóng bảo hiểm y tế hộ gia đình" in page
    assert "BHYT hộ gia đình, người thứ 2, 3 tháng" in page
    office.scene.apply(office.scene.evidence(office.scene.attempt(order)))
    receipt = client.get(f"/pay/{order.pay_token}/receipt", follow_redirects=True).text
    assert "Biên lai thu tiền đóng BHXH, BHYT" in receipt
    for text in (page, receipt):
        assert "LÊ THỊ MẪU" not in text
        assert "00099000" not in text


STEP = st.tuples(
    st.sampled_from([0, 1, 2]),  # which person comes first
    st.integers(min_value=0, max_value=5),  # quarters after September
    st.sampled_from([3, 6, 12]),
    st.sampled_from(["leave", "order", "pay", "pay", "pay and return"]),
)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEP, min_size=2, max_size=6))
def test_no_month_is_paid_for_twice_whatever_is_registered_paid_and_returned(office, bank, steps):
    office.on(AUGUST)
    run = next(office.numbers)
    for no, (first, quarter, months, deed) in enumerate(steps):
        people = [member(1, code=f"{run:08d}{first:02d}"), member(2, code=f"{run:08d}{first + 1:02d}")]
        start = date(2026 + (8 + 3 * quarter) // 12, (8 + 3 * quarter) % 12 + 1, 1)
        answer = office.portal.post("/obligations", office.household(people, from_on=start, months=months))
        if answer.status_code != 201 or answer.json["quote"] is None:
            continue
        if deed == "order":
            office.portal.post("/payment-orders", office.portal.order_body(obligations=[answer.json["id"]]))
        if deed.startswith("pay"):
            bill = bank.bill(answer.json["document_no"])
            heard = bank.pay(bill, f"FT{run}-{no}")
            if deed == "pay and return" and heard.word == "accepted":
                bank.reverse(f"FT{run}-{no}", f"RV{run}-{no}", amount=bill["amount"])
    assert broken(office) == set()


PLANTS = [
    ("INV-72", "UPDATE contribution_quote SET own_amount = 1, state_amount = monthly_amount * months - 1"),
    (
        "INV-72",
        "DELETE FROM contribution_quote WHERE order_id IN (SELECT id FROM payment_order WHERE state = 'open')",
    ),
    ("INV-72", "UPDATE contribution_quote SET quoted_on = quoted_on - 1"),
    (
        "INV-73",
        "UPDATE contribution_cover SET from_on = from_on - 30, to_on = to_on - 30 WHERE from_on = '2026-12-01'",
    ),
    ("INV-73", "DELETE FROM contribution_cover WHERE from_on = '2026-12-01'"),
    ("INV-73", "UPDATE payment_order SET state = 'expired' WHERE state = 'paid'"),
]


@pytest.mark.parametrize(("invariant", "sql"), PLANTS)
def test_planted_violation_turns_its_invariant_red(office, postgres, invariant, sql):
    office.on(AUGUST)
    office.pay(office.register(office.household(1, months=3)))
    office.pay(office.register(office.household(1, from_on=date(2026, 12, 1), months=3)))
    office.order(office.register(office.household(1, from_on=date(2027, 3, 1), months=3)))
    assert broken(office) == set()
    with postgres.superuser() as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute(sql)
    assert broken(office) == {invariant}


def test_mixed_order_collects_a_contribution_beside_a_fee(office):
    office.on(date(2026, 11, 21))
    fee = office.scene.fee(50_000)
    made = office.register(office.voluntary(from_on=date(2026, 12, 1)))
    order = office.scene.order(fee, obligation_of(office, made))
    assert order.amount.amount == 380_000
    assert amounts(made) == [330_000]
    assert broken(office) == set()


def obligation_of(office: Office, made: dict[str, Any]) -> ObligationView:
    with office.scene.runtime.database.begin() as uow:
        return find_many(uow, [office.row_id(made)])[0]
