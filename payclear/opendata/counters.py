"""Counts look-ups as they happen. Called by `lookup` in the transaction that answers, once for each look-up.

It must never learn who asked or with which second factor.
"""

import threading
from enum import StrEnum
from typing import Final
from uuid import UUID

from payclear.db.uow import UnitOfWork

SHARDS: Final = 16

# One statement whether something was found or not, so that its time says nothing.
_COUNT = """
WITH first_time AS (
    INSERT INTO obligation_lookup (obligation_id, first_at)
    SELECT id, %(now)s FROM obligation WHERE id = %(obligation_id)s
    ON CONFLICT DO NOTHING
)
INSERT INTO lookup_count AS c (minute, channel, answer, kind, agency_code, shard, lookups)
SELECT date_trunc('minute', %(now)s::timestamptz), %(channel)s, %(answer)s, coalesce(o.kind, ''),
       coalesce(o.agency_code, ''), %(shard)s, 1
FROM (SELECT 1) AS once LEFT JOIN obligation o ON o.id = %(obligation_id)s
ON CONFLICT (minute, channel, answer, kind, agency_code, shard) DO UPDATE SET lookups = c.lookups + 1
"""


class LookupChannel(StrEnum):
    """Who asked: anybody on our public page, or a portal."""

    PUBLIC = "public"
    PORTAL = "portal"


def count_lookup(
    uow: UnitOfWork, *, channel: LookupChannel, answer: str, obligation_id: UUID | None = None
) -> None:
    """Count one look-up: its `answer` (`not_found`, `payable`, …), and what was found when the factor held.

    A wrong factor and an unknown number are counted alike: without `obligation_id`.
    """
    uow.run(
        _COUNT,
        {
            "now": uow.now,
            "obligation_id": obligation_id,
            "channel": LookupChannel(channel).value,
            "answer": answer,
            "shard": threading.get_ident() % SHARDS,
        },
    )
