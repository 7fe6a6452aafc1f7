"""What a fact is, and the bytes its receivers see. Pure; called by `events.service`.

It must never hold personal data: the registry names every field a fact may carry.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from payclear.kernel.ids import public_id

API_VERSION = "2026-11-01"
BODY_BYTES_MAX = 20_000

Datum = str | int | bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """Something that became true in the caller's transaction.

    `sequence` counts 1..n without gaps per aggregate; `data` is flat and holds what the registry allows.
    """

    type: str
    aggregate_id: UUID
    sequence: int
    portal_code: str
    data: dict[str, Datum]


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnouncedEvent:
    """A fact as it was written: its id, its time and its body as the bytes that every receiver gets."""

    id: UUID
    public_id: str
    type: str
    portal_code: str
    body: bytes
    occurred_at: datetime
    aggregate_id: UUID
    sequence: int
    data: dict[str, Datum]


def event(fact: Fact, *, event_id: UUID, at: datetime) -> AnnouncedEvent:
    """Give a fact its id and time and serialise it once, UTF-8 JSON below 20 kB (ValueError above)."""
    shown_id = public_id("evt", event_id)
    body = json.dumps(
        {
            "id": shown_id,
            "type": fact.type,
            "timestamp": at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "api_version": API_VERSION,
            "portal": fact.portal_code,
            "sequence": fact.sequence,
            "data": fact.data,
        },
        ensure_ascii=False,
        separators=(",", ":"),
        allow_nan=False,
    ).encode()
    if len(body) >= BODY_BYTES_MAX:
        raise ValueError(f"the body of {fact.type} has {len(body)} bytes")
    return AnnouncedEvent(
        id=event_id,
        public_id=shown_id,
        type=fact.type,
        portal_code=fact.portal_code,
        body=body,
        occurred_at=at,
        aggregate_id=fact.aggregate_id,
        sequence=fact.sequence,
        data=fact.data,
    )
