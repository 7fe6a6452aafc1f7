"""Jobs of refunds: send what was requested, ask about what is not decided. The clock starts them; each step commits."""

from uuid import UUID

from payclear.jobs.queue import defer, job
from payclear.refunds import queries
from payclear.refunds.sending import LEASE, ask_about_refund, send_refund
from payclear.runtime import current

BATCH = 100


@job("refunds.send_due", queue="queries")
def send_due() -> str | None:
    """Hand every refund that is to be sent to a job of its own, so that a slow provider delays nobody else's."""
    count = _hand_out("refunds.send_one", is_requested=True)
    return f"{count} refunds to send" if count else None


@job("refunds.query_due", queue="queries")
def query_due() -> str | None:
    """Hand every refund that is to be asked about to a job of its own."""
    count = _hand_out("refunds.query_one", is_requested=False)
    return f"{count} refunds to ask about" if count else None


@job("refunds.send_one", queue="queries")
def send_one(refund_id: str) -> str | None:
    """Send one refund to its provider."""
    applied = send_refund(current(), UUID(refund_id))
    return applied.effect if applied else None


@job("refunds.query_one", queue="queries")
def query_one(refund_id: str) -> str | None:
    """Ask what became of one refund."""
    applied = ask_about_refund(current(), UUID(refund_id))
    return applied.effect if applied else None


def _hand_out(name: str, *, is_requested: bool) -> int:
    with current().database.begin() as uow:
        due = uow.run(queries.CLAIM_DUE, (uow.now, is_requested, BATCH, uow.now + LEASE)).fetchall()
        for (refund_id,) in due:
            defer(uow, name, refund_id=str(refund_id))
        uow.commit()
    return len(due)
