"""Takes what the statement proves through the one door: late success, late refusal, unknown money.

Called by the nightly run between matching and writing, in small transactions of its own that may be repeated.
It must never change an order itself: `orders.evidence` does, by its own rules.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from payclear.audit.service import record
from payclear.contract.evidence import Evidence
from payclear.contract.outcomes import EvidenceSource, Outcome
from payclear.db.uow import UnitOfWork
from payclear.kernel.errors import PayclearError
from payclear.kernel.money import Money
from payclear.ledger.domain import (
    CREDIT,
    DEBIT,
    PROVIDER_RECEIVABLE,
    SUSPENSE,
    Entry,
    Leg,
    capture_key,
    suspense_legs,
)
from payclear.ledger.service import book, is_booked
from payclear.orders.domain import Effect
from payclear.orders.evidence import apply_evidence
from payclear.refunds.domain import RefundEffect
from payclear.refunds.service import apply_refund_evidence
from reconciliation import queries
from reconciliation.discrepancies.classify import Circumstances, Finding, difference_finding, line_finding
from reconciliation.discrepancies.domain import Code
from reconciliation.discrepancies.service import Place, Register
from reconciliation.matching.domain import NO_MONEY, Claim, Matching, RefundMatching, Standing, TheirLine
from reconciliation.matching.match import is_reference
from reconciliation.records import RunRow
from reconciliation.scope import Scope

log = logging.getLogger(__name__)

BATCH = 200
UNKNOWN_RECEIPT = "unknown_receipt"
UNKNOWN_RECEIPT_CLEARED = "unknown_receipt_cleared"


class Act(StrEnum):
    """What is to be done with a line before it can have its place."""

    ADOPT = "adopt"  # its outcome goes through the door
    KEEP_MONEY = "keep_money"  # money without an order that could take it: into suspense
    DECIDE_REFUND = "decide_refund"  # its outcome goes through the door for refunds


@dataclass(frozen=True, slots=True)
class Adoption:
    """One line to act on, with the discrepancy that will tell of it (None: none when all goes well)."""

    act: Act
    place: Place
    line: TheirLine
    attempt_ref: str
    finding: Finding | None
    refund_id: UUID | None = None


@dataclass(slots=True)
class Adopted:
    """What a run took through the door so far; a line is tried once a run."""

    tried: set[Place] = field(default_factory=set)
    captured: int = 0
    suspended: int = 0
    refused: int = 0
    kept: int = 0
    refunds: int = 0
    contradicted: int = 0

    @property
    def taken(self) -> int:
        """How many lines changed something."""
        return self.captured + self.suspended + self.refused + self.kept + self.refunds


def adoptions(
    matching: Matching, scope: Scope, day: Circumstances, *, booked: set[Place], tried: set[Place]
) -> list[Adoption]:
    """What a matching leaves to be done, in order of place. `booked`: lines whose money is in the books."""
    found = [*_for_the_door(matching, scope, day), *_for_suspense(matching, scope, day, booked)]
    return sorted((each for each in found if each.place not in tried), key=lambda each: each.line.place)


def refund_adoptions(refunds: RefundMatching, scope: Scope, *, tried: set[Place]) -> list[Adoption]:
    """Lines that say what became of a refund our books do not hold so, in order of place."""
    found = (
        Adoption(
            Act.DECIDE_REFUND,
            scope.place(pair.line),
            pair.line,
            pair.refund.attempt_ref,
            None,
            refund_id=pair.refund.refund_id,
        )
        for pair in refunds.deciding
    )
    return [each for each in found if each.place not in tried]


def _for_the_door(matching: Matching, scope: Scope, day: Circumstances) -> Iterator[Adoption]:
    for difference in matching.differences:
        line, item = difference.line, difference.item
        pays = line.outcome is Outcome.CONFIRMED and item.standing not in (
            Standing.CAPTURED,
            Standing.REVERSED,
        )
        refuses = line.outcome in NO_MONEY and item.standing is Standing.LIVE
        if pays or refuses:
            finding = difference_finding(difference, day) if pays else None
            yield Adoption(Act.ADOPT, scope.place(line), line, item.attempt_ref, finding)


def _for_suspense(
    matching: Matching, scope: Scope, day: Circumstances, booked: set[Place]
) -> Iterator[Adoption]:
    trays: tuple[tuple[Sequence[Claim], Code], ...] = (
        (matching.unknown, Code.B02_UNKNOWN_ORDER),
        (matching.second_payments, Code.B10_DUPLICATE_PAYMENT),
    )
    for claims, code in trays:
        for claim in claims:
            line, place = claim.line, scope.place(claim.line)
            if line.outcome is Outcome.CONFIRMED and line.amount > 0 and place not in booked:
                yield Adoption(Act.KEEP_MONEY, place, line, line.attempt_ref, line_finding(claim, code, day))


class AdoptionDesk:
    """Acts on one batch in the caller's transaction; its register is flushed by `act`."""

    def __init__(
        self,
        uow: UnitOfWork,
        *,
        provider_account: str,
        register: Register,
        business_on: date,
        attempts_max: int,
        tally: Adopted,
    ) -> None:
        self._uow = uow
        self._account = provider_account
        self._register = register
        self._on = business_on
        self._attempts_max = attempts_max
        self._tally = tally
        self._times: dict[Place, tuple[datetime | None, str]] = {}

    def act(self, batch: Sequence[Adoption]) -> None:
        """Act on every line of a batch. What the door refuses changes nothing and stays as a discrepancy."""
        self._times = queries.times_of(self._uow, [adoption.place for adoption in batch])
        for adoption in batch:
            self._tally.tried.add(adoption.place)
            try:
                with self._uow.savepoint():
                    if adoption.act is Act.KEEP_MONEY:
                        self._keep_money(adoption)
                    elif adoption.act is Act.DECIDE_REFUND:
                        self._decide_refund(adoption)
                    else:
                        self._through_the_door(adoption)
            except PayclearError as error:
                self._tally.contradicted += 1
                log.warning(
                    "reconciliation.not_adopted",
                    extra={"attempt_ref": adoption.attempt_ref, "code": error.code},
                )
        self._register.flush()

    def _through_the_door(self, adoption: Adoption) -> None:
        applied = apply_evidence(self._uow, self._evidence(adoption), attempts_max=self._attempts_max)
        takes_money = applied.effect in (Effect.CAPTURED, Effect.SUSPENDED)
        if adoption.finding is not None and takes_money:
            has_case = applied.effect is Effect.SUSPENDED
            self._register.note(adoption.finding, place=adoption.place, has_case=has_case)
        self._tally.captured += applied.effect is Effect.CAPTURED
        self._tally.suspended += applied.effect is Effect.SUSPENDED
        self._tally.refused += applied.effect is Effect.REFUSED

    def _decide_refund(self, adoption: Adoption) -> None:
        """The statement is the last word about a refund, too. What the door contests stays a discrepancy of its line."""
        line = adoption.line
        occurred_at, _ = self._times.get(adoption.place, (None, ""))
        applied = apply_refund_evidence(
            self._uow,
            refund_id=adoption.refund_id,
            outcome=line.outcome,
            source=EvidenceSource.STATEMENT,
            provider_ref=line.provider_ref if is_reference(line.provider_ref) else None,
            amount=Money(line.amount, line.currency),
            detail_code=f"statement:{line.line_no}",
            occurred_at=occurred_at,
        )
        self._tally.refunds += applied.effect in (RefundEffect.DONE, RefundEffect.REJECTED)

    def _keep_money(self, adoption: Adoption) -> None:
        """Money that no order takes: kept as evidence, booked to suspense, told as an open discrepancy.

        What the door has booked meanwhile under the same provider transaction is told only.
        """
        assert adoption.finding is not None
        line = adoption.line
        booked_key = capture_key_of(self._account, line)
        if booked_key is not None and is_booked(self._uow, booked_key):
            self._register.note(adoption.finding, place=adoption.place)
            return
        if adoption.finding.code is Code.B02_UNKNOWN_ORDER:
            apply_evidence(self._uow, self._evidence(adoption))
        amount = Money(line.amount, line.currency)
        known = is_reference(line.provider_ref)
        key = line.provider_ref if known else f"{adoption.place[0]}:{line.line_no}"
        entry = Entry(
            template=UNKNOWN_RECEIPT,
            natural_key=f"unknown:{self._account}:{key}",
            provider_account=self._account,
            business_on=self._on,
            legs=suspense_legs(amount),
        )
        entry_id = book(self._uow, entry)
        self._register.note(adoption.finding, place=adoption.place, entry_id=entry_id)
        if entry_id is not None:
            self._tally.kept += 1
            audit_entry(self._uow, "kept_in_suspense", entry_id, entry, amount)

    def _evidence(self, adoption: Adoption) -> Evidence:
        line = adoption.line
        occurred_at, occurred_at_raw = self._times.get(adoption.place, (None, ""))
        return Evidence(
            source=EvidenceSource.STATEMENT,
            outcome=line.outcome,
            provider_account=self._account,
            attempt_ref=adoption.attempt_ref,
            provider_ref=line.provider_ref if is_reference(line.provider_ref) else None,
            amount=Money(line.amount, line.currency),
            paid_at=occurred_at if line.outcome is Outcome.CONFIRMED else None,
            paid_at_raw=occurred_at_raw or None,
            detail_code=f"statement:{line.line_no}",
        )


def capture_key_of(provider_account: str, line: TheirLine) -> str | None:
    """Under which key the door books a line's money; None when the line names no provider transaction."""
    return capture_key(provider_account, line.provider_ref) if is_reference(line.provider_ref) else None


def clear_unknown_receipt(uow: UnitOfWork, receipt_id: UUID, run: RunRow, amount: Money) -> bool:
    """The door has booked money in suspense itself by now: take the receipt out again; False when that was done."""
    entry = Entry(
        template=UNKNOWN_RECEIPT_CLEARED,
        natural_key=f"unknown-cleared:{receipt_id}",
        provider_account=run.provider_account,
        business_on=run.business_on,
        legs=(Leg(SUSPENSE, DEBIT, amount), Leg(PROVIDER_RECEIVABLE, CREDIT, amount)),
    )
    entry_id = book(uow, entry)
    if entry_id is not None:
        audit_entry(uow, "unknown_receipt_cleared", entry_id, entry, amount)
    return entry_id is not None


def audit_entry(uow: UnitOfWork, action: str, entry_id: UUID, entry: Entry, amount: Money) -> None:
    """Every journal entry has an audit entry in its transaction (INV-21)."""
    record(
        uow,
        actor_type="system",
        actor="reconciliation",
        action=f"reconciliation.{action}",
        object_type="journal_entry",
        object_id=str(entry_id),
        facts={
            "provider_account": entry.provider_account,
            "natural_key": entry.natural_key,
            "amount": amount.amount,
            "business_on": entry.business_on.isoformat(),
        },
    )
