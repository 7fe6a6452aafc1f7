"""One pass of a run: both sides are loaded, matched, adopted where the door must speak first, and written.

Called by `service`. A pass is repeatable: what has its place is left alone, what waits is looked at again.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

from payclear.catalogue.service import business_calendar
from payclear.contract.manifest import Capability
from payclear.contract.registry import ProviderLine
from payclear.db.uow import UnitOfWork
from payclear.kernel.calendar import BusinessCalendar
from payclear.kernel.money import Money
from payclear.orders.service import note_settled
from payclear.runtime import Runtime
from reconciliation import queries
from reconciliation.adoption import (
    BATCH,
    Adopted,
    Adoption,
    AdoptionDesk,
    adoptions,
    capture_key_of,
    clear_unknown_receipt,
    refund_adoptions,
)
from reconciliation.days import cut_off_time
from reconciliation.discrepancies import service as discrepancies
from reconciliation.discrepancies.classify import Circumstances, Finding, classify, refund_key
from reconciliation.discrepancies.domain import Code, Resolution
from reconciliation.discrepancies.service import Place, Register
from reconciliation.matching.domain import RULES, Matching, RefundMatching, Standing, TheirLine
from reconciliation.matching.match import match
from reconciliation.matching.refunds import match_refunds
from reconciliation.records import RunRow
from reconciliation.runs import RUN_STEPS
from reconciliation.scope import Scope, load
from reconciliation.turns import take_turn


def run_pass(runtime: Runtime, line: ProviderLine, run: RunRow) -> tuple[int, Adopted]:
    """Match until nothing is left for the door, then write and commit. Returns the changes and the adoptions.

    A pass over a finished run that changes nothing writes nothing.
    """
    tally = Adopted()
    while True:
        with runtime.database.begin() as uow:
            take_turn(uow, run)
            work = _Work(uow, line, run)
            todo = work.adoptions(tally)
            if not todo:
                if not work.settles():
                    continue
                written = work.write()
                changes = written + tally.taken
                if changes or run.passes == 0:
                    _count_pass(uow, run)
                    uow.commit()
                return changes, tally
        _adopt_all(runtime, line, run, todo, tally)


def _adopt_all(
    runtime: Runtime, line: ProviderLine, run: RunRow, todo: list[Adoption], tally: Adopted
) -> None:
    for start in range(0, len(todo), BATCH):
        batch = todo[start : start + BATCH]
        with runtime.database.begin() as uow:
            take_turn(uow, run)
            rows = discrepancies.live_of(
                uow,
                run.provider_account,
                keys=[adoption.finding.key for adoption in batch if adoption.finding],
                places=[adoption.place for adoption in batch],
            )
            desk = AdoptionDesk(
                uow,
                provider_account=run.provider_account,
                register=_register(uow, run, business_calendar(uow, line.code), rows),
                business_on=run.business_on,
                attempts_max=runtime.settings.orders.attempts_max,
                tally=tally,
            )
            desk.act(batch)
            uow.commit()


def _register(
    uow: UnitOfWork, run: RunRow, calendar: BusinessCalendar, rows: list[discrepancies.DiscrepancyRow]
) -> Register:
    return Register(
        uow,
        provider_account=run.provider_account,
        run_id=run.id,
        business_on=run.business_on,
        calendar=calendar,
        rows=rows,
    )


def _count_pass(uow: UnitOfWork, run: RunRow) -> None:
    to = RUN_STEPS.next(run.step, "matched").to
    moved = uow.run(queries.PASSED, {"id": run.id, "from": run.step, "to": to, "rules": RULES}).rowcount
    assert moved == 1, "the account's lock keeps others out"


class _Work:
    """Both sides of a pass, matched, in one transaction."""

    def __init__(self, uow: UnitOfWork, line: ProviderLine, run: RunRow) -> None:
        self.uow = uow
        self.run = run
        self.may_be_taken_back = Capability.COLLECTION in line.provider.manifest.capabilities
        self.calendar = business_calendar(uow, line.code)
        self.scope: Scope = load(uow, run, cut_off_time(line.cut_off))
        self.rows = discrepancies.live(uow, run.provider_account)
        self.day = Circumstances(
            business_on=run.business_on,
            grace_business_days=line.grace_business_days,
            is_complete=run.is_complete,
            calendar=self.calendar,
            digests=tuple(statement.sha256 for statement in self.scope.statements),
            lists_refunds=line.provider.manifest.statement_lists_refunds,
        )
        self.matching: Matching = match(self.scope.lines, self.scope.items)
        lines = (claim.line for claim in self.matching.refunds)
        self.refunds: RefundMatching = match_refunds(lines, self.scope.refunds)

    def adoptions(self, tally: Adopted) -> list[Adoption]:
        """What the door or the suspense account must take before anything is written."""
        booked = {row.place for row in self.rows if row.entry_id is not None and row.place is not None}
        booked |= self._booked_by_the_door()
        found = adoptions(self.matching, self.scope, self.day, booked=booked, tried=tally.tried)
        return found + refund_adoptions(self.refunds, self.scope, tried=tally.tried)

    def _booked_by_the_door(self) -> set[Place]:
        """Lines without an order whose money stands in the books all the same: nothing is left to be kept."""
        keys: dict[str, Place] = {}
        for claim in (*self.matching.unknown, *self.matching.second_payments):
            key = capture_key_of(self.run.provider_account, claim.line)
            if key is not None:
                keys[key] = self.scope.place(claim.line)
        if not keys:
            return set()
        return {keys[key] for (key,) in self.uow.run(queries.BOOKED_KEYS, (list(keys),)).fetchall()}

    def settles(self) -> bool:
        """Keep banks from taking back what is about to be settled; False when one was faster, and all must be read again."""
        if not self.may_be_taken_back:
            return True
        pairs = self.matching.pairs
        return note_settled(self.uow, [pair.item.attempt_id for pair in pairs]) == len(pairs)

    def write(self) -> int:
        """Write matches, exclusions and discrepancies; returns how many rows that made."""
        register = _register(self.uow, self.run, self.calendar, self.rows)
        cleared = self._clear_receipts_booked_twice()
        self._resolve(register)
        for finding in classify(self.matching, self.refunds, self.day):
            place = self.scope.place(finding.line) if finding.line else None
            self._clear_receipt_of(register, finding, place)
            register.note(finding, place=place)
        written = register.flush()
        written += queries.copy_rows(self.uow, queries.COPY_MATCHES, self._match_rows(self.uow.now))
        written += queries.copy_rows(self.uow, queries.COPY_EXCLUSIONS, self._exclusion_rows(self.uow.now))
        return written + cleared

    def _clear_receipts_booked_twice(self) -> int:
        """Money kept as unknown that came through the door under the same provider transaction since."""
        if all(row.entry_id is None for row in self.rows):
            return 0
        twice = self.uow.run(queries.RECEIPTS_BOOKED_TWICE, (self.run.provider_account,)).fetchall()
        return sum(
            clear_unknown_receipt(self.uow, receipt_id, self.run, Money(amount, currency))
            for receipt_id, amount, currency in twice
        )

    def _match_rows(self, at: datetime) -> Iterator[tuple[Any, ...]]:
        pass_no = self.run.passes + 1
        for pair in self.matching.pairs:
            line, item = pair.line, pair.item
            statement_id, line_no = self.scope.place(line)
            listed_on = self.scope.statement_day(line)
            is_other_day = item.day != listed_on or line.day not in (None, listed_on)
            yield (
                statement_id,
                line_no,
                item.attempt_id,
                None,
                self.run.id,
                pass_no,
                line.amount,
                line.currency,
                pair.stage.value,
                is_other_day,
                at,
            )

        for refunded in self.refunds.pairs:
            line, refund = refunded.line, refunded.refund
            listed_on = self.scope.statement_day(line)
            yield (
                *self.scope.place(line),
                None,
                refund.refund_id,
                self.run.id,
                pass_no,
                line.amount,
                line.currency,
                refunded.stage.value,
                refund.day != listed_on or line.day not in (None, listed_on),
                at,
            )

    def _exclusion_rows(self, at: datetime) -> Iterator[tuple[Any, ...]]:
        for line in self._without_money():
            yield (*self.scope.place(line), self.run.id, "no_money_moved", at)
        for claim in self.matching.taken_back:
            yield (*self.scope.place(claim.line), self.run.id, "taken_back", at)

    def _without_money(self) -> Iterator[TheirLine]:
        yield from (claim.line for claim in self.matching.without_money)
        yield from self.refunds.without_money

    def _resolve(self, register: Register) -> None:
        """Discrepancies whose missing side has come."""
        if not self.rows:
            return
        for pair in self.matching.pairs:
            place = self.scope.place(pair.line)
            for row in {register.of_line(place), register.of_key(pair.item.attempt_ref)} - {None}:
                assert row is not None
                adopted = row.code == Code.B01_PAID_THERE_NOT_HERE
                register.resolve(row, Resolution.ADOPTED if adopted else Resolution.MATCHED)
                if row.entry_id is not None:
                    amount = Money(pair.line.amount, pair.line.currency)
                    clear_unknown_receipt(self.uow, row.entry_id, self.run, amount)
        for refunded in self.refunds.pairs:
            place = self.scope.place(refunded.line)
            for row in {register.of_line(place), register.of_key(refund_key(refunded.refund))} - {None}:
                assert row is not None
                register.resolve(row, Resolution.MATCHED)
        told = {difference.item.attempt_id for difference in self.matching.differences}
        for item in self.scope.items:
            row = register.of_key(item.attempt_ref) if item.standing is Standing.REVERSED else None
            if row is not None and row.place is None and item.attempt_id not in told:
                register.resolve(row, Resolution.AGREED)
        explained = (claim.line for claim in self.matching.taken_back)
        for line in (*self._without_money(), *explained):
            row = register.of_line(self.scope.place(line))
            if row is not None:
                register.resolve(row, Resolution.AGREED)

    def _clear_receipt_of(self, register: Register, finding: Finding, place: tuple[UUID, int] | None) -> None:
        """Money kept as unknown whose attempt has booked it by now, with another amount or status."""
        if place is None or finding.item is None or finding.item.standing is not Standing.CAPTURED:
            return
        row = register.of_line(place)
        is_own = finding.code not in (Code.B09_DUPLICATE_LINE, Code.B10_DUPLICATE_PAYMENT, Code.B12_AMBIGUOUS)
        if row is not None and row.entry_id is not None and is_own and finding.line is not None:
            amount = Money(finding.line.amount, finding.line.currency)
            clear_unknown_receipt(self.uow, row.entry_id, self.run, amount)
