"""Facts are written once, as bytes, in the transaction that made them true."""

import json
from datetime import UTC, datetime

import psycopg
import pytest

from payclear.db.uow import Database, UnitOfWork
from payclear.events import service
from payclear.events.domain import AnnouncedEvent, Fact, event
from payclear.events.registry import all_event_types, event_type
from payclear.events.service import announce, subscribe
from payclear.kernel.ids import new_uuid, parse_public_id
from tests.events.facts import fact_of, order_fact

AT = datetime(2026, 11, 21, 3, 30, 0, 7, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _own_subscribers(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "_subscribers", {})


@pytest.mark.parametrize(
    "changes",
    [
        {"payer_name": "NGUYỄN VĂN MẪU"},
        {"amount": True},
        {"amount": 1.0},
        {"status": "open"},
    ],
)
def test_announce_fact_outside_its_description_is_refused(
    database: Database, changes: dict[str, object]
) -> None:
    fact = order_fact("paid")
    fact.data.update(changes)  # type: ignore[arg-type]
    with database.begin() as uow, pytest.raises(ValueError, match=r"described|status|whole number"):
        announce(uow, fact)


@pytest.mark.parametrize("missing", ["order_ref", "amount", "paid_at", "provider"])
def test_announce_fact_without_a_required_field_is_refused(database: Database, missing: str) -> None:
    fact = order_fact("paid")
    del fact.data[missing]
    with database.begin() as uow, pytest.raises(ValueError, match=missing):
        announce(uow, fact)


def test_announce_unregistered_type_is_refused(database: Database) -> None:
    known = order_fact("paid")
    fact = Fact(
        type="payment_order.lost",
        aggregate_id=known.aggregate_id,
        sequence=1,
        portal_code="demoportal",
        data=known.data,
    )
    with database.begin() as uow, pytest.raises(ValueError, match="lost"):
        announce(uow, fact)


def test_announce_same_sequence_twice_is_refused_by_the_database(database: Database) -> None:
    fact = order_fact("paid")
    with database.begin() as uow:
        announce(uow, fact)
        with pytest.raises(psycopg.errors.UniqueViolation):
            announce(uow, fact)


def test_announce_subscriber_that_fails_fails_the_transaction(database: Database) -> None:
    def fail(uow: UnitOfWork, event: AnnouncedEvent) -> None:
        raise RuntimeError("no room")

    subscribe("payment_order.paid", fail)
    with database.begin() as uow, pytest.raises(RuntimeError, match="no room"):
        announce(uow, order_fact("paid"))
    with database.begin() as uow:
        assert uow.run("SELECT count(*) FROM event").fetchone()[0] == 0


def test_event_of_20_kilobytes_is_refused() -> None:
    fact = order_fact("paid")
    fact.data["reason"] = "ơ" * 10_000
    with pytest.raises(ValueError, match="bytes"):
        event(fact, event_id=new_uuid(), at=AT)


def test_event_body_has_the_published_shape_in_a_fixed_order() -> None:
    made = event(order_fact("paid"), event_id=new_uuid(), at=AT)
    body = json.loads(made.body)
    assert list(body) == ["id", "type", "timestamp", "api_version", "portal", "sequence", "data"]
    assert body["timestamp"] == "2026-11-21T03:30:00.000007Z"
    assert body["id"] == made.public_id
    assert parse_public_id("evt", made.public_id) == made.id
    assert "." not in made.public_id
    assert len(made.public_id) == len("evt_") + 26
    assert "Mẫu".encode() in made.body


def test_announce_writes_the_very_bytes_that_subscribers_get(database: Database) -> None:
    seen: list[AnnouncedEvent] = []
    subscribe("payment_order.paid", lambda uow, event: seen.append(event))
    with database.begin() as uow:
        announced = announce(uow, order_fact("paid"))
        uow.commit()
    with database.begin() as uow:
        row = uow.run("SELECT body, occurred_at, xid IS NOT NULL FROM event").fetchone()
    assert seen == [announced]
    assert (bytes(row[0]), row[1], row[2]) == (announced.body, announced.occurred_at, True)


def test_subscribers_are_told_in_order_and_once(database: Database) -> None:
    told: list[str] = []

    def first(uow: UnitOfWork, event: AnnouncedEvent) -> None:
        told.append("first")

    def second(uow: UnitOfWork, event: AnnouncedEvent) -> None:
        told.append("second")

    for each in (first, second, first):
        subscribe("payment_order.paid", each)
    with database.begin() as uow:
        announce(uow, order_fact("paid"))
        announce(uow, order_fact("expired"))
    assert told == ["first", "second"]


def test_subscribe_to_an_unknown_type_is_refused() -> None:
    with pytest.raises(ValueError, match="no such"):
        subscribe("payment_order.lost", lambda uow, event: None)


@pytest.mark.parametrize("kind", all_event_types(), ids=lambda kind: kind.name)
def test_every_event_type_describes_what_its_facts_carry(kind) -> None:
    schema = kind.body_schema()
    data = schema["properties"]["data"]
    body = json.loads(event(fact_of(kind.name), event_id=new_uuid(), at=AT).body)
    assert event_type(kind.name) is kind
    assert set(schema["required"]) == set(body)
    assert set(data["required"]) <= set(body["data"]) <= set(data["properties"])
    assert data["additionalProperties"] is False
    assert data["properties"]["status"].get("const", "paid") == body["data"]["status"]
