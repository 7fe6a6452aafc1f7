"""Accounts and a tiny day for tests of the simulation: two orders, one paid online and one at a counter."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from payclear.simulation.books import AttemptLine, Books, MoneyMoved, OrderLine
from payclear.simulation.facts import Files, LifeFacts, TryFacts
from payclear.simulation.plan import AccountTraits, Behaviour, Fault, PlannedLine, PlannedTry
from payclear.simulation.statements import Plant

NOON = datetime(2026, 11, 18, 5, tzinfo=UTC)
FIRST, SECOND = "PC0000000001A", "PC0000000002B"
ONE, TWO = f"{FIRST}01", f"{SECOND}01"
CODE = "100000000000045"


def account(code: str = "vnpay-demo", **changes: Any) -> AccountTraits:
    """A redirect account that calls back, answers and lists."""
    values: dict[str, Any] = {
        "code": code,
        "protocol": code.removesuffix("-demo"),
        "amount_min": 1,
        "amount_max": 10_000_000,
        "outcomes": ("success", "insufficient", "cancel"),
        "calls_at_checkout": True,
        "calls_back": True,
        "answers": True,
        "lists": True,
        "proves": True,
        "takes_again": False,
    }
    return AccountTraits(**values | changes)


ACCOUNTS = (
    account(),
    account("momo-demo", refunds="part", refund_answers=True),
    account("vietqr-demo", answers=False, takes_again=True, ref_prefix="FT", calls_at_checkout=False),
    account("sepay-demo", lists=False, takes_again=True),
    account("bank-demo", counter=("inquire", "pay", "reverse"), calls_back=False, answers=False),
)


def life(number: int, order_ref: str, account_code: str, amount: int, *, code: str = "") -> LifeFacts:
    """One payment with one try."""
    planned = PlannedTry(account=account_code, outcome="success", pays_after_s=30, faults=())
    return LifeFacts(
        number=number,
        order_ref=order_ref,
        payment_code=code,
        behaviour=Behaviour.PAYS,
        amount=amount,
        lines=(PlannedLine(type="fee_phi", amount=amount, beneficiary_account=f"TK-{number}"),),
        tries=(TryFacts(number=1, account=account_code, attempt_ref=f"{order_ref}01", planned=planned),),
    )


def with_faults(of: LifeFacts, *faults: Fault) -> LifeFacts:
    """The same life with faults on its try."""
    made = of.tries[0]
    return replace(of, tries=(replace(made, planned=replace(made.planned, faults=faults)),))


def payment(provider: str, ref: str, number: str, amount: int, status: str = "paid") -> dict[str, Any]:
    """What the simulator says about one payment."""
    return {
        "provider": provider,
        "attempt_ref": ref,
        "provider_ref": number,
        "status": status,
        "outcome": "success",
        "amount": amount,
        "paid_at": NOON.isoformat(),
    }


def attempt(ref: str, account_code: str, number: str, amount: int, state: str = "succeeded") -> AttemptLine:
    """An attempt of ours that could still be paid at noon."""
    return AttemptLine(ref, ref[:13], account_code, state, amount, number, NOON + timedelta(minutes=15))


def money(
    ref: str, account_code: str, number: str, amount: int, template: str = "payment_captured"
) -> MoneyMoved:
    """One entry of the ledger."""
    key = f"{'unknown' if not ref else 'money-in'}:{account_code}:{number}"
    return MoneyMoved(f"entry-{template}-{number}", template, account_code, ref, key, amount)


LIVES = (life(1, FIRST, "vnpay-demo", 150_000), life(2, SECOND, "bank-demo", 70_000, code=CODE))
TRUTH: dict[str, Any] = {
    "payments": [payment("vnpay", ONE, "111", 150_000), payment("bank", CODE, "222", 70_000)],
    "refunds": [],
}
BOOKS = Books(
    orders=(OrderLine(FIRST, "p1", "paid", 150_000), OrderLine(SECOND, "p2", "paid", 70_000)),
    attempts=(attempt(ONE, "vnpay-demo", "111", 150_000), attempt(TWO, "bank-demo", "222", 70_000)),
    money=(money(ONE, "vnpay-demo", "111", 150_000), money(TWO, "bank-demo", "222", 70_000)),
    refunds=(),
    beneficiaries={"TK-1": 150_000, "TK-2": 70_000},
    cases=(),
    discrepancies=(),
    problems=(),
    receipts=(("2026", 1, FIRST), ("2026", 2, SECOND)),
    events=(("evt_1", "payment_order.paid", FIRST), ("evt_2", "payment_order.paid", SECOND)),
    undelivered=0,
    forgeries={},
    nights=(),
)


def files(
    books: Books = BOOKS,
    truth: dict[str, Any] = TRUTH,
    lives: tuple[LifeFacts, ...] = LIVES,
    plants: tuple[Plant, ...] = (),
) -> Files:
    """Everything laid out for the judge."""
    return Files(lives=lives, truth=truth, books=books, plants=plants, accounts=ACCOUNTS)
