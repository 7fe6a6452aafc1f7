"""What is past its time is erased at night, by rules of the catalogue; everything else stays."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payclear.privacy.domain import months_before, purpose_of, retention_of
from payclear.privacy.jobs import retain
from tests.callbacks.test_callbacks import call, ipn_query
from tests.database import TestServer
from tests.privacy.conftest import ELEVEN_YEARS, broken
from tests.scenes import Scene


def test_night_erases_nothing_that_is_within_its_time(people: Scene, client) -> None:
    people.paid_order()
    assert call(client, ipn_query(people.runtime, people.attempt(people.order()))) == "00"
    people.runtime.clock.advance(timedelta(days=60))
    assert retain() is None
    assert broken(people.runtime) == {}


def test_night_without_rules_erases_nothing(scene: Scene) -> None:
    scene.paid_order()
    scene.runtime.clock.advance(ELEVEN_YEARS)
    assert retain() is None


def test_night_forgets_who_was_settled_ten_years_ago_and_keeps_who_owes(people: Scene, client) -> None:
    people.paid_order()
    people.fine()
    assert call(client, ipn_query(people.runtime, people.attempt(people.order()))) == "00"
    people.runtime.clock.advance(ELEVEN_YEARS)
    assert retain() == "obligor 2, raw_message 1"
    with people.runtime.database.begin() as uow:
        states = uow.run(
            "SELECT o.state, r.forgotten_at IS NOT NULL FROM obligation o JOIN obligor r ON r.id = o.obligor_id"
            " ORDER BY 1"
        ).fetchall()
        assert states == [("open", False), ("paid", True), ("paid", True)]
        assert uow.run("SELECT record, rows_erased FROM retention_act ORDER BY 1").fetchall() == [
            ("obligor", 2),
            ("raw_message", 1),
        ]
        assert uow.one("SELECT count(*) FROM day_key WHERE wrapped_key IS NOT NULL") == (0,)
    assert retain() is None
    assert broken(people.runtime) == {}


@pytest.mark.parametrize(("status", "kept"), [("pending", 1), ("quarantined", 1), ("processed", 0)])
def test_message_that_is_still_to_be_applied_keeps_the_key_of_its_day(
    people: Scene, client, postgres: TestServer, status: str, kept: int
) -> None:
    assert call(client, ipn_query(people.runtime, people.attempt(people.order()))) == "00"
    with postgres.superuser() as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("UPDATE callback_processing SET status = %s, next_try_at = now()", (status,))
    people.runtime.clock.advance(timedelta(days=3 * 366))
    retain()
    with people.runtime.database.begin() as uow:
        assert uow.one("SELECT count(*) FROM day_key WHERE wrapped_key IS NOT NULL") == (kept,)


def test_case_that_is_open_keeps_a_person_through_the_night(people: Scene, postgres: TestServer) -> None:
    order = people.paid_order()
    with postgres.superuser() as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute(
            "INSERT INTO refund (id, refund_ref, attempt_id, order_id, provider_account, amount, currency, state,"
            " version, reason, requested_by, evidence_rank, queries, requested_at)"
            " SELECT gen_random_uuid(), 'R', id, order_id, provider_account, 1, 'VND', 'sent', 1, 'x', 'x', 0, 0, now()"
            " FROM payment_attempt WHERE order_id = %s",
            (order.id,),
        )
    people.runtime.clock.advance(ELEVEN_YEARS)
    assert retain() is None


@pytest.mark.parametrize(
    ("code", "value"),
    [
        ("obligor", {}),
        ("obligor", {"months": 0}),
        ("obligor", {"months": True}),
        ("obligor", {"months": "12"}),
        ("ledger", {"months": 12}),
    ],
)
def test_value_that_is_no_rule_of_keeping_is_refused(code: str, value: dict) -> None:
    with pytest.raises((ValueError, KeyError)):
        retention_of("id", code, "law", value)


@pytest.mark.parametrize(
    "change", [{"roles": []}, {"fields": []}, {"fields": ["offence"]}, {"name_vi": " "}, {"name_en": 5}]
)
def test_value_that_is_no_purpose_is_refused(change: dict) -> None:
    value = {"roles": ["officer"], "fields": ["name"], "name_vi": "Mục đích", "name_en": "Purpose"}
    assert purpose_of("id", "code", "law", value).fields == ("name",)
    with pytest.raises(ValueError, match=r"."):
        purpose_of("id", "code", "law", value | change)


@given(st.datetimes(datetime(2000, 1, 1), datetime(2090, 1, 1)), st.integers(1, 1200))
def test_months_before_is_a_day_that_exists_and_moves_back_with_the_months(
    now: datetime, months: int
) -> None:
    at = now.replace(tzinfo=UTC)
    assert months_before(at, months) < months_before(at, months - 1) if months > 1 else True
    assert months_before(at, months) < at
