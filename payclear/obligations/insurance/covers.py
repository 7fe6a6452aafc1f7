"""What an order promised for insured people: its quote is kept, its payment covers their months, a return uncovers them.

Called in the transaction that makes the order, takes its payment, takes it back or gives all of its money back.
"""

from collections.abc import Sequence
from uuid import UUID

from psycopg.types.json import Jsonb

from payclear.db.uow import UnitOfWork
from payclear.kernel.money import Money
from payclear.obligations.domain import Quote
from payclear.obligations.insurance import queries
from payclear.obligations.insurance.records import PaidLine
from payclear.obligations.insurance.rules import require_months_free
from payclear.obligations.records import ObligationView


def keep_quotes(
    uow: UnitOfWork, order_id: UUID, owed: Sequence[ObligationView], quotes: Sequence[Quote]
) -> None:
    """Keep who pays what in an order, with the state's share; nothing for other kinds. Raises MonthsInAnotherNotice."""
    contributions = [
        (obligation.id, quote.contribution)
        for obligation, quote in zip(owed, quotes, strict=True)
        if quote.contribution is not None
    ]
    if not contributions:
        return
    require_months_free(uow, [obligation_id for obligation_id, _ in contributions])
    kept = [
        {
            "obligation_id": str(obligation_id),
            "place": place,
            "quoted_on": contribution.paid_on.isoformat(),
            "months": line.months,
            "from_on": line.from_on.isoformat(),
            "to_on": line.to_on.isoformat(),
            "monthly_amount": line.monthly.amount,
            "own_amount": line.own.amount,
            "state_amount": line.state.amount,
            "currency": line.full.currency,
            "rule_ids": line.rule_ids,
            "legal_basis": line.legal_basis,
        }
        for obligation_id, contribution in contributions
        for place, line in enumerate(contribution.lines, start=1)
    ]
    uow.run(queries.KEEP_QUOTES, (order_id, Jsonb(kept)))


def paid_for(uow: UnitOfWork, obligation_id: UUID) -> tuple[PaidLine, ...]:
    """Who paid what for a contribution, by order in the household; nothing while no payment of it stands."""
    return tuple(
        PaidLine(
            ref=ref,
            months=months,
            from_on=from_on,
            to_on=to_on,
            monthly=Money(monthly, currency),
            own=Money(own, currency),
            state=Money(state, currency),
            rule_ids=tuple(rule_ids),
            legal_basis=tuple(legal_basis),
        )
        for ref, months, from_on, to_on, monthly, own, state, currency, rule_ids, legal_basis in uow.run(
            queries.PAID_FOR, (obligation_id,)
        )
    )


def cover_months(uow: UnitOfWork, order_id: UUID) -> None:
    """Write the months that a paid order covers."""
    uow.run(queries.WRITE_COVERS, {"order_id": order_id, "at": uow.now})


def uncover_months(uow: UnitOfWork, order_id: UUID) -> None:
    """Take back the months of an order whose money went back; of a part, an officer decides what it was for."""
    uow.run(queries.TAKE_COVERS_BACK, {"order_id": order_id, "at": uow.now})
