"""Builders of statement lines and items for the tests of matching and of whole nights."""

from datetime import date
from uuid import UUID

from payclear.contract.outcomes import Outcome
from reconciliation.matching.domain import OurItem, Standing, TheirLine

DAY = date(2026, 11, 20)


def a_line(
    line_no: int,
    attempt_ref: str = "",
    *,
    provider_ref: str | None = None,
    amount: int = 100_000,
    outcome: Outcome = Outcome.CONFIRMED,
    kind: str = "payment",
    statement_no: int = 0,
    currency: str = "VND",
) -> TheirLine:
    """A line for attempt `attempt_ref`; its provider reference follows from it unless given."""
    theirs = f"TX{attempt_ref}" if provider_ref is None else provider_ref
    return TheirLine(statement_no, line_no, attempt_ref, theirs, amount, currency, outcome, kind, DAY)


def an_item(
    number: int,
    attempt_ref: str | None = None,
    *,
    provider_ref: str | None = None,
    amount: int = 100_000,
    standing: Standing = Standing.CAPTURED,
    is_consumed: bool = False,
    day: date | None = DAY,
) -> OurItem:
    """An attempt of ours, captured and known to the provider unless said otherwise."""
    ours = attempt_ref or f"A{number}"
    theirs = f"TX{ours}" if provider_ref is None else provider_ref
    return OurItem(UUID(int=number), ours, theirs, amount, "VND", standing, day, is_consumed)
