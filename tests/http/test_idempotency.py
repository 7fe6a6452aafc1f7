"""The same key gives the same bytes and the work happens once, whoever crashes or races."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from payclear.db.uow import Database, UnitOfWork
from payclear.http.idempotency import (
    Answer,
    IdempotencyInFlight,
    IdempotencyKeyInvalid,
    IdempotencyKeyReused,
    KeyedRequest,
    answer_once,
    fingerprint_of,
    forget_old_keys,
    key_of,
)
from payclear.kernel.clock import FixedClock
from payclear.kernel.errors import Conflict
from tests.portal_api import PortalApi
from tests.scenes import Scene

REQUEST = KeyedRequest(portal_code="p", key="k", fingerprint=b"f" * 32)
OTHER = KeyedRequest(portal_code="p", key="k", fingerprint=b"g" * 32)
ANSWER = Answer(201, "application/json", "/v1/x", b"{}")


def store(database: Database, request: KeyedRequest = REQUEST, answer: Answer = ANSWER) -> None:
    with database.begin() as uow:
        answer_once(uow, request, lambda: answer)
        uow.commit()


def forbidden() -> Answer:
    raise AssertionError("the work must not run again")


def count(database: Database, table: str) -> int:
    with database.begin() as uow:
        return uow.run(f"SELECT count(*) FROM {table}").fetchone()[0]


def test_same_key_and_body_is_replayed_byte_for_byte(portal: PortalApi, clock: FixedClock) -> None:
    body = portal.order_body()
    first = portal.post("/payment-orders", body, key="one")
    clock.advance(timedelta(days=20))
    spaced = json.dumps(dict(reversed(body.items())), indent=3).encode()
    again = [
        portal.post("/payment-orders", sent, key=key) for sent, key in ((body, "one"), (spaced, '"one"'))
    ]
    assert first.status_code == 201
    assert "Idempotent-Replayed" not in first.headers
    for answer in again:
        assert (answer.status_code, answer.data) == (201, first.data)
        assert answer.headers["Location"] == first.headers["Location"]
        assert answer.content_type == first.content_type
        assert answer.headers["Idempotent-Replayed"] == "true"
    assert count(portal.scene.runtime.database, "payment_order") == 1


@pytest.mark.parametrize("change", ["body", "path"])
def test_same_key_for_another_request_is_422(portal: PortalApi, change: str) -> None:
    order = portal.order_body()
    made = portal.post("/payment-orders", order, key="one").json
    path = "/payment-orders" if change == "body" else f"/payment-orders/{made['order_ref']}/cancel"
    answer = portal.post(path, {**order, "locale": "en"} if change == "body" else None, key="one")
    assert (answer.status_code, answer.json["code"]) == (422, "idempotency_key_reused")
    assert portal.get(f"/payment-orders/{made['order_ref']}").json["status"] == "open"


def test_same_key_of_another_portal_is_another_key(app: Flask, scene: Scene, portal: PortalApi) -> None:
    other = PortalApi.of(app, scene, portal_code="other-portal")
    assert portal.post("/payment-orders", portal.order_body(), key="one").status_code == 201
    answer = other.post("/payment-orders", portal.order_body(), key="one")
    assert answer.json["code"] == "obligation_not_found"  # worked on, not replayed: the obligation is foreign


def test_refusal_is_not_stored_and_the_key_stays_usable(portal: PortalApi) -> None:
    body = portal.order_body()
    wrong = portal.post("/payment-orders", {**body, "return_url": "https://evil.example/"}, key="one")
    assert wrong.json["code"] == "return_url_not_allowed"
    assert count(portal.scene.runtime.database, "idempotency_key") == 0
    assert portal.post("/payment-orders", body, key="one").status_code == 201


def test_fifty_equal_requests_at_once_make_one_order_and_one_answer(app: Flask, scene: Scene) -> None:
    portal = PortalApi.of(app, scene)
    body = portal.order_body()
    barrier = threading.Barrier(50)

    def post(_: int) -> tuple[int, bytes]:
        barrier.wait()
        while True:
            answer = portal.post("/payment-orders", body, key="one")
            if answer.status_code == 409:
                assert answer.json["code"] == "idempotency_in_flight"
                assert answer.headers["Retry-After"] == "1"
                continue
            return answer.status_code, answer.data

    with ThreadPoolExecutor(50) as threads:
        answers = set(threads.map(post, range(50)))
    assert len(answers) == 1
    assert answers.pop()[0] == 201
    for table in ("payment_order", "idempotency_key"):
        assert count(scene.runtime.database, table) == 1


def test_key_being_worked_on_elsewhere_is_in_flight(database: Database) -> None:
    with database.begin() as first, database.begin() as second:
        answer_once(first, REQUEST, lambda: ANSWER)
        with pytest.raises(IdempotencyInFlight):
            answer_once(second, REQUEST, forbidden)
        second.rollback()
        first.commit()
        assert answer_once(second, REQUEST, forbidden).is_replayed


def test_crash_before_the_commit_leaves_the_key_usable(database: Database) -> None:
    with database.begin() as uow:
        answer_once(uow, REQUEST, lambda: ANSWER)
    with database.begin() as uow:
        assert not answer_once(uow, REQUEST, lambda: ANSWER).is_replayed


@pytest.mark.parametrize("refusal", [True, False])
def test_answer_stored_between_snapshot_and_lock_is_found(database: Database, refusal: bool) -> None:
    """The other connection committed after our look-up's snapshot: what our work says does not count."""

    def raced() -> Answer:
        with database.begin() as other:
            _insert_behind_the_lock(other)
            other.commit()
        if refusal:
            raise Conflict("the portal_ref is taken: by our own twin")
        return Answer(201, "application/json", None, b"twice")

    with database.begin() as uow:
        answer = answer_once(uow, REQUEST, raced)
        uow.commit()
    assert (answer.is_replayed, answer.body) == (True, ANSWER.body)
    assert count(database, "idempotency_key") == 1


def test_another_request_stored_between_snapshot_and_lock_is_reuse(database: Database) -> None:
    def raced() -> Answer:
        with database.begin() as other:
            _insert_behind_the_lock(other)
            other.commit()
        return ANSWER

    with database.begin() as uow, pytest.raises(IdempotencyKeyReused):
        answer_once(uow, OTHER, raced)


def _insert_behind_the_lock(uow: UnitOfWork) -> None:
    uow.run(
        "INSERT INTO idempotency_key "
        "(portal_code, key, fingerprint, status, content_type, location, body, created_at) "
        "VALUES ('p', 'k', %s, 201, 'application/json', '/v1/x', %s, %s)",
        (REQUEST.fingerprint, ANSWER.body, uow.now),
    )


def test_key_reused_for_another_request_is_refused(database: Database) -> None:
    store(database)
    with database.begin() as uow, pytest.raises(IdempotencyKeyReused):
        answer_once(uow, OTHER, forbidden)


def test_forget_old_keys_keeps_thirty_days(database: Database, clock: FixedClock) -> None:
    store(database)
    clock.advance(timedelta(days=30))
    with database.begin() as uow:
        assert forget_old_keys(uow) == 0
    clock.advance(timedelta(seconds=1))
    with database.begin() as uow:
        assert forget_old_keys(uow) == 1
        uow.commit()
    assert count(database, "idempotency_key") == 0


@pytest.mark.parametrize(
    ("header", "key"),
    [
        ("abc", "abc"),
        ('"abc"', "abc"),
        (' "abc" ', "abc"),
        (r'"a\"b\\c"', r'a"b\c'),
        ('a"b', 'a"b'),
        ("x" * 255, "x" * 255),
        ("~!#$%", "~!#$%"),
        ('"a,b"', "a,b"),
    ],
)
def test_key_of_bare_and_quoted_are_the_same(header: str, key: str) -> None:
    assert key_of(header) == key


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=255))
def test_key_of_any_visible_ascii_can_be_sent_quoted(key: str) -> None:
    escaped = key.replace("\\", "\\\\").replace('"', '\\"')
    assert key_of(f'"{escaped}"') == key


@given(st.text(max_size=300))
def test_key_of_any_text_is_a_key_or_refused(header: str) -> None:
    try:
        key = key_of(header)
    except Exception as error:
        assert getattr(error, "code", "").startswith("idempotency_key_")  # noqa: PT017
    else:
        assert 1 <= len(key) <= 255
        assert key.isascii()


def test_key_of_escape_of_another_letter_is_refused() -> None:
    with pytest.raises(IdempotencyKeyInvalid):
        key_of(r'"a\bc"')


def test_fingerprint_tells_method_path_and_body_apart() -> None:
    base = {"method": "POST", "path": "/v1/a", "data": {"x": 1}}
    prints = {
        fingerprint_of(**{**base, **change})
        for change in (
            {},
            {"method": "PUT"},
            {"path": "/v1/b"},
            {"data": {"x": 2}},
            {"data": {"x": "1"}},
            {"data": {}},
        )
    }
    assert len(prints) == 6
    assert fingerprint_of(**base) == fingerprint_of(**{**base, "data": {"x": 1}})
