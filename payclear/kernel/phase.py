"""Marks the phase of work a thread is in, so that a network call inside a database transaction is caught at once.

The unit of work enters `transaction_phase`; the providers' transport and the webhook sender call `require_no_transaction`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_open_transactions: ContextVar[int] = ContextVar("open_transactions", default=0)


@contextmanager
def transaction_phase() -> Iterator[None]:
    """Mark that a database transaction is open in this context."""
    token = _open_transactions.set(_open_transactions.get() + 1)
    try:
        yield
    finally:
        _open_transactions.reset(token)


def require_no_transaction(what: str) -> None:
    """Raise RuntimeError when a transaction is open: a foreign call would hold its locks for as long as the peer likes."""
    if _open_transactions.get():
        raise RuntimeError(f"{what} inside an open transaction: record the intent and commit first")
