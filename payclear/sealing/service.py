"""Seals raw messages of banks and providers under the key of the day; opens them for a retry or for support.

Called before a message is kept and when it is read again. The key is made in a transaction of its own, so that
callers ask for it before they open theirs. It must never keep a key in clear longer than one call.
"""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from payclear.db.uow import Database, UnitOfWork
from payclear.kernel.clock import vietnam_date
from payclear.kernel.errors import ErrorCategory, PayclearError
from payclear.security.sealed import DataKey, Sealer

_FIND = "SELECT data_key_id, kek_id, wrapped_key FROM day_key WHERE day_on = %s"
_MAKE = """
INSERT INTO day_key (day_on, data_key_id, kek_id, wrapped_key, created_at) VALUES (%s, %s, %s, %s, %s)
ON CONFLICT DO NOTHING
"""


class RawErased(PayclearError):
    """The raw messages of that day are past their time: their key was destroyed."""

    code = "raw_message_erased"
    category = ErrorCategory.GONE


@dataclass(frozen=True, slots=True)
class DaySeal:
    """Seals the raw messages of one day; `day_on` is kept beside what it sealed."""

    day_on: date
    sealer: Sealer
    key: DataKey

    def seal(self, plaintext: bytes, *, table: str, column: str, row: UUID) -> bytes:
        """Seal one cell."""
        return self.sealer.seal_bytes(plaintext, data_key=self.key, table=table, column=column, row=row)


class DayKeys:
    """The keys of days as one process has read them, wrapped; a day's key is read or made once."""

    def __init__(self) -> None:
        self._known: dict[date, DataKey] = {}

    def today(self, database: Database, sealer: Sealer) -> DaySeal:
        """The seal of today in Viet Nam. Opens a transaction of its own when this process asks for the first time."""
        today = vietnam_date(database.clock.now())
        key = self._known.get(today)
        if key is None:
            with database.begin() as uow:
                fresh = sealer.new_data_key()
                uow.run(_MAKE, (today, fresh.id, fresh.kek_id, fresh.wrapped, uow.now))
                key = _key_of(uow, today)
                uow.commit()
            self._known = {today: key}
        return DaySeal(today, sealer, key)


def open_raw(
    uow: UnitOfWork, sealer: Sealer, sealed: bytes, *, day_on: date | None, table: str, column: str, row: UUID
) -> bytes:
    """Read one sealed cell again; raises RawErased. What came before messages were sealed (`day_on` None) is as it came."""
    if day_on is None:
        return sealed
    return sealer.open_bytes(sealed, data_key=_key_of(uow, day_on), table=table, column=column, row=row)


def _key_of(uow: UnitOfWork, day_on: date) -> DataKey:
    key_id, kek_id, wrapped = uow.one(_FIND, (day_on,))
    if wrapped is None:
        raise RawErased("the key of that day was destroyed", day_on=day_on.isoformat())
    return DataKey(key_id, kek_id, bytes(wrapped))
