"""Erases what is past its time by the rules of the catalogue, and writes down what it did. Called by the nightly job.

A kind of record without a rule is kept. Each step is a transaction of its own: a night that is cut short goes on.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from payclear.db.uow import Database, UnitOfWork
from payclear.kernel.clock import vietnam_date
from payclear.kernel.ids import new_uuid
from payclear.privacy import queries
from payclear.privacy.domain import Ground, Record, RetentionRule
from payclear.privacy.errors import ForgettingRefused
from payclear.privacy.rules import retention_rules
from payclear.privacy.subjects import forget

STEP = 200
STEPS_MAX = 500
_FIRST = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Erased:
    """What one rule erased in one night."""

    rule: RetentionRule
    rows: int


def erase_what_is_over(database: Database) -> list[Erased]:
    """Apply every rule in force; what each erased, rules that found nothing included."""
    with database.begin() as uow:
        rules = retention_rules(uow)
    return [_apply(database, rule) for _, rule in sorted(rules.items())]


def _apply(database: Database, rule: RetentionRule) -> Erased:
    rows, after = 0, _FIRST
    until = rule.until(database.clock.now())
    for _ in range(STEPS_MAX):
        with database.begin() as uow:
            if rule.record is Record.OBLIGOR:
                erased, after = _forget_step(uow, rule, until, after)
                is_over = after == _FIRST
            else:
                erased = _erase_step(uow, rule.record, until)
                is_over = not erased
            rows += erased
            if is_over:
                _write_down(uow, rule, until, rows)
            uow.commit()
        if is_over:
            break
    return Erased(rule, rows)


def _erase_step(uow: UnitOfWork, kind: Record, until: datetime) -> int:
    if kind is Record.RAW_MESSAGE:
        # A day is over when its last message is: today's key is in the hands of every process.
        last_day = min(vietnam_date(until), vietnam_date(uow.now) - timedelta(days=1))
        return uow.run(queries.ERASE_DAYS, (uow.now, last_day, STEP)).rowcount
    return uow.run(queries.DELETE_FILES, (until, STEP)).rowcount


def _forget_step(uow: UnitOfWork, rule: RetentionRule, until: datetime, after: UUID) -> tuple[int, UUID]:
    """Forget those of the next page whom nothing hinders; how many, and where the next page begins (the first: no more)."""
    found = uow.run(queries.PAST_THEIR_TIME, {"until": until, "after": after, "limit": STEP}).fetchall()
    ground = Ground(
        id=rule.id,
        code="retention_over",
        legal_basis=rule.legal_basis,
        roles=frozenset(),
        despite_retention=False,
        name_vi="Hết thời hạn lưu giữ",
        name_en="The time of keeping is over",
    )
    gone = 0
    for (obligor_id,) in found:
        try:
            with uow.savepoint():
                gone += forget(uow, [obligor_id], ground=ground, by="retention")
        except ForgettingRefused:
            continue  # used since, in doubt, or under way: it is asked about again tomorrow
    return gone, found[-1][0] if len(found) == STEP else _FIRST


def _write_down(uow: UnitOfWork, rule: RetentionRule, until: datetime, rows: int) -> None:
    if rows:
        uow.run(queries.INSERT_ACT, (new_uuid(), rule.id, rule.record, until, rows, uow.now))
