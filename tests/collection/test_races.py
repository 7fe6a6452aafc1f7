"""Counters, wallets, statements and reversals at one moment: whoever comes first, the money is counted once and stays explained."""

from collections.abc import Callable
from dataclasses import replace
from threading import Thread

import pytest

from payclear.collection import queries, service
from payclear.contract.channels import Channel, Instrument
from payclear.contract.collection import (
    CollectedBill,
    CollectionCall,
    CollectionOperation,
    CollectionVerdict,
)
from payclear.contract.manifest import Capability
from payclear.contract.outcomes import EvidenceSource
from payclear.contract.registry import ProviderRegistry
from payclear.kernel.ids import new_uuid
from payclear.kernel.money import Money
from payclear.obligations.domain import ObligationState
from payclear.obligations.records import ObligationView
from payclear.orders.domain import OrderState
from payclear.orders.errors import ObligationInOrder, ObligationNotPayable
from payclear.orders.service import note_settled
from payclear.refunds.errors import NothingToRefund
from payclear.refunds.service import request_refund
from payclear.runtime import install
from reconciliation import passes
from tests.collection.bank import ACCOUNT, Bank
from tests.collection.test_night import night, row, told
from tests.collection.test_payments import at_once, cases, in_suspense, order_of, rows, state_of
from tests.scenes import Scene

OTHER_BANK = "bidv-demo"
_WAITS = """
SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
"""


def call(
    scene: Scene, account: str, wanted: CollectionCall
) -> tuple[CollectionVerdict, tuple[CollectedBill, ...]]:
    """What a bank of any protocol is answered, past its adapter."""
    runtime = scene.runtime
    line = runtime.providers.get(account)
    message_id = new_uuid()
    today = runtime.day_keys.today(runtime.database, runtime.sealer).day_on
    with runtime.database.begin() as uow:
        values = {"id": message_id, "provider_account": account, "digest": str(message_id), "headers": "{}"}
        nothing = {"method": "POST", "path": "/", "query_string": b"", "body": b"", "received_at": uow.now}
        nothing["sealed_on"] = today
        uow.run(queries.KEEP_MESSAGE, values | nothing)
        uow.commit()
    answer = service._decide(runtime, line, wanted, message_id)
    return answer.verdict, answer.bills


def bill_at(scene: Scene, account: str, document_no: str) -> CollectedBill:
    asked = CollectionCall(operation=CollectionOperation.INQUIRE, bank_ref="", document_no=document_no)
    (bill,) = call(scene, account, asked)[1]
    return bill


def pay_at(scene: Scene, account: str, bill: CollectedBill, bank_ref: str, *, money_moved: bool) -> str:
    wanted = CollectionCall(
        operation=CollectionOperation.PAY,
        bank_ref=bank_ref,
        bill_id=bill.bill_id,
        amount=bill.amount,
        money_moved=money_moved,
        paid_at=scene.runtime.clock.now(),
        channel=Channel.COUNTER_BRANCH,
        instrument=Instrument.CASH,
    )
    return call(scene, account, wanted)[0].value


def receivable(scene: Scene) -> int:
    sql = """SELECT coalesce(sum(CASE side WHEN 'D' THEN amount ELSE -amount END), 0)::bigint
             FROM posting WHERE account_code = 'provider_receivable'"""
    return rows(scene, sql)[0][0]


@pytest.mark.parametrize("money_moved", [False, True])
def test_two_banks_that_take_one_bill_at_once(bank: Bank, scene: Scene, money_moved: bool) -> None:
    for number in range(6):
        fee = scene.fee()
        bills = {account: bill_at(scene, account, fee.document_no) for account in (ACCOUNT, OTHER_BANK)}
        # The same reference at two banks is two payments.
        acts: list[Callable[[], str]] = [
            lambda a=account, b=bill, n=number: pay_at(scene, a, b, f"FT{n}", money_moved=money_moved)  # type: ignore[misc]
            for account, bill in bills.items()
        ]
        words = at_once(acts)
        assert words.count("accepted") == 1, words
        assert set(words) <= {"accepted", "suspended" if money_moved else "already_paid"}
        assert state_of(scene, fee) is ObligationState.PAID
    assert in_suspense(scene) == (6 * 200_000 if money_moved else 0)
    assert [kind for kind, _ in cases(scene)] == (["double_success"] * 6 if money_moved else [])


def test_wallet_confirms_while_the_counter_takes_cash(bank: Bank, scene: Scene) -> None:
    for number in range(8):
        order = scene.order()
        bill = bank.bill(order.payment_code)
        attempt = scene.attempt(order)
        evidence = scene.evidence(attempt, source=EvidenceSource.STATUS_QUERY)
        at_once(
            [
                lambda e=evidence: scene.apply(e).effect,  # type: ignore[misc]
                lambda b=bill, n=number: bank.pay(b, f"FT{n}", money_moved=True).word,  # type: ignore[misc]
            ]
        )
        after = scene.reload(order.id)
        assert after.state is OrderState.PAID
        assert [each.state for each in after.attempts] == ["succeeded", "surplus"]
    assert (in_suspense(scene), receivable(scene)) == (8 * 200_000, 16 * 200_000)
    assert len(cases(scene)) == 8


def test_reversal_while_the_bill_is_asked_for_and_ordered_again(bank: Bank, scene: Scene) -> None:
    def ordered(fee: ObligationView) -> str:
        try:
            return scene.order(fee).state
        except (ObligationInOrder, ObligationNotPayable):
            return "refused"

    for number in range(6):
        fee = scene.fee()
        assert bank.pay(bank.bill(fee.document_no), f"FT{number}").word == "accepted"
        words = at_once(
            [
                lambda n=number: bank.reverse(f"FT{n}", f"RV{n}").word,  # type: ignore[misc]
                lambda f=fee: ordered(f),  # type: ignore[misc]
                lambda f=fee: bank.inquire(f.document_no).word,  # type: ignore[misc]
            ]
        )
        assert "accepted" in words
        assert "try_again" not in words
        assert state_of(scene, fee) is ObligationState.OPEN
    assert receivable(scene) == 0


def test_bill_is_paid_taken_back_and_paid_again_three_times(bank: Bank, scene: Scene) -> None:
    fee = scene.fee()
    for number in range(3):
        assert bank.pay(bank.bill(fee.document_no), f"FT{number}").word == "accepted"
        assert receivable(scene) == 200_000
        assert bank.reverse(f"FT{number}", f"RV{number}").word == "accepted"
        assert receivable(scene) == 0
    scene.apply(scene.evidence(scene.attempt(scene.order(fee)), source=EvidenceSource.STATUS_QUERY))
    assert state_of(scene, fee) is ObligationState.PAID
    night(scene, *(f"FT{n},100000000000003,,200000,,REVERSED,COUNTER_BRANCH,CASH" for n in range(3)))
    assert told(scene) == []


def test_payment_that_a_statement_of_the_running_day_settled_is_not_taken_back(
    bank: Bank, scene: Scene
) -> None:
    bill = bank.bill(scene.fee().document_no)
    bank.pay(bill, "FT1")
    night(scene, row("FT1", bill))
    assert bank.reverse("FT1").word == "too_late"
    assert bank.reverse("FT1", money_moved=True).word == "suspended"
    assert [kind for kind, _ in cases(scene)] == ["reversed_after_capture"]
    assert order_of(scene, bill).state is OrderState.PAID


def test_payment_taken_back_while_the_night_matches_is_not_settled(
    bank: Bank, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    bill, kept = bank.bill(scene.fee().document_no), bank.bill(scene.fee().document_no)
    bank.pay(bill, "FT1")
    bank.pay(kept, "FT2")
    words: list[str] = []
    adoptions = passes._Work.adoptions

    def taken_back_meanwhile(work: passes._Work, *args: object) -> object:
        if not words:  # both sides are loaded and matched by now
            words.append(at_once([lambda: bank.reverse("FT1").word])[0])
        return adoptions(work, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(passes._Work, "adoptions", taken_back_meanwhile)
    night(scene, row("FT1", bill), row("FT2", kept))
    assert words == ["accepted"]
    assert told(scene) == ["B01"]
    assert receivable(scene) == 0


@pytest.fixture
def settling(bank: Bank, scene: Scene) -> Callable[[Callable[[], object]], None]:
    """Do something while a night holds the payment FT1 as settled and has not committed yet."""
    bill = bank.bill(scene.fee().document_no)
    bank.pay(bill, "FT1")

    def during(act: Callable[[], object]) -> None:
        with scene.runtime.database.begin() as uow:
            (attempt,) = order_of(scene, bill).attempts
            assert note_settled(uow, [attempt.id]) == 1
            thread = Thread(target=act)
            thread.start()
            while thread.is_alive() and not rows(scene, _WAITS)[0][0]:
                pass
            assert thread.is_alive(), "it did not wait for the night"
            uow.commit()
        thread.join()

    return during


def test_reversal_waits_for_a_night_that_is_settling_the_payment(
    settling: Callable[[Callable[[], object]], None], bank: Bank
) -> None:
    words: list[str] = []
    settling(lambda: words.append(bank.reverse("FT1").word))
    assert words == ["too_late"]


def test_payment_that_waited_for_its_line_and_was_taken_back_waits_no_more(bank: Bank, scene: Scene) -> None:
    bill, other = bank.bill(scene.fee().document_no), bank.bill(scene.fee().document_no)
    bank.pay(bill, "FT1")
    bank.pay(other, "FT2")
    night(scene, row("FT2", other))
    assert told(scene) == ["B03"]
    assert bank.reverse("FT1").word == "accepted"
    night(scene, row("FT2", other), row("FT1", bill, status="REVERSED"))
    assert rows(scene, "SELECT state FROM discrepancy") == [("resolved",)]


def test_reversal_that_the_statement_knew_first_ties_when_the_bank_tells_us(bank: Bank, scene: Scene) -> None:
    bill, other = bank.bill(scene.fee().document_no), bank.bill(scene.fee().document_no)
    bank.pay(bill, "FT1")
    bank.pay(other, "FT2")
    night(scene, row("FT1", bill, status="REVERSED"), row("FT2", other))
    assert told(scene) == ["B08"]
    assert bank.reverse("FT1").word == "accepted"
    night(scene, row("FT1", bill, status="REVERSED"), row("FT2", other))
    assert rows(scene, "SELECT state FROM discrepancy") == [("resolved",)]


def test_money_in_suspense_that_the_bank_took_back_stays_in_sight(bank: Bank, scene: Scene) -> None:
    bill = bank.bill(scene.fee().document_no)
    assert bank.pay(bill, "FT1", amount=150_000, money_moved=True).word == "suspended"
    assert bank.reverse("FT1", amount=150_000, money_moved=True).word == "suspended"
    assert [kind for kind, _ in cases(scene)] == ["amount_mismatch", "reversed_after_capture"]
    night(scene, row("FT1", bill, amount=150_000, status="REVERSED"))
    assert told(scene) == ["B08"]
    assert (in_suspense(scene), receivable(scene)) == (150_000, 150_000)


def test_refund_and_reversal_at_once_give_the_money_back_once(bank: Bank, scene: Scene) -> None:
    line = scene.runtime.providers.get(ACCOUNT)
    able = type("Able", (type(line.provider),), {})()
    able.manifest = replace(
        line.provider.manifest, capabilities=line.provider.manifest.capabilities | {Capability.REFUND}
    )
    lines = {each.code: each for each in scene.runtime.providers} | {ACCOUNT: replace(line, provider=able)}
    runtime = replace(scene.runtime, providers=ProviderRegistry(lines))
    install(runtime)

    def refund(attempt_ref: str) -> str:
        try:
            with runtime.database.begin() as uow:
                request_refund(
                    uow,
                    providers=runtime.providers,
                    attempt_ref=attempt_ref,
                    amount=Money(200_000),
                    reason="wrong bill",
                    requested_by="tester",
                )
                uow.commit()
        except NothingToRefund:
            return "nothing"
        return "asked"

    for number in range(6):
        bill = bank.bill(scene.fee().document_no)
        bank.pay(bill, f"FT{number}")
        (attempt,) = order_of(scene, bill).attempts
        words = at_once(
            [
                lambda a=attempt: refund(a.attempt_ref),  # type: ignore[misc]
                lambda n=number: bank.reverse(f"FT{n}", f"RV{n}").word,  # type: ignore[misc]
            ]
        )
        assert sorted(words) in (["accepted", "nothing"], ["asked", "too_late"])
