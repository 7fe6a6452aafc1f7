"""What an order promised for insured people: its quote is kept, its payment covers their months, a return uncovers them.

`keep_quotes` is called when an order is made; the rest listens to facts of orders and refunds, in their transaction.
"""

from collections.abc import Sequence
from uuid import UUID

from payclear.db.uow import UnitOfWork
from payclear.events.domain import AnnouncedEvent
from payclear.events.service import subscribe
from payclear.kernel.money import Money
from payclear.obligations.domain import Quote
from payclear.obligations.insurance import queries as queries
from payclear.obligations.insurance.records import PaidLine
from payclear.obligations.insurance.rules import require_months_free
from payclear.obligations.records import ObligationView


def register() -> None:
    """Subscribe to paid and reversed orders, and to money that went back."""
    subscribe("payment_order.paid", cover_months)
    subscribe("payment_order.reversed", uncover_months)
    subscribe("refund.succeeded", uncover_refunded)


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
    for obligation_id, contribution in contributions:
        for place, line in enumerate(contribution.lines, start=1):
            uow.run(
                queries.KEEP_QUOTE,
                (
                    order_id,
                    obligation_id,
                    place,
                    contribution.paid_on,
                    line.months,
                    line.from_on,
                    line.to_on,
                    line.monthly.amount,
                    line.own.amount,
                    line.state.amount,
                    line.full.currency,
                    list(line.rule_ids),
                    list(line.legal_basis),
                ),
            )


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


def cover_months(uow: UnitOfWork, event: AnnouncedEvent) -> None:
    """Write the months that the paid order covers."""
    uow.run(queries.WRITE_COVERS, {"order_id": event.aggregate_id, "at": uow.now})


def uncover_months(uow: UnitOfWork, event: AnnouncedEvent) -> None:
    """Take back the months of an order whose payment was taken back."""
    uow.run(queries.TAKE_COVERS_BACK, {"order_id": event.aggregate_id, "at": uow.now})


def uncover_refunded(uow: UnitOfWork, event: AnnouncedEvent) -> None:
    """Take back the months of an order whose money went back whole; of a part, an officer decides what it was for."""
    (held,) = uow.one(queries.STILL_HELD, {"order_id": event.aggregate_id})
    if held == 0:
        uncover_months(uow, event)
