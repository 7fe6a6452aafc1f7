"""What the return page looks up. Reads only: attempts and orders belong to `orders`."""

from dataclasses import dataclass
from uuid import UUID

from payclear.db.uow import UnitOfWork


@dataclass(frozen=True, slots=True)
class ReturnedAttempt:
    """The attempt a browser came back from, with the way to its page."""

    attempt_id: UUID
    state: str
    pay_token: str


_BY_ATTEMPT_REF = """
SELECT a.id AS attempt_id, a.state, o.pay_token
FROM payment_attempt a JOIN payment_order o ON o.id = a.order_id
WHERE a.attempt_ref = %s AND a.provider_account = %s
"""


def find_returned_attempt(
    uow: UnitOfWork, *, attempt_ref: str, provider_account: str
) -> ReturnedAttempt | None:
    """The attempt of this reference at this account, if there is one."""
    rows = uow.rows(ReturnedAttempt, _BY_ATTEMPT_REF, (attempt_ref, provider_account))
    return rows[0] if rows else None
