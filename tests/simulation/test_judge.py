"""The judge has teeth: whatever is lost, doubled, misfiled or invented is seen, and honest doubt is no defect."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from payclear.simulation.books import Books, CaseLine, DiscrepancyLine, OrderLine, RefundLine
from payclear.simulation.facts import Judgment
from payclear.simulation.judge import judge, judge_webhooks
from payclear.simulation.judge_nights import judge_nights
from payclear.simulation.plan import Fault
from payclear.simulation.statements import Plant
from tests.simulation.stage import (
    BOOKS,
    CODE,
    FIRST,
    LIVES,
    NOON,
    ONE,
    SECOND,
    TRUTH,
    TWO,
    attempt,
    files,
    life,
    money,
    payment,
    with_faults,
)

DAY = NOON.date()


def kinds(judgment: Judgment, *, explained: bool = False) -> set[str]:
    found = [each for each in judgment.differences if bool(each.explained_by) == explained]
    return {each.kind for each in found}


def told(code: str, ref: str = ONE, *, state: str = "open", account: str = "vnpay-demo", number: str = "111",
         entry_id: str = "", has_case: bool = False) -> DiscrepancyLine:  # fmt: skip
    return DiscrepancyLine(account, ref, number, code, state, entry_id, has_case, None, None)


def test_equal_books_leave_nothing_to_explain() -> None:
    judgment = judge(files())
    assert judgment.differences == []
    assert judgment.results == [
        (1, 1, "vnpay-demo", "captured", 150_000),
        (2, 1, "bank-demo", "captured", 70_000),
    ]


def _first(books: Books, **changes: object) -> Books:
    return replace(books, money=(replace(books.money[0], **changes), books.money[1]))


def _swap(books: Books) -> Books:
    """Each order got the other's money."""
    one, two = books.attempts
    return replace(
        books,
        attempts=(replace(one, account="bank-demo", provider_ref="222"), replace(two, account="vnpay-demo")),
    )


TAMPERED: dict[str, tuple[Callable[[Books], Books], set[str]]] = {
    "no entry": (lambda b: replace(b, money=b.money[1:]), {"lost", "misfiled"}),
    "entry of less": (lambda b: _first(b, amount=149_999), {"lost"}),
    "entry of more": (lambda b: _first(b, amount=150_001), {"doubled"}),
    "booked twice": (
        lambda b: replace(
            b, money=(*b.money, money(ONE, "vnpay-demo", "FT111", 150_000, "payment_suspended"))
        ),
        {"doubled"},
    ),
    "suspended without a case": (
        lambda b: replace(
            _first(b, template="payment_suspended"),
            orders=(replace(b.orders[0], state="open"), b.orders[1]),
            beneficiaries={"TK-2": 70_000},
            receipts=(("2026", 1, SECOND),),
        ),
        {"no case", "unpaid"},
    ),
    "kept and told by nobody": (
        lambda b: _first(b, template="unknown_receipt", attempt_ref="", natural_key="unknown:vnpay-demo:111"),
        {"no case", "misfiled"},
    ),
    "another's number": (
        lambda b: _first(b, natural_key="money-in:vnpay-demo:222", account="bank-demo"),
        {"misfiled"},
    ),
    "swapped": (_swap, {"misfiled", "invented"}),
    "money nobody paid": (
        lambda b: replace(b, money=(*b.money, money("", "momo-demo", "999", 5_000, "unknown_receipt"))),
        {"invented"},
    ),
    "order paid without capture": (
        lambda b: replace(b, orders=(*b.orders, OrderLine("PC0000000003C", "p3", "paid", 5_000))),
        {"misfiled", "receipt"},
    ),
    "paid in time and expired": (
        lambda b: replace(b, orders=(replace(b.orders[0], state="expired"), b.orders[1])),
        {"misfiled", "unpaid", "sum", "receipt"},
    ),
    "order of another amount": (
        lambda b: replace(b, orders=(replace(b.orders[0], amount=1), b.orders[1])),
        {"misfiled"},
    ),
    "beneficiary owed less": (lambda b: replace(b, beneficiaries={"TK-1": 149_999, "TK-2": 70_000}), {"sum"}),
    "beneficiaries confused": (
        lambda b: replace(b, beneficiaries={"TK-1": 70_000, "TK-2": 150_000}),
        {"sum"},
    ),
    "receipt missing": (lambda b: replace(b, receipts=b.receipts[:1]), {"receipt"}),
    "receipt number left out": (
        lambda b: replace(b, receipts=(("2026", 1, FIRST), ("2026", 3, SECOND))),
        {"receipt"},
    ),
    "receipt without number": (
        lambda b: replace(b, receipts=(("2026", 1, FIRST), ("", None, SECOND))),
        {"receipt"},
    ),
    "refund nobody gave": (
        lambda b: replace(b, refunds=(RefundLine("R1", ONE, "vnpay-demo", "done", 5_000, 5_000, True),)),
        {"refund"},
    ),
}


@pytest.mark.parametrize("name", TAMPERED)
def test_tampered_books_are_not_explained(name: str) -> None:
    tamper, wanted = TAMPERED[name]
    lives = LIVES
    if name == "order paid without capture":
        lives = (*LIVES, life(3, "PC0000000003C", "vnpay-demo", 5_000))
    assert wanted <= kinds(judge(files(tamper(BOOKS), lives=lives)))


def test_bill_paid_at_a_counter_that_went_to_another_order_is_misfiled() -> None:
    books = replace(
        BOOKS,
        attempts=(BOOKS.attempts[0], attempt(f"{FIRST}02", "bank-demo", "222", 70_000)),
        money=(BOOKS.money[0], money(f"{FIRST}02", "bank-demo", "222", 70_000)),
    )
    assert "misfiled" in kinds(judge(files(books)))


def test_refund_of_the_provider_that_is_not_booked_is_seen() -> None:
    given = {"provider": "momo", "attempt_ref": ONE, "refund_ref": "R1", "provider_ref": "9", "amount": 5_000}
    assert kinds(judge(files(truth={**TRUTH, "refunds": [given]}))) == {"refund"}


def test_wrong_amount_in_suspense_with_its_case_is_right() -> None:
    truth = {**TRUTH, "payments": [payment("vnpay", ONE, "111", 149_999), TRUTH["payments"][1]]}
    books = replace(
        BOOKS,
        orders=(replace(BOOKS.orders[0], state="open"), BOOKS.orders[1]),
        attempts=(attempt(ONE, "vnpay-demo", "111", 150_000, "surplus"), BOOKS.attempts[1]),
        money=(money(ONE, "vnpay-demo", "111", 149_999, "payment_suspended"), BOOKS.money[1]),
        beneficiaries={"TK-2": 70_000},
        cases=(CaseLine("vnpay-demo", ONE, "111", "amount_mismatch", "open", 149_999),),
        receipts=(("2026", 1, SECOND),),
    )
    judgment = judge(files(books, truth))
    assert judgment.differences == []
    assert judgment.counts["suspended: amount_mismatch"] == 1


@pytest.mark.parametrize(("code", "is_explained"), [("sepay-demo", True), ("vnpay-demo", False)])
def test_doubt_explains_only_where_no_statement_will_decide(code: str, is_explained: bool) -> None:
    protocol = code.removesuffix("-demo")
    truth = {**TRUTH, "payments": [payment(protocol, ONE, "111", 150_000), TRUTH["payments"][1]]}
    books = replace(
        BOOKS,
        orders=(replace(BOOKS.orders[0], state="open"), BOOKS.orders[1]),
        attempts=(attempt(ONE, code, "", 150_000, "in_doubt"), BOOKS.attempts[1]),
        money=BOOKS.money[1:],
        beneficiaries={"TK-2": 70_000},
        receipts=(("2026", 1, SECOND),),
    )
    judgment = judge(files(books, truth, lives=(life(1, FIRST, code, 150_000), LIVES[1])))
    assert kinds(judgment, explained=is_explained) == {"lost", "unpaid"}
    assert kinds(judgment, explained=not is_explained) == set()


def test_money_taken_back_by_the_bank_is_gone_from_the_books_too() -> None:
    truth = {**TRUTH, "payments": [TRUTH["payments"][0], payment("bank", CODE, "222", 70_000, "reversed")]}
    assert {"doubled", "misfiled"} <= kinds(judge(files(truth=truth)))
    books = replace(
        BOOKS,
        orders=(BOOKS.orders[0], replace(BOOKS.orders[1], state="reversed")),
        attempts=(BOOKS.attempts[0], attempt(TWO, "bank-demo", "222", 70_000, "reversed")),
        money=(*BOOKS.money, money(TWO, "bank-demo", "223", -70_000, "payment_reversed")),
        beneficiaries={"TK-1": 150_000, "TK-2": 0},
    )
    assert judge(files(books, truth)).differences == []


# Webhooks.


def webhooks(books: Books = BOOKS, heard: tuple[str, ...] = ("evt_1", "evt_2"), **said: object) -> Judgment:
    judgment = Judgment()
    told_: dict = {"changed": [], "forged": 0, **said}
    judge_webhooks(judgment, books, heard, **told_)
    return judgment


def test_webhooks_told_once_each_are_right() -> None:
    assert webhooks().differences == []


@pytest.mark.parametrize(
    "judgment",
    [
        webhooks(heard=("evt_1",)),
        webhooks(heard=("evt_1", "evt_2", "evt_3")),
        webhooks(changed=["evt_1"]),
        webhooks(forged=1),
        webhooks(replace(BOOKS, undelivered=1)),
        webhooks(
            replace(BOOKS, events=(*BOOKS.events, ("evt_3", "payment_order.paid", FIRST))),
            ("evt_1", "evt_2", "evt_3"),
        ),
    ],
)
def test_webhooks_that_lack_double_or_change_are_seen(judgment: Judgment) -> None:
    assert kinds(judgment) == {"webhook"}


# Nights.


def nights(books: Books, plants: tuple[Plant, ...] = (), lives: tuple = LIVES) -> Judgment:
    laid = files(books, plants=plants, lives=lives)
    judgment = Judgment()
    judge_nights(laid, judgment)
    return judgment


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("missing_line", "B04"),
        ("missing_line", "B03"),
        ("duplicate_line", "B09"),
        ("amount_plus_1", "B05"),
        ("status_failed", "B08"),
        ("bad_amount_text", "B03"),
    ],
)
def test_planted_error_must_be_told_as_what_it_is(kind: str, code: str) -> None:
    plant = Plant(kind=kind, account="vnpay-demo", day=DAY, attempt_ref=ONE, number=1)
    assert nights(replace(BOOKS, discrepancies=(told(code),)), (plant,)).differences == []
    assert kinds(nights(BOOKS, (plant,))) == {"untold"}
    wrong = nights(replace(BOOKS, discrepancies=(told("B12"),)), (plant,))
    assert kinds(wrong) == {"untold", "false report"}


def test_invented_line_is_kept_and_told() -> None:
    plant = Plant(
        kind="extra_line", account="vietqr-demo", day=DAY, attempt_ref="PCX", provider_ref="99", amount=7
    )
    kept = money("", "vietqr-demo", "FT99", 7, "unknown_receipt")
    line = told("B02", "", account="vietqr-demo", number="FT99", entry_id=kept.entry_id)
    books = replace(BOOKS, money=(*BOOKS.money, kept), discrepancies=(line,))
    assert nights(books, (plant,)).differences == []
    judgment = judge(files(books, plants=(plant,)))
    assert kinds(judgment, explained=True) == {"planted"}
    assert kinds(judgment) == set()
    silent = judge(files(replace(books, discrepancies=()), plants=(plant,)))
    assert kinds(silent) == {"planted"}


@pytest.mark.parametrize(
    "code", ["B01", "B02", "B03", "B04", "B05", "B06", "B08", "B09", "B10", "B12", "B13", "B14"]
)
def test_discrepancy_without_a_cause_is_a_false_report(code: str) -> None:
    assert kinds(nights(replace(BOOKS, discrepancies=(told(code),)))) == {"false report"}


def test_discrepancy_that_was_resolved_accuses_nobody() -> None:
    judgment = nights(replace(BOOKS, discrepancies=(told("B01", state="resolved"),)))
    assert judgment.differences == []
    assert judgment.counts["resolved B01"] == 1


@pytest.mark.parametrize(
    ("fault", "code"), [(Fault.PAID_TWICE, "B10"), (Fault.WRONG_AMOUNT, "B06"), (Fault.WRONG_AMOUNT, "B01")]
)
def test_discrepancy_that_a_payer_caused_is_none_of_ours(fault: Fault, code: str) -> None:
    lives = (with_faults(LIVES[0], fault), LIVES[1])
    assert nights(replace(BOOKS, discrepancies=(told(code),)), lives=lives).differences == []
