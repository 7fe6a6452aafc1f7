"""Plays the scenarios of a bank's counter that the ledger judges: the bank's own messages from the simulator, through the
real address, against PostgreSQL. The bank's truth and our books are compared.
"""

import logging
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from payclear.contract.conformance.bench import PERSON, PERSON_ASCII
from payclear.contract.conformance.counter import BankCounter, last_step
from payclear.contract.conformance.mutations import mutations
from payclear.contract.messages import InboundRequest
from payclear.orders.domain import CaseKind, OrderState
from tests.providers.conformance.books import Desk
from tests.providers.conformance.counter_town import Town, door


def found(town: Town) -> None:
    """By dossier code, decision number and payment code; the same bill again; no order, no full name, nobody blocked."""
    fee, fine = town.owed(150_000), town.desk.scene.fine(1_000_000)
    for owed in (fee, fine):
        bill = town.bill(owed.document_no)
        assert bill == town.bill(owed.document_no)
        assert bill["amount"] > 0
        assert PERSON not in str(bill)
        assert PERSON_ASCII.upper() not in str(bill)
        by_code = town.bill(bill["bill_id"])
        assert (by_code["bill_id"], by_code["amount"]) == (bill["bill_id"], bill["amount"])
    assert town.bill(fee.document_no)["amount"] == 150_000
    assert town.bill(fine.document_no)["amount"] > 1_000_000  # late: the surcharge of the day is in it
    assert town.states() == []
    order = town.desk.scene.order(fee)
    assert town.bill(order.payment_code)["bill_id"] == order.payment_code
    assert town.bill(fee.document_no)["bill_id"] == order.payment_code


def unknown(town: Town) -> None:
    """A number nobody knows is said to be unknown, and leaves nothing."""
    before = town.desk.everything()
    for document in ("H99.14-261121-9999", "100000000000045", "9999999/QD-XPHC"):
        told = town.counter.visit("inquire", document=document)
        assert (told["bills"], told["says"]) == ([], "refused")
    assert town.desk.everything() == before


def captured(town: Town) -> None:
    """Cash at the counter: the order is made and paid, channel and instrument are kept, the bank's truth is our books."""
    owed = town.owed()
    told = town.pay(owed, channel="COUNTER_BRANCH", instrument="CASH")
    assert (told["says"], told["kept"]) == ("taken", 150_000)
    assert town.states() == [OrderState.PAID]
    assert town.desk.money() == [("payment_captured", 150_000)]
    (row,) = town.rows("SELECT bank_ref, bill_id, amount, state, channel, instrument FROM collection_payment")
    assert row[:4] == (told["bank_ref"], told["bill_id"], 150_000, "accepted")
    assert row[4] == "COUNTER_BRANCH"
    assert row[5] in ("CASH", "UNSTATED")
    assert town.held() == town.kept() == 150_000
    with_code = town.desk.scene.order(town.owed(70_000))
    assert town.counter.visit("pay", document=with_code.payment_code)["says"] == "taken"
    assert town.desk.scene.reload(with_code.id).state is OrderState.PAID


def paid_before(town: Town) -> None:
    """What is paid is not shown again. A second payment is refused, or, where it has moved, kept aside with a case."""
    owed = town.owed()
    first = town.pay(owed)
    told = town.counter.visit("inquire", document=owed.document_no)
    assert (told["says"], told["bills"]) == ("refused", [])
    again = town.pay(owed, bill_id=first["bill_id"], amount=150_000)
    assert again["bank_ref"] != first["bank_ref"]
    if town.notifies:
        assert town.desk.cases() == [(CaseKind.DOUBLE_SUCCESS, 150_000)]
        assert town.held() == town.kept() == 300_000
    else:
        assert (again["says"], again["kept"]) == ("refused", 0)
        assert town.held() == town.kept() == 150_000
    assert town.states() == [OrderState.PAID]


def confirming(town: Town) -> None:
    """While a payment elsewhere is not decided, the counter is told to take no money."""
    owed = town.owed()
    bill = town.bill(owed.document_no)
    order = town.desk.scene.order(owed)
    town.desk.scene.attempt(order, provider_account="sandbox-test")
    told = town.counter.visit("inquire", document=owed.document_no)
    assert (told["says"], told["bills"]) == ("refused", [])
    paid = town.pay(owed, bill_id=bill["bill_id"], amount=bill["amount"])
    if town.notifies:
        assert town.held() == town.kept() == 150_000
        assert len(town.desk.cases()) == 1
    else:
        assert (paid["says"], paid["kept"], town.desk.money()) == ("refused", 0, [])
    assert town.desk.scene.reload(order.id).state is OrderState.OPEN


def _one_payment(town: Town, told: Mapping[str, Any]) -> None:
    assert told["says"] == "taken"
    assert town.states() == [OrderState.PAID]
    assert town.desk.money() == [("payment_captured", 150_000)]
    assert town.desk.count("collection_payment") == 1
    assert town.held() == town.kept() == 150_000


def duplicate_100(town: Town) -> None:
    """The same payment a hundred times is one."""
    told = town.pay(town.owed(), "duplicate:100")
    assert {step["says"] for step in told["steps"]} == {"taken"}
    assert len(told["steps"]) == 101
    _one_payment(town, told)


def parallel_50(town: Town) -> None:
    """The same payment fifty times at once is one."""
    told = town.pay(town.owed(), "parallel:50")
    assert len(told["steps"]) == 51
    assert {step["says"] for step in told["steps"]} == {"taken"}
    _one_payment(town, told)


def answer_lost(town: Town) -> None:
    """Our answer is lost; the bank tells the same payment again and hears the same."""
    told = town.pay(town.owed(), "answer_lost")
    assert [step["call"] for step in told["steps"]] == ["inquire", "pay", "pay"]
    _one_payment(town, told)


def other_content(town: Town) -> None:
    """The same reference with another amount is another payment's: refused, and the first stands."""
    told = town.pay(town.owed(), "other_content")
    assert last_step(told)["says"] != "taken"
    _one_payment(town, told)


def wrong_amount(town: Town) -> None:
    """One đồng less: refused; or, where it has moved, in suspense with a case. The order is not paid."""
    told = town.pay(town.owed(), "wrong_amount")
    if town.notifies:
        assert town.desk.money() == [("payment_suspended", 149_999)]
        assert town.desk.cases() == [(CaseKind.AMOUNT_MISMATCH, 149_999)]
        assert town.held() == town.kept() == 149_999
    else:
        assert (told["says"], told["kept"]) == ("refused", 0)
        assert town.desk.money() == []
    assert OrderState.PAID not in town.states()


def unknown_bill(town: Town) -> None:
    """A bill that nobody handed out: refused; money that has moved does not vanish."""
    town.owed()
    before = town.lasting()
    told = town.counter.visit("pay", "unknown_bill", document="KHONGCO", bill_id="1", amount=150_000)
    if town.notifies:
        assert town.desk.money() == [("payment_suspended", 150_000)]
        assert town.desk.cases() == [(CaseKind.UNKNOWN_ATTEMPT, 150_000)]
    else:
        assert (told["says"], told["kept"]) == ("refused", 0)
        assert town.lasting() == before
    assert OrderState.PAID not in town.states()


def other_bill(town: Town) -> None:
    """The bill of one document with the number of another, the same amount: neither is paid by it."""
    one, other = town.owed(), town.owed()
    bill = town.bill(other.document_no)
    town.bill(one.document_no)
    told = town.pay(one, bill_id=bill["bill_id"], amount=150_000)
    assert OrderState.PAID not in town.states()
    if town.notifies:
        assert town.desk.money() == [("payment_suspended", 150_000)]
        assert len(town.desk.cases()) == 1
    else:
        assert (told["says"], told["kept"], town.desk.money()) == ("refused", 0, [])
    assert town.pay(one)["says"] == town.pay(other)["says"] == "taken"


def open_fields(town: Town) -> None:
    """What no signature covers is changed on the way: no other bill is paid by it, and nothing is counted twice."""
    one, other = town.owed(), town.owed()
    victim = town.bill(other.document_no)["bill_id"]
    told = town.pay(one)
    genuine = town.counter.messages()[-1]
    serve = door(town.desk)
    for mutation in mutations(genuine, town.counter.manifest.callback_headers):
        assert serve(mutation.request).status < 500, mutation.field
    body = genuine.body.replace(told["bill_id"].encode(), victim.encode())
    body = body.replace(one.document_no.encode(), other.document_no.encode())
    forged = InboundRequest(**{name: getattr(genuine, name) for name in genuine.__slots__} | {"body": body})
    assert serve(forged).status < 500
    assert town.states() == [OrderState.PAID]
    assert ("payment_captured", 150_000) in town.desk.money()
    assert town.desk.count("collection_payment") == 1
    assert town.held() == town.kept() == 150_000
    assert town.bill(other.document_no)["bill_id"] == victim


def too_late(town: Town) -> None:
    """A bill paid when its time was over: refused; money that has moved is kept, to the đồng."""
    fine = town.desk.scene.fine(1_000_000)
    bill = town.bill(fine.document_no)
    town.desk.scene.runtime.clock.advance(timedelta(days=2))
    told = town.pay(fine, bill_id=bill["bill_id"], amount=bill["amount"])
    if town.notifies:
        assert town.held() == town.kept() == bill["amount"]
        assert OrderState.PAID in town.states() or len(town.desk.cases()) == 1
    else:
        assert (told["says"], told["kept"], town.desk.money()) == ("refused", 0, [])
        fresh = town.bill(fine.document_no)
        assert fresh["amount"] > bill["amount"]
        assert town.pay(fine)["says"] == "taken"


def forged(town: Town) -> None:
    """Signed with another key, or changed on the way after signing: nothing but a counter changes."""
    owed = town.owed()
    bill = town.bill(owed.document_no)
    before = town.lasting() | {"collection_message": town.desk.count("collection_message")}
    for fault in ("other_key", "tampered"):
        told = town.pay(owed, fault, bill_id=bill["bill_id"], amount=bill["amount"])
        assert told["says"] != "taken"
    assert town.lasting() | {"collection_message": town.desk.count("collection_message")} == before
    assert town.rows("SELECT sum(count) FROM collection_rejection")[0][0] >= 2


def replayed(town: Town) -> None:
    """The very same bytes at once and a day later do nothing."""
    told = town.pay(town.owed(), "replayed")
    _one_payment(town, told)
    messages = town.counter.messages()
    town.desk.scene.runtime.clock.advance(timedelta(days=1))
    before = town.lasting()
    for request in messages:
        if request is not messages[0]:  # an inquiry asks anew
            assert door(town.desk)(request).status < 500
    assert town.lasting() == before


def reversed_(town: Town) -> None:
    """The teller took the wrong bill: taken back on the day, owed again, paid again by the right person."""
    owed = town.owed()
    paid = town.pay(owed)
    back = town.counter.visit("reverse", bank_ref=paid["bank_ref"])
    assert (back["says"], back["kept"], back["status"]) == ("taken", 0, "reversed")
    assert town.states() == [OrderState.REVERSED]
    assert town.desk.money() == [("payment_captured", 150_000), ("payment_reversed", 150_000)]
    assert town.held() == town.kept() == 0
    again = town.pay(owed)
    assert again["says"] == "taken"
    assert sorted(town.states()) == [OrderState.PAID, OrderState.REVERSED]
    assert town.held() == town.kept() == 150_000


def reversed_twice(town: Town) -> None:
    """The same reversal again is known; another one finds nothing to take back."""
    paid = town.pay(town.owed())
    back = town.counter.visit("reverse", bank_ref=paid["bank_ref"])
    booked = town.desk.money()
    again = town.counter.visit("reverse", bank_ref=paid["bank_ref"], reversal_ref=back["reversal_ref"])
    assert again["says"] == "taken"
    other = town.counter.visit("reverse", bank_ref=paid["bank_ref"])
    assert other["says"] != "taken"
    assert town.desk.money() == booked
    assert town.held() == 0


def reversed_late(town: Town) -> None:
    """After the day's end it is too late: refused; where the bank gave the money back already, a person decides."""
    paid = town.pay(town.owed())
    town.desk.scene.runtime.clock.advance(timedelta(days=1))
    back = town.counter.visit("reverse", bank_ref=paid["bank_ref"])
    assert town.states() == [OrderState.PAID]
    assert town.desk.money() == [("payment_captured", 150_000)]
    if town.notifies:
        assert town.desk.cases() == [(CaseKind.REVERSED_AFTER_CAPTURE, 150_000)]
    else:
        assert (back["says"], back["kept"]) == ("refused", 150_000)
        assert town.desk.cases() == []


def reversed_unknown(town: Town) -> None:
    """A payment that we never took can not be taken back, and is not taken when its message comes after all."""
    lost = town.pay(town.owed(), "not_told")
    before = town.lasting()
    back = town.counter.visit("reverse", bank_ref=lost["bank_ref"])
    assert back["says"] == "refused"
    assert town.counter.visit("repeat", bank_ref=lost["bank_ref"])["says"] == "refused"
    assert town.lasting() == before


def status(town: Town) -> None:
    """After a timeout the bank asks: accepted, unknown, reversed."""
    paid = town.pay(town.owed(), "answer_lost")
    asked = town.counter.visit("status", bank_ref=paid["bank_ref"])
    assert (asked["says"], asked["code"]) == ("taken", "accepted")
    lost = town.pay(town.owed(70_000), "not_told")
    assert town.counter.visit("status", bank_ref=lost["bank_ref"])["code"] == "not_found"
    assert town.counter.visit("repeat", bank_ref=lost["bank_ref"])["says"] == "taken"
    assert town.counter.visit("status", bank_ref=lost["bank_ref"])["code"] == "accepted"
    town.counter.visit("reverse", bank_ref=paid["bank_ref"])
    assert town.counter.visit("status", bank_ref=paid["bank_ref"])["code"] == "reversed"
    assert town.held() == town.kept() == 70_000


class _Heard(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        said = {name: value for name, value in vars(record).items() if name not in ("args", "exc_info")}
        self.lines.append(f"{record.getMessage()} {said}")


def redaction(town: Town) -> None:
    """What is logged of a visit, with its refusals, holds no person, no account, no signature, no key."""
    heard, root = _Heard(), logging.getLogger()
    before = root.level
    root.addHandler(heard)
    root.setLevel(logging.DEBUG)
    try:
        owed = town.owed()
        told = town.pay(owed, "duplicate:2")
        town.pay(owed, "other_key", bill_id=told["bill_id"], amount=150_000)
        town.counter.visit("inquire", document="KHONGCO")
        if town.counter.offers("reverse"):
            town.counter.visit("reverse", bank_ref=told["bank_ref"])
    finally:
        root.removeHandler(heard)
        root.setLevel(before)
    text = "\n".join(heard.lines)
    assert "collection." in text
    for words in (PERSON, PERSON_ASCII.upper(), "101870000001", "21510000000001", owed.document_no):
        assert words not in text, words
    for secret in town.desk.subject.account.secrets.values():
        assert secret.reveal() not in text
    for message in town.counter.messages():
        assert message.body.decode() not in text


_PLAYS: Mapping[str, Callable[[Town], None]] = {
    "collect_found": found,
    "collect_unknown": unknown,
    "collect_paid_before": paid_before,
    "collect_confirming": confirming,
    "collect_captured": captured,
    "collect_duplicate_100": duplicate_100,
    "collect_parallel_50": parallel_50,
    "collect_answer_lost": answer_lost,
    "collect_other_content": other_content,
    "collect_wrong_amount": wrong_amount,
    "collect_unknown_bill": unknown_bill,
    "collect_other_bill": other_bill,
    "collect_open_fields": open_fields,
    "collect_too_late": too_late,
    "collect_forged": forged,
    "collect_replayed": replayed,
    "collect_reversed": reversed_,
    "collect_reversed_twice": reversed_twice,
    "collect_reversed_late": reversed_late,
    "collect_reversed_unknown": reversed_unknown,
    "collect_status": status,
    "collect_redaction": redaction,
}


def _at_the_counter(play: Callable[[Town], None]) -> Callable[[Desk], None]:
    def played(desk: Desk) -> None:
        with BankCounter(desk.bench, desk.subject, door=door(desk)) as counter:
            play(Town(desk, counter))

    return played


PLAYS: Mapping[str, Callable[[Desk], None]] = {name: _at_the_counter(play) for name, play in _PLAYS.items()}
