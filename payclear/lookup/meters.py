"""How often one may try: meters in the database, so that every process counts the same tries.

Called by `service`. A key is a blind index: the table tells neither an address nor a number. A wrong second factor uses
up the number's meter whether the number exists or not, and a full meter refuses the right factor, too.
"""

import math
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from payclear.db.uow import UnitOfWork
from payclear.http.rate_limits import TooManyRequests
from payclear.lookup import queries
from payclear.security.blind_index import BlindIndex


@dataclass(frozen=True, slots=True)
class Meter:
    """`burst` tries at once, then one more each `every`."""

    name: str
    burst: int
    every: timedelta


VISITOR: Final = Meter("lookup_visitor", burst=30, every=timedelta(seconds=20))
# Four digits are ten thousand tries: at this pace two months of them, from however many addresses.
NUMBER: Final = Meter("lookup_number", burst=5, every=timedelta(minutes=10))
# Over all doors together: one door alone can not fill it, and many portals at once still need a month.
NUMBER_ANYWHERE: Final = Meter("lookup_number_anywhere", burst=20, every=timedelta(minutes=5))


def take(uow: UnitOfWork, meter: Meter, key: bytes) -> None:
    """Use up one try; raises TooManyRequests with the seconds to wait."""
    room = meter.every * (meter.burst - 1)
    values = {"key": key, "now": uow.now, "every": meter.every, "room": room}
    if uow.run(queries.TAKE, values).rowcount:
        return
    (rests_at,) = uow.one(queries.RESTS_AT, (key,))
    wait_s = max(1, math.ceil((rests_at - room - uow.now).total_seconds()))
    raise TooManyRequests("too many look-ups", limit=meter.name, retry_after_s=wait_s)


def give_back(uow: UnitOfWork, meter: Meter, key: bytes, *, tries: int) -> None:
    """Return tries that were none: the factor was right. With 0 the same statement runs and changes nothing."""
    uow.run(queries.GIVE_BACK, {"key": key, "every": meter.every * tries})


def key_of(index: BlindIndex, meter: Meter, value: str) -> bytes:
    """The key of a meter for an address or a number; an empty value has a meter of its own."""
    return index.of(f"meter.{meter.name}", value or "-")


def forget(uow: UnitOfWork) -> int:
    """Delete the meters that have been at rest for an hour."""
    return uow.run(queries.FORGET_METERS, (uow.now - timedelta(hours=1),)).rowcount
