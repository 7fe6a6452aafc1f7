"""When a webhook is tried again, and what an answer means (Standard Webhooks 1.0.0). Pure; used to send."""

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum
from uuid import UUID

# Pauses before try 1, 2, 3 …: the table of the specification, which ends 75:35:05 after the event.
PAUSES = (
    timedelta(0),
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
LATER_PAUSE = timedelta(hours=24)
GIVE_UP_AFTER = timedelta(days=14)
RETRY_AFTER_MAX = timedelta(hours=24)
JITTER_PERCENT = 20
_SECONDS = re.compile(r"[0-9]{1,12}")


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one try: the HTTP status, or why there is none; how long it took."""

    status: int | None
    error: str | None
    retry_after: str | None
    duration_ms: int


class Fate(StrEnum):
    """What happens to a delivery after a try."""

    DELIVERED = "delivered"
    AGAIN = "again"
    PARKED = "parked"
    ENDPOINT_GONE = "endpoint_gone"


@dataclass(frozen=True, slots=True)
class Ruling:
    """The fate of a delivery, and when it is tried again if it is."""

    fate: Fate
    next_attempt_at: datetime | None = None


def rule(answer: Answer, *, delivery_id: UUID, number: int, created_at: datetime, now: datetime) -> Ruling:
    """Decide about try `number` (1, 2, …) of a delivery whose event happened at `created_at`.

    2xx is delivered. 410 means that the endpoint wants nothing any more. Everything else is tried again, a
    redirection too, until two weeks have passed; 429 and 503 may ask for a longer pause.
    """
    if answer.status is not None and 200 <= answer.status <= 299:
        return Ruling(Fate.DELIVERED)
    if answer.status == 410:
        return Ruling(Fate.ENDPOINT_GONE)
    pause = pause_before(number + 1, delivery_id)
    if answer.status in (429, 503) and answer.retry_after is not None:
        pause = max(pause, asked_pause(answer.retry_after, now))
    if now + pause > created_at + GIVE_UP_AFTER:
        return Ruling(Fate.PARKED)
    return Ruling(Fate.AGAIN, now + pause)


def pause_before(number: int, delivery_id: UUID) -> timedelta:
    """The pause before try `number`, up to 20 % longer or shorter, the same for one delivery and try."""
    pause = PAUSES[number - 1] if number <= len(PAUSES) else LATER_PAUSE
    digest = hashlib.sha256(delivery_id.bytes + number.to_bytes(4)).digest()
    span = 2 * JITTER_PERCENT * 10
    permille = 1000 - span // 2 + int.from_bytes(digest[:4]) % (span + 1)
    return pause * permille / 1000


def asked_pause(retry_after: str, now: datetime) -> timedelta:
    """What a Retry-After header asks for (RFC 9110, 10.2.3), at most a day; zero when it makes no sense."""
    text = retry_after.strip()
    if _SECONDS.fullmatch(text):
        return min(timedelta(seconds=min(int(text), 10**9)), RETRY_AFTER_MAX)
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return timedelta(0)
    aware = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    return min(max(aware - now, timedelta(0)), RETRY_AFTER_MAX)
