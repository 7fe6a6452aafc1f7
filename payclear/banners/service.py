"""Puts banners up and takes them down, and shows pages those in force without asking the database each time.

Called by the console and by the application, which gives every citizen's page its `Board`. A page must never fail, nor
wait twice, for want of a banner.
"""

import logging
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from payclear.audit.service import record
from payclear.banners import queries
from payclear.banners.domain import read_text, require_span
from payclear.db.uow import Database, UnitOfWork
from payclear.kernel.errors import NotFound
from payclear.kernel.ids import new_uuid, public_id

log = logging.getLogger(__name__)

LISTED_MAX: Final = 50
SHOWN_MAX: Final = 3
READ_EVERY: Final = timedelta(seconds=10)


class BannerNotUp(NotFound):
    """No banner of this id stands or is to stand."""

    code = "banner_not_up"


@dataclass(frozen=True, slots=True)
class Banner:
    """A banner as it was put up, and who took it down."""

    id: UUID
    text_vi: str
    text_en: str
    begins_at: datetime
    ends_at: datetime
    made_by: str
    made_at: datetime
    taken_down_by: str | None
    taken_down_at: datetime | None

    def text_in(self, locale: str) -> str:
        """What it says in a language."""
        return self.text_en if locale == "en" else self.text_vi

    def state_at(self, now: datetime) -> str:
        """`to_come`, `up`, or `over`."""
        if self.taken_down_at is not None or now >= self.ends_at:
            return "over"
        return "up" if self.begins_at <= now else "to_come"


def put_up(
    uow: UnitOfWork, *, text_vi: str, text_en: str, begins_at: datetime, ends_at: datetime, by: str
) -> UUID:
    """Put a banner up for a time; raises BannerRefused."""
    banner_id = new_uuid()
    values = {
        "id": banner_id,
        "text_vi": read_text(text_vi, field="text_vi"),
        "text_en": read_text(text_en, field="text_en"),
        "begins_at": begins_at,
        "ends_at": ends_at,
        "by": by,
        "at": uow.now,
    }
    require_span(begins_at, ends_at, now=uow.now)
    uow.run(queries.INSERT, values)
    _note(uow, banner_id, "put_up", by, until=ends_at)
    return banner_id


def take_down(uow: UnitOfWork, banner_id: UUID, *, by: str) -> None:
    """Take a banner down before its time; raises BannerNotUp."""
    if uow.run(queries.TAKE_DOWN, {"id": banner_id, "by": by, "at": uow.now}).rowcount != 1:
        raise BannerNotUp("no such banner stands")
    _note(uow, banner_id, "taken_down", by)


def newest(uow: UnitOfWork) -> list[Banner]:
    """The banners that were put up last."""
    return uow.rows(Banner, queries.NEWEST, (LISTED_MAX,))


class Board:
    """The banners of one process, read every few seconds by whoever shows a page then; the last known when it can not."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: list[Banner] = []
        self._read_at: datetime | None = None
        self._lock = threading.Lock()

    def shown(self) -> list[Banner]:
        """The banners in force now, the oldest first."""
        now = self._database.clock.now()
        if (self._read_at is None or now - self._read_at >= READ_EVERY) and self._lock.acquire(
            blocking=False
        ):
            try:
                self._read_at = now  # before it is read: while the database is away one page waits, not all
                with self._database.begin() as uow:
                    self._known = uow.rows(Banner, queries.NOT_OVER, (now, LISTED_MAX))
            except Exception:  # whatever it is: the page says what it came for
                log.warning("banners.not_read", exc_info=True)
            finally:
                self._lock.release()
        return [each for each in self._known if each.state_at(now) == "up"][:SHOWN_MAX]


def _note(uow: UnitOfWork, banner_id: UUID, action: str, by: str, until: datetime | None = None) -> None:
    record(
        uow,
        actor_type="staff",
        actor=by,
        action=f"public_banner.{action}",
        object_type="public_banner",
        object_id=public_id("ban", banner_id),
        facts={"until": until.isoformat()} if until else {},
    )
