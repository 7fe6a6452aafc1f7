"""When a webhook is tried again, by the table of the specification."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from uuid import UUID

import pytest

from payclear.kernel.ids import new_uuid
from payclear.webhooks.domain import (
    GIVE_UP_AFTER,
    PAUSES,
    RETRY_AFTER_MAX,
    Answer,
    Fate,
    Ruling,
    asked_pause,
    pause_before,
    rule,
)

NOW = datetime(2026, 11, 21, 3, 30, tzinfo=UTC)
DELIVERY = UUID(int=7)


def answer(status: int | None = 500, *, retry_after: str | None = None) -> Answer:
    return Answer(status, None if status else "timeout", retry_after, 12)


def judged(given: Answer, *, number: int = 1, created_at: datetime = NOW, now: datetime = NOW) -> Ruling:
    return rule(given, delivery_id=DELIVERY, number=number, created_at=created_at, now=now)


@pytest.mark.parametrize(
    "status", [None, 100, 300, 301, 302, 307, 308, 400, 401, 404, 409, 429, 500, 502, 503, 504]
)
def test_rule_anything_but_2xx_and_410_is_tried_again(status: int | None) -> None:
    assert judged(answer(status)).fate is Fate.AGAIN


def test_rule_410_ends_the_endpoint() -> None:
    assert judged(answer(410)) == Ruling(Fate.ENDPOINT_GONE)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_rule_2xx_is_delivered(status: int) -> None:
    assert judged(answer(status)) == Ruling(Fate.DELIVERED)


def test_pauses_end_75_35_05_after_the_event() -> None:
    assert sum(PAUSES, timedelta()) == timedelta(hours=75, minutes=35, seconds=5)
    assert len(PAUSES) == 10


@pytest.mark.parametrize("number", range(1, 20))
def test_pause_differs_by_a_fifth_at_most_and_is_always_the_same(number: int) -> None:
    plain = PAUSES[number - 1] if number <= 10 else timedelta(hours=24)
    some = {pause_before(number, new_uuid()) for _ in range(50)}
    assert all(plain * 0.8 <= each <= plain * 1.2 for each in some)
    assert pause_before(number, DELIVERY) == pause_before(number, DELIVERY)
    assert len(some) > 10 or number == 1


def test_rule_gives_up_two_weeks_after_the_event() -> None:
    late = NOW + GIVE_UP_AFTER - timedelta(hours=12)
    assert judged(answer(), number=20, now=late) == Ruling(Fate.PARKED)
    assert judged(answer(), number=20, now=NOW + GIVE_UP_AFTER - timedelta(hours=30)).fate is Fate.AGAIN


@pytest.mark.parametrize(
    ("text", "pause"),
    [
        ("0", timedelta(0)),
        ("120", timedelta(minutes=2)),
        ("315360000", RETRY_AFTER_MAX),
        ("999999999999", RETRY_AFTER_MAX),
        (format_datetime(NOW + timedelta(hours=3), usegmt=True), timedelta(hours=3)),
        (format_datetime(NOW - timedelta(hours=3), usegmt=True), timedelta(0)),
        ("Wed, 21 Nov 9999 07:28:00 GMT", RETRY_AFTER_MAX),
        ("-5", timedelta(0)),
        ("1e9", timedelta(0)),
        ("soon", timedelta(0)),
        ("", timedelta(0)),
        ("9" * 5000, timedelta(0)),
        ("Wed, 99 Nov 2026 99:99:99 GMT", timedelta(0)),
    ],
)
def test_asked_pause_is_bounded_and_never_fails(text: str, pause: timedelta) -> None:
    assert asked_pause(text, NOW) == pause


def test_rule_retry_after_lengthens_the_pause_of_429_and_503_only() -> None:
    for status, waits in ((429, 7200), (503, 7200), (500, 6), (502, 6)):
        ruling = judged(answer(status, retry_after="7200"))
        assert ruling.next_attempt_at is not None
        waited = (ruling.next_attempt_at - NOW).total_seconds()
        assert waited == waits if waits == 7200 else waited <= waits


def test_rule_retry_after_never_shortens_the_pause() -> None:
    ruling = judged(answer(503, retry_after="1"), number=5)
    assert ruling.next_attempt_at == NOW + pause_before(6, DELIVERY)
