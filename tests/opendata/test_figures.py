"""Figures of a day: what counts, what does not, what was known when."""

import json
from datetime import date, datetime, time, timedelta
from uuid import uuid4

import pytest
from flask import Flask

from payclear.contract.collection import CollectionVerdict
from payclear.contract.outcomes import EvidenceSource, Outcome
from payclear.kernel.clock import at_vietnam
from payclear.kernel.ids import parse_public_id
from payclear.obligations.service import find_many
from payclear.opendata.checks import faults_of
from payclear.opendata.counters import LookupChannel, count_lookup
from payclear.opendata.domain import NoFigures
from payclear.opendata.service import figures_of
from payclear.operations.verify import verify
from payclear.orders.collecting import reverse_collected
from payclear.refunds.service import apply_refund_evidence, request_refund
from tests.database import TestServer
from tests.obligations.fines.desk import Desk
from tests.obligations.test_api import FINE, changed
from tests.opendata.conftest import DAY, Town
from tests.portal_api import PortalApi

NEXT = DAY + timedelta(days=1)
NIGHT = at_vietnam(NEXT, time(0, 30))


def after_night(town: Town, *, days: int = 1) -> None:
    town.clock.set(at_vietnam(DAY + timedelta(days=days), time(1, 0)))


def rows(part: dict, table: str) -> dict[str, int]:
    return {row["code"]: row["payments"] for row in part[table]["rows"]}


def test_empty_day_has_figures_that_add_up(town: Town) -> None:
    after_night(town)
    _, figures = town.figures(DAY, NIGHT)
    assert figures["payments_of_day"]["total"] == {
        "payments": 0,
        "amount": 0,
        "median_minutes": None,
        "p90_minutes": None,
    }
    assert list(faults_of(figures)) == []


def test_only_payments_that_succeeded_count_and_tries_count_apart(town: Town) -> None:
    for _ in range(7):
        town.pay()
    town.pay(outcome=Outcome.REJECTED)
    town.scene.attempt(town.scene.order())
    after_night(town)
    _, figures = town.figures(DAY, NIGHT)
    of_day = figures["payments_of_day"]
    assert (of_day["total"]["payments"], of_day["total"]["amount"]) == (7, 700_000)
    assert figures["tries_of_day"]["orders"]["begun"] == 9
    assert figures["tries_of_day"]["orders"]["states"]["paid"] == 7
    attempts = figures["tries_of_day"]["attempts"]
    assert attempts == {"begun": 9, "states": {"failed": 1, "sent": 1, "succeeded": 7}}
    assert of_day["total"]["median_minutes"] == of_day["total"]["p90_minutes"] == 10
    assert list(faults_of(figures)) == []


def test_shares_name_their_remainder_and_few_people_are_not_told_apart(town: Town) -> None:
    for _ in range(7):
        town.pay()
    for _ in range(3):
        town.pay(fine=True, amount=1_000_000)
    after_night(town)
    _, figures = town.figures(DAY, NIGHT)
    of_day = figures["payments_of_day"]
    shares = {row["code"]: (row["payments"], row["share_of_payments"]) for row in of_day["shares"]["rows"]}
    # Three people paid fines: alone they would be published, and with the fees taken out they would be found.
    assert shares == {"insurance": (0, 0), "fee": (0, 0), "fine": (0, 0), "other": (10, 1000)}
    assert rows(of_day, "by_kind") == {"rest": 10}
    assert of_day["by_kind"]["folded"] == 2
    assert of_day["total"]["amount"] == 3_700_000


def test_groups_of_enough_people_have_their_shares(town: Town) -> None:
    for _ in range(6):
        town.pay()
    for _ in range(6):
        town.pay(fine=True, amount=300_000)
    after_night(town)
    _, figures = town.figures(DAY, NIGHT)
    shares = {
        row["code"]: (row["share_of_payments"], row["share_of_amount"])
        for row in figures["payments_of_day"]["shares"]["rows"]
    }
    assert shares == {"insurance": (0, 0), "fee": (500, 250), "fine": (500, 750), "other": (0, 0)}


def test_one_person_who_pays_ten_times_is_one_person(town: Town) -> None:
    """One identity number has one blind index, however many documents it stands on."""
    for _ in range(10):
        town.pay()
    with town.runtime.database.begin() as uow:
        uow.run("UPDATE obligor SET id_no_index = '\\x00'")
        uow.commit()
    after_night(town)
    _, figures = town.figures(DAY, NIGHT)
    of_day = figures["payments_of_day"]
    assert rows(of_day, "by_agency") == {"rest": 10}
    assert of_day["total"]["median_minutes"] is None


def test_past_as_of_time_gives_the_same_bytes_whatever_happened_since(town: Town) -> None:
    for _ in range(6):
        town.pay()
    owed = town.pay(fine=True)
    town.look_up(owed)
    as_of = town.clock.now().replace(second=0, microsecond=0)
    town.clock.advance(timedelta(hours=2))
    before, figures = town.figures(DAY, as_of)
    assert figures["as_of"] == "2026-11-21T11:40+07:00"
    for _ in range(5):
        town.pay()
        town.look_up(owed)
    after_night(town, days=3)
    again, _ = town.figures(DAY, as_of)
    assert again == before
    later, _ = town.figures(DAY, NIGHT)
    assert json.loads(later)["payments_of_day"]["total"]["payments"] == 12


def test_money_recorded_later_belongs_to_its_day_and_to_later_as_of_times(town: Town) -> None:
    attempt = town.scene.attempt(town.scene.order(amount=100_000))
    paid_at = town.clock.now()
    town.clock.advance(timedelta(days=2))
    town.scene.apply(town.scene.evidence(attempt, source=EvidenceSource.STATUS_QUERY, paid_at=paid_at))
    town.clock.advance(timedelta(hours=1))
    _, early = town.figures(DAY, NIGHT)
    _, late = town.figures(DAY, town.clock.now() - timedelta(minutes=30))
    assert early["payments_of_day"]["total"]["payments"] == 0
    assert late["payments_of_day"]["total"]["payments"] == 1


@pytest.mark.parametrize(
    ("day", "as_of"),
    [
        (DAY, NIGHT + timedelta(days=9)),
        (NEXT, at_vietnam(DAY, time(12, 0))),
        (date(1999, 1, 1), NIGHT),
    ],
)
def test_day_or_time_without_figures_is_refused(town: Town, day: date, as_of: datetime) -> None:
    after_night(town)
    with town.runtime.database.begin() as uow, pytest.raises(NoFigures):
        figures_of(uow, day, as_of)


def test_funnel_counts_each_stage_and_its_ends_come_to_what_was_uploaded(town: Town) -> None:
    paid = [town.pay(fine=True) for _ in range(3)]
    waiting = [town.pay(fine=True, outcome=Outcome.REJECTED) for _ in range(4)]
    for each in (paid[0], waiting[0], waiting[0]):
        town.look_up(each)
    town.look_up(None, answer="not_found")
    after_night(town)
    _, figures = town.figures(DAY, NIGHT)
    total = figures["funnel"]["total"]
    assert (total["registered"], total["served"], total["looked_up"]) == (7, 7, 2)
    assert (total["ordered"], total["paid"], total["open"]) == (7, 3, 4)
    assert figures["lookups_of_day"]["total"] == 4
    assert figures["lookups_of_day"]["channels"]["public"]["answers"] == {"not_found": 1, "payable": 3}
    assert [row["code"] for row in figures["funnel"]["by_age"]["rows"]] == ["d0_10"]
    assert list(faults_of(figures)) == []


def test_funnel_tells_by_which_channel_was_paid_and_what_was_not_paid_here(town: Town) -> None:
    for _ in range(6):
        town.pay()
    for _ in range(5):
        town.pay(outcome=Outcome.REJECTED)
    after_night(town)
    body, figures = town.figures(DAY, NIGHT)
    rows = {row["code"]: row for row in figures["funnel"]["by_channel"]["rows"]}
    assert {code: (row["registered"], row["paid"]) for code, row in rows.items()} == {
        "GATEWAY": (6, 6),
        "none": (5, 0),
    }
    assert rows["none"]["name"]["vi"] == "Không nộp qua hệ thống này"
    town.pay()
    assert town.figures(DAY, NIGHT)[0] == body


def test_payment_taken_back_later_keeps_its_channel_in_the_figures_of_before(town: Town) -> None:
    for _ in range(6):
        town.pay()
    attempt = town.scene.attempt(town.scene.order(town.scene.fee()))
    town.scene.apply(town.scene.evidence(attempt))
    as_of = town.clock.now().replace(second=0, microsecond=0) + timedelta(minutes=1)
    town.clock.advance(timedelta(hours=1))
    before, _ = town.figures(DAY, as_of)
    taken_back = town.scene.evidence(attempt, provider_ref="back-1")
    with town.runtime.database.begin() as uow:
        done = reverse_collected(uow, attempt_id=attempt.id, evidence=taken_back, until=None)
        assert done is CollectionVerdict.ACCEPTED
        uow.commit()
    after_night(town)
    assert town.figures(DAY, as_of)[0] == before
    _, later = town.figures(DAY, NIGHT)
    assert later["funnel"]["by_channel"]["folded"] == 2
    assert later["funnel"]["total"]["open"] == 1


def test_proof_of_service_said_later_changes_no_figure_of_before(town: Town, app: Flask) -> None:
    desk = Desk(PortalApi.of(app, town.scene), town.scene)
    unproven = changed(changed(FINE, "document.decided_on", "2026-11-01"), "document.served_on", None)
    answer = desk.portal.post("/obligations", unproven)
    assert answer.status_code == 201, answer.text
    with town.runtime.database.begin() as uow:
        (fine,) = find_many(uow, [parse_public_id("obl", answer.json["id"])])
    as_of = town.clock.now() + timedelta(minutes=30)
    town.clock.advance(timedelta(hours=1))
    before, figures = town.figures(DAY, as_of)
    assert (figures["funnel"]["total"]["registered"], figures["funnel"]["total"]["served"]) == (1, 0)
    desk.say(fine, "served", served_on="2026-11-09", served_method="registered_post")
    after_night(town)
    again, _ = town.figures(DAY, as_of)
    assert again == before
    _, later = town.figures(DAY, NIGHT)
    assert later["funnel"]["total"]["served"] == 1


def test_decision_replaced_later_stays_served_as_it_was_known(town: Town, app: Flask) -> None:
    """Versions without a term of their own say nothing of service; one with a term says it anew."""
    fine = town.scene.fine(1_000_000, served_on=DAY)
    desk = Desk(PortalApi.of(app, town.scene), town.scene)
    as_of = town.clock.now() + timedelta(minutes=30)
    town.clock.advance(timedelta(hours=1))
    before, figures = town.figures(DAY, as_of)
    assert figures["funnel"]["total"]["served"] == 1
    desk.version(fine, "corrected", 900_000, on=str(DAY))
    town.clock.advance(timedelta(minutes=1))
    desk.version(fine, "replaced", 800_000, on=str(DAY))
    after_night(town)
    assert town.figures(DAY, as_of)[0] == before
    _, later = town.figures(DAY, NIGHT)
    assert later["funnel"]["total"]["served"] == 0


def test_look_up_counts_what_it_can_and_knows_nobody(town: Town) -> None:
    with town.runtime.database.begin() as uow:
        for obligation in (town.scene.fee().id, None, uuid4()):
            count_lookup(uow, channel=LookupChannel.PORTAL, answer="paid", obligation_id=obligation)
        uow.commit()
        counted = uow.run("SELECT kind, agency_code, sum(lookups) FROM lookup_count GROUP BY 1, 2 ORDER BY 1")
        assert counted.fetchall() == [("", "", 2), ("dossier_fee", "H00.14", 1)]
        assert uow.one("SELECT count(*) FROM obligation_lookup") == (1,)


def test_public_figures_carry_no_person_and_no_document(town: Town) -> None:
    for _ in range(6):
        town.pay()
    after_night(town)
    body, _ = town.figures(DAY, NIGHT)
    text = body.decode()
    with town.runtime.database.begin() as uow:
        (numbers,) = uow.one("SELECT array_agg(document_no) FROM obligation")
    for secret in ("NGUYỄN VĂN MẪU", "000000000001", *numbers):
        assert secret not in text


def plant(body: bytes, change: str) -> bytes:
    figures = json.loads(body)
    part = figures["payments_of_day"]
    if change == "table":
        part["by_agency"]["rows"][0]["payments"] += 1
    elif change == "share":
        part["shares"]["rows"][1]["share_of_payments"] += 1
    elif change == "funnel":
        figures["funnel"]["total"]["open"] += 1
    elif change == "tries":
        figures["tries_of_day"]["orders"]["begun"] += 1
    else:
        figures["lookups_of_day"]["total"] += 1
    return json.dumps(figures).encode()


@pytest.mark.parametrize("change", ["table", "share", "funnel", "tries", "lookups"])
def test_verify_finds_published_figures_that_do_not_add_up(
    town: Town, postgres: TestServer, change: str
) -> None:
    for _ in range(6):
        town.pay()
    after_night(town)
    town.publish(DAY, NIGHT)
    assert finding(town) == ()
    with postgres.superuser() as connection:
        (body,) = connection.execute("SELECT body FROM open_data_snapshot").fetchone()
        changed = plant(body, change)
        connection.execute("SET session_replication_role = replica")
        connection.execute(
            "UPDATE open_data_snapshot SET body = %s, body_hash = sha256(%s)", (changed, changed)
        )
    assert finding(town)


def finding(town: Town) -> tuple[object, ...]:
    (found,) = [each for each in verify(town.runtime.database) if each.check.id == "INV-79"]
    return found.offenders


def test_fee_given_back_whole_is_not_paid_in_the_figures_since(town: Town) -> None:
    town.pay()
    attempt = town.scene.attempt(town.scene.order(town.scene.fee()))
    town.scene.apply(town.scene.evidence(attempt))
    as_of = town.clock.now().replace(second=0, microsecond=0) + timedelta(minutes=1)
    town.clock.advance(timedelta(hours=1))
    before, figures = town.figures(DAY, as_of)
    assert (figures["funnel"]["total"]["paid"], figures["funnel"]["total"]["refunded"]) == (2, 0)
    with town.runtime.database.begin() as uow:
        refund = request_refund(
            uow,
            providers=town.runtime.providers,
            attempt_ref=attempt.attempt_ref,
            amount=attempt.money,
            reason="Hồ sơ đã rút",
            requested_by="canbo",
        )
        apply_refund_evidence(
            uow, outcome=Outcome.CONFIRMED, source=EvidenceSource.STATEMENT, refund_id=refund.id
        )
        uow.commit()
    after_night(town)
    assert town.figures(DAY, as_of)[0] == before
    _, later = town.figures(DAY, NIGHT)
    assert (later["funnel"]["total"]["paid"], later["funnel"]["total"]["refunded"]) == (1, 1)
    assert list(faults_of(later)) == []
