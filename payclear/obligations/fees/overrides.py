"""Another price for one line of a fee: one officer proposes it with a reason, another approves or refuses it (F60).

Called by the console. Only an open fee that no order collects can change; every step is kept and audited.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from psycopg.errors import UniqueViolation

from payclear.audit.service import record
from payclear.db.uow import UnitOfWork
from payclear.kernel.errors import Conflict, NotFound
from payclear.kernel.ids import new_uuid
from payclear.kernel.money import AMOUNT_MAX, Money
from payclear.obligations.domain import ObligationKind, ObligationState
from payclear.obligations.fees import queries
from payclear.obligations.fees.facts import OVERRIDE_STATES, ExemptionReason
from payclear.obligations.fees.rules import exempt
from payclear.obligations.rules.fees import PriceOverrideRefused

LISTED_MAX: Final = 100
REASON_MAX: Final = 500

IsOrdered = Callable[[UnitOfWork, UUID], bool]


class OverrideNotFound(NotFound):
    """No such other price."""

    code = "fee_override_not_found"


class FeeNotChangeable(Conflict):
    """The fee is paid, exempted, cancelled or being collected, or its line changed since: `reason` says which."""

    code = "fee_not_changeable"


@dataclass(frozen=True, slots=True)
class Override:
    """Another price for a line, as it stands."""

    id: UUID
    obligation_id: UUID
    document_no: str
    agency_code: str
    line_no: int
    name_vi: str
    from_amount: int
    to_amount: int
    currency: str
    reason: str
    state: str
    made_by: str
    made_at: datetime
    decided_by: str | None
    decided_at: datetime | None
    decided_note: str | None

    @property
    def before(self) -> Money:
        """The price it changes."""
        return Money(self.from_amount, self.currency)

    @property
    def after(self) -> Money:
        """The price it sets."""
        return Money(self.to_amount, self.currency)


def newest(uow: UnitOfWork) -> list[Override]:
    """Those that wait for the second person first, then the newest."""
    return uow.rows(Override, queries.OVERRIDES, (LISTED_MAX,))


def propose(
    uow: UnitOfWork,
    *,
    obligation_id: UUID,
    line_no: int,
    amount: Money,
    reason: str,
    by: str,
    is_ordered: IsOrdered,
) -> UUID:
    """Propose another price for a line; raises PriceOverrideRefused, FeeNotChangeable. Nothing changes until it is approved."""
    _require_changeable(uow, obligation_id, is_ordered)
    line = uow.run(queries.LINE_AMOUNT, (obligation_id, line_no)).fetchone()
    problems = {
        "no_such_line": line is None,
        "no_reason": not reason.strip(),
        "negative": not 0 <= amount.amount <= AMOUNT_MAX,
        "no_change": line is not None and line[0] == amount.amount,
    }
    for problem, is_so in problems.items():
        if is_so:
            raise PriceOverrideRefused("not allowed", reason=problem)
    assert line is not None
    override_id = new_uuid()
    try:
        with uow.savepoint():
            uow.run(
                queries.INSERT_OVERRIDE,
                {
                    "id": override_id,
                    "obligation_id": obligation_id,
                    "line_no": line_no,
                    "from_amount": line[0],
                    "to_amount": amount.amount,
                    "reason": reason.strip()[:REASON_MAX],
                    "by": by,
                    "at": uow.now,
                },
            )
    except UniqueViolation as error:
        raise FeeNotChangeable("another price waits already", reason="proposed_already") from error
    _audit(uow, "proposed", by, obligation_id, line_no=line_no, from_amount=line[0], to_amount=amount.amount)
    return override_id


def decide(
    uow: UnitOfWork, override_id: UUID, event: str, *, by: str, note: str = "", is_ordered: IsOrdered
) -> Override:
    """Approve or refuse another price; an approved one holds at once, and a fee of nothing is exempted.

    Raises OverrideNotFound, PriceOverrideRefused (`no_second_person`), FeeNotChangeable, IllegalTransition.
    """
    override = _one(uow, override_id)
    if event == "approved":
        _require_changeable(uow, override.obligation_id, is_ordered)
    else:
        uow.run(queries.LOCK_OBLIGATION, (override.obligation_id,))
    override = _one(uow, override_id)  # as it stands under the lock
    state = OVERRIDE_STATES.next(override.state, event).to
    if by == override.made_by:
        raise PriceOverrideRefused("a second person decides", reason="no_second_person")
    values = {"id": override_id, "state": state, "by": by, "at": uow.now, "note": note.strip()[:REASON_MAX]}
    uow.run(queries.DECIDE_OVERRIDE, values)
    if event == "approved":
        _apply(uow, override)
    _audit(
        uow,
        event,
        by,
        override.obligation_id,
        line_no=override.line_no,
        from_amount=override.from_amount,
        to_amount=override.to_amount,
    )
    return _one(uow, override_id)


def _apply(uow: UnitOfWork, override: Override) -> None:
    amount, _ = uow.one(queries.LINE_AMOUNT, (override.obligation_id, override.line_no))
    if amount != override.from_amount:
        raise FeeNotChangeable("the line changed since", reason="line_changed")
    values = {"id": override.obligation_id, "line_no": override.line_no, "amount": override.to_amount}
    uow.run(queries.SET_LINE, values)
    (principal,) = uow.one(queries.SET_PRINCIPAL, {"id": override.obligation_id})
    if not principal:
        explained = {
            "id": override.obligation_id,
            "reason": ExemptionReason.OVERRIDE,
            "basis": override.reason,
        }
        uow.run(queries.EXPLAIN_EXEMPTION, explained)
        exempt(uow, override.obligation_id)


def _require_changeable(uow: UnitOfWork, obligation_id: UUID, is_ordered: IsOrdered) -> None:
    row = uow.run(queries.LOCK_OBLIGATION, (obligation_id,)).fetchone()
    if row is None or row[0] != ObligationKind.DOSSIER_FEE:
        raise FeeNotChangeable("no such fee", reason="no_fee")
    if row[1] != ObligationState.OPEN:
        raise FeeNotChangeable("the fee is not open", reason="not_open")
    if is_ordered(uow, obligation_id):
        raise FeeNotChangeable("an order collects the fee", reason="ordered")


def _one(uow: UnitOfWork, override_id: UUID) -> Override:
    rows = uow.rows(Override, queries.OVERRIDE, (override_id,))
    if not rows:
        raise OverrideNotFound("no such other price")
    return rows[0]


def _audit(uow: UnitOfWork, event: str, by: str, obligation_id: UUID, **facts: int) -> None:
    record(
        uow,
        actor_type="staff",
        actor=by,
        action=f"fee_override.{event}",
        object_type="obligation",
        object_id=str(obligation_id),
        facts=facts,
    )
