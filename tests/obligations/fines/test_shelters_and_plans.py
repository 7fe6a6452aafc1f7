"""Days without surcharge, and fines paid in parts."""

from datetime import date, timedelta

import pytest

from tests.obligations.fines.desk import Desk
from tests.scenes import Scene

SERVED = date(2026, 11, 15)
PARTS = [
    {"due_on": "2026-12-01", "amount": 8_000_000},
    {"due_on": "2027-01-15", "amount": 6_000_000},
    {"due_on": "2027-03-15", "amount": 6_000_000},
]
PLAN = {"decision_ref": "12/QĐ-NPNL", "granted_on": "2026-11-21", "instalments": PARTS}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"ref": "1/QĐ", "kind": "deferral", "on": "2026-11-22"}, "invalid_input"),
        ({"ref": "1/QĐ", "kind": "deferral", "on": "2026-10-01"}, "invalid_input"),
        ({"ref": "Lý do: say rượu", "kind": "deferral", "on": "2026-11-20"}, "invalid_request"),
    ],
)
def test_shelter_that_can_not_be_is_refused(
    desk: Desk, scene: Scene, body: dict[str, str], reason: str
) -> None:
    assert desk.say(scene.fine(), "shelters", 422, **body)["code"] == reason


def test_shelter_closes_only_what_was_opened(desk: Desk, scene: Scene) -> None:
    fine = scene.fine()
    unknown = desk.say(fine, "shelters/close", 422, ref="1/QĐ", on="2026-11-20")
    assert unknown["code"] == "invalid_shelter"
    desk.say(fine, "shelters", ref="1/QĐ", kind="deferral", on="2026-11-18")
    early = desk.say(fine, "shelters/close", 422, ref="1/QĐ", on="2026-11-17")
    assert early["code"] == "invalid_shelter"
    other = desk.say(fine, "shelters", 422, ref="1/QĐ", kind="reduction_request", on="2026-11-18")
    assert other["code"] == "invalid_shelter"


def test_no_surcharge_runs_while_a_shelter_is_open(desk: Desk, scene: Scene, today: date) -> None:
    fine = scene.fine(1_000_000, served_on=today - timedelta(days=28))
    assert desk.total(fine) == 1_008_500
    order = desk.order(fine)
    opened = {"ref": "45/QĐ-HTH", "kind": "deferral", "on": str(today - timedelta(days=10))}
    desk.say(fine, "shelters", **opened)
    assert desk.order_status(order) == "cancelled"
    assert desk.total(fine) == 1_003_500  # seven late days before it
    closed = {"ref": "45/QĐ-HTH", "on": str(today - timedelta(days=4))}
    first = desk.say(fine, "shelters/close", **closed)
    assert desk.say(fine, "shelters/close", **closed) == first
    assert desk.total(fine) == 1_005_500  # and four after it
    assert [each["kind"] for each in first["events"]] == ["shelter_opened", "shelter_closed"]


@pytest.mark.parametrize(
    ("amount", "change", "code"),
    [
        (14_000_000, {}, "invalid_instalment_plan"),
        (20_000_000, {"instalments": PARTS[:2]}, "invalid_instalment_plan"),
        (
            20_000_000,
            {"instalments": [PARTS[1] | {"due_on": "2026-12-01"}, *PARTS[1:]]},
            "invalid_instalment_plan",
        ),
        (20_000_000, {"granted_on": "2026-11-22"}, "invalid_instalment_plan"),
        (20_000_000, {"instalments": PARTS[:1]}, "invalid_request"),
    ],
)
def test_plan_that_the_law_does_not_allow_is_refused(
    desk: Desk, scene: Scene, amount: int, change: dict[str, object], code: str
) -> None:
    fine = scene.fine(amount, served_on=SERVED)
    body = PLAN | change
    if amount == 14_000_000:
        body = body | {"instalments": [PARTS[0], PARTS[1]]}
    assert desk.say(fine, "instalment-plan", 422, **body)["code"] == code
    assert desk.read(fine)["plan"] is None


def test_proposal_splits_what_is_unpaid_and_writes_nothing(desk: Desk, scene: Scene) -> None:
    fine = scene.fine(20_000_000, served_on=SERVED)
    dates = [part["due_on"] for part in PARTS]
    proposed = desk.say(fine, "instalment-plan/proposal", due_on=dates)
    assert [part["amount"]["amount"] for part in proposed["instalments"]] == [8_000_000, 6_000_000, 6_000_000]
    assert desk.read(fine)["plan"] is None
    assert desk.say(fine, "instalment-plan/proposal", 422, due_on=dates[::-1])["code"] == "invalid_request"


def test_instalments_are_paid_one_after_another_until_the_fine_is_paid(desk: Desk, scene: Scene) -> None:
    fine = scene.fine(20_000_000, served_on=SERVED)
    assert desk.refused_order(fine, 1) == "instalment_not_payable"
    granted = desk.say(fine, "instalment-plan", **PLAN)
    assert desk.say(fine, "instalment-plan", **PLAN) == granted
    assert (granted["status"], granted["next_step"]) == ("open", "pay_instalment")
    assert granted["plan"]["payable"] == [1]
    assert desk.refused_order(fine, 2) == "instalment_not_payable"
    first = desk.order(fine, 1)
    assert first["amount"]["amount"] == 8_000_000
    assert desk.refused_order(fine, 1) == "obligation_in_another_order"
    desk.pay(first)
    assert desk.status(fine) == "partially_paid"
    assert desk.refused_order(fine, 1) == "instalment_not_payable"
    for no in (2, 3):
        desk.pay(desk.order(fine, no))
    done = desk.read(fine)
    assert (done["status"], done["plan"]["state"], done["next_step"]) == ("paid", "complete", "nothing")
    paid = [each for each in done["events"] if each["kind"] == "paid"]
    assert [each["instalment_no"] for each in paid] == [1, 2, 3]
    assert sum(each["principal"]["amount"] for each in paid) == 20_000_000


def test_whole_rest_may_be_paid_instead_of_the_next_instalment(desk: Desk, scene: Scene) -> None:
    fine = scene.fine(20_000_000, served_on=SERVED)
    desk.say(fine, "instalment-plan", **PLAN)
    desk.pay(desk.order(fine, 1))
    rest = desk.order(fine)
    assert rest["amount"]["amount"] == 12_000_000
    desk.pay(rest)
    assert desk.status(fine) == "paid"


def test_missed_date_breaks_the_plan_and_surcharge_runs_again(desk: Desk, scene: Scene) -> None:
    fine = scene.fine(20_000_000, served_on=SERVED)
    desk.say(fine, "instalment-plan", **PLAN)
    desk.pay(desk.order(fine, 1))
    scene.runtime.clock.advance(timedelta(days=70))  # 30 January: the second part was due on the 15th
    broken = desk.read(fine)
    assert (broken["plan"]["state"], broken["plan"]["broken_on"]) == ("broken", "2027-01-16")
    assert broken["next_step"] == "pay_rest"
    assert desk.refused_order(fine, 2) == "instalment_not_payable"
    # 14 days, 16 to 29 January, on 12,000,000 at 5/10000.
    assert desk.total(fine) == 12_000_000 + 84_000
    desk.pay(desk.order(fine))
    assert desk.status(fine) == "paid"


def test_second_plan_while_one_is_kept_is_refused(desk: Desk, scene: Scene) -> None:
    fine = scene.fine(20_000_000, served_on=SERVED)
    desk.say(fine, "instalment-plan", **PLAN)
    again = desk.say(fine, "instalment-plan", 422, **(PLAN | {"decision_ref": "13/QĐ"}))
    assert again["code"] == "invalid_instalment_plan"


def test_organisation_needs_a_larger_fine_for_a_plan(desk: Desk) -> None:
    from tests.obligations.test_api import FINE, changed

    body = changed(changed(FINE, "lines.0.amount", 20_000_000), "document.served_on", str(SERVED))
    body["obligor"] = {"name": "CÔNG TY MẪU", "kind": "organisation", "tax_code": "0101234567"}
    made = desk.portal.post("/obligations", body)
    assert made.status_code == 201, made.text
    answer = desk.portal.post(f"/obligations/{made.json['id']}/instalment-plan", PLAN)
    assert (answer.status_code, answer.json["code"]) == (422, "invalid_instalment_plan")
