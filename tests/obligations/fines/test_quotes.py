"""What a fine costs on a day: the worked figures, unproved service, written terms, and old quotes again."""

from datetime import date, timedelta

import pytest

from tests.obligations.fines.desk import Desk
from tests.obligations.test_api import FINE, changed
from tests.scenes import Scene


def test_fine_of_a_million_paid_17_days_late_costs_8500_more(desk: Desk, scene: Scene, today: date) -> None:
    # The term ends ten days after service; the 17 days run from the day after it to the day before payment.
    fine = scene.fine(1_000_000, served_on=today - timedelta(days=28))
    quote = desk.portal.get(f"{desk.path(fine)}").json["quote"]
    assert (quote["late_days"], quote["surcharge"]["amount"], quote["total"]["amount"]) == (
        17,
        8_500,
        1_008_500,
    )
    order = desk.order(fine)
    assert order["amount"]["amount"] == 1_008_500
    assert [(line["type"], line["amount"]["amount"]) for line in order["lines"]] == [
        ("fine", 1_000_000),
        ("late_surcharge", 8_500),
    ]
    desk.pay(order)
    assert desk.status(fine) == "paid"


@pytest.mark.parametrize(
    ("days_ago", "late_days"),
    [(10, 0), (11, 0), (12, 0), (13, 1)],
)
def test_fine_without_proof_of_service_runs_from_the_twelfth_day(
    desk: Desk, days_ago: int, late_days: int, today: date
) -> None:
    body = changed(FINE, "document.served_on", None)
    body = changed(body, "document.decided_on", str(today - timedelta(days=days_ago)))
    made = desk.portal.post("/obligations", body)
    assert made.status_code == 201, made.text
    assert made.json["quote"]["late_days"] == late_days


def test_longer_written_term_counts_and_a_shorter_one_does_not(desk: Desk, today: date) -> None:
    served = today - timedelta(days=20)
    body = changed(FINE, "document.served_on", str(served))
    body = changed(body, "document.decided_on", str(served))
    longer = changed(changed(body, "document.written_term_days", 25), "document.decision_no", "1/QĐ")
    shorter = changed(changed(body, "document.written_term_days", 5), "document.decision_no", "2/QĐ")
    dues = [desk.portal.post("/obligations", each).json["due_on"] for each in (longer, shorter)]
    assert dues == [str(served + timedelta(days=25)), str(served + timedelta(days=10))]


def test_line_of_a_fine_is_generic_whatever_the_portal_wrote(desk: Desk) -> None:
    body = changed(FINE, "lines.0.name", "Phạt lỗi CANARY vượt đèn đỏ")
    made = desk.portal.post("/obligations", body)
    assert made.json["lines"][0]["name"] == "Tiền phạt vi phạm hành chính"
    again = desk.portal.post("/obligations", changed(body, "lines.0.name", "khác"))
    assert (again.status_code, again.json["id"]) == (200, made.json["id"])
    order = desk.portal.order(obligations=[made.json["id"]])
    assert "CANARY" not in str(made.json) + str(order)


def test_quote_of_a_past_day_comes_out_as_it_was_given(desk: Desk, scene: Scene, today: date) -> None:
    fine = scene.fine(1_000_000, served_on=today - timedelta(days=28))
    asked_at = scene.runtime.clock.now()
    before = desk.total(fine, today)
    scene.runtime.clock.advance(timedelta(hours=1))
    desk.version(fine, "corrected", 2_000_000, on=str(today - timedelta(days=2)))
    assert desk.total(fine, today) > before
    assert desk.total(fine, today, as_of=asked_at) == before == 1_008_500


def test_quote_before_it_was_known_is_refused(desk: Desk, scene: Scene) -> None:
    fine = scene.fine()
    asked = f"{desk.path(fine)}/quote?as_of=2020-01-01T00:00:00Z"
    answer = desk.portal.get(asked)
    assert (answer.status_code, answer.json["code"]) == (422, "invalid_input")
