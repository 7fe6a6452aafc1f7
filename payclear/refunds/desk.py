"""What the commands `payclear refund …` do; returns the lines to print. Approval by two people is not built yet."""

from payclear.db.uow import UnitOfWork
from payclear.kernel.money import Money
from payclear.kernel.problems import OperatorProblem
from payclear.refunds import queries
from payclear.refunds.errors import RefundNotFound
from payclear.refunds.records import RefundView
from payclear.refunds.service import find_refund, newest_refunds, request_refund
from payclear.runtime import Runtime


def request(runtime: Runtime, attempt_ref: str, amount: int, *, reason: str, requested_by: str) -> list[str]:
    """Ask for a refund, in a demonstration or a test; raises OperatorProblem in production."""
    if runtime.settings.is_production:
        raise OperatorProblem("Refunds need the approval of two people, which is not built yet.")
    with runtime.database.begin() as uow:
        made = request_refund(
            uow,
            providers=runtime.providers,
            attempt_ref=attempt_ref,
            amount=Money(amount),
            reason=reason,
            requested_by=requested_by,
        )
        uow.commit()
    return [_line(made)]


def newest(runtime: Runtime) -> list[str]:
    """The newest refunds, one a line."""
    with runtime.database.begin() as uow:
        return [_line(each) for each in newest_refunds(uow)] or ["There is no refund."]


def show(runtime: Runtime, refund_ref: str) -> list[str]:
    """One refund and its history; raises RefundNotFound."""
    with runtime.database.begin() as uow:
        refund = find_refund(uow, refund_ref)
        if refund is None:
            raise RefundNotFound("no such refund", refund_ref=refund_ref[:40])
        return [_line(refund), *_history(uow, refund)]


def _line(refund: RefundView) -> str:
    return (
        f"{refund.refund_ref}  {refund.state:<9}  {refund.amount} {refund.currency}  {refund.provider_account}"
        f"  order {refund.order_ref}  {refund.requested_at:%Y-%m-%d %H:%M:%SZ}"
    )


def _history(uow: UnitOfWork, refund: RefundView) -> list[str]:
    return [
        f"  {at:%Y-%m-%d %H:%M:%SZ}  {event} → {to_state}" + (f"  ({source})" if source else "")
        for at, event, to_state, source in uow.run(queries.HISTORY, (refund.id,))
    ]
