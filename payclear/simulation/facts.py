"""What the judge compares: lives as they were lived, what payers really did, and how the one finds the other. Pure."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from payclear.simulation.books import AttemptLine, Books, DiscrepancyLine, MoneyMoved
from payclear.simulation.plan import AccountTraits, Behaviour, PlannedLine, PlannedTry
from payclear.simulation.statements import Plant

LIVE = frozenset({"pending", "open"})
IN_DOUBT = frozenset({"created", "sent", "in_doubt"})
REVERSAL = "payment_reversed"
PAYMENT_CODE_LENGTH = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class TryFacts:
    """A try as it was begun."""

    number: int
    account: str
    attempt_ref: str
    planned: PlannedTry
    refunded: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LifeFacts:
    """A planned payment as it was lived."""

    number: int
    order_ref: str
    behaviour: Behaviour
    amount: int
    lines: tuple[PlannedLine, ...]
    tries: tuple[TryFacts, ...]
    payment_code: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TruePayment:
    """Money a payer gave. `told_ref` is its number as we may read it; `attempt_ref` ours, or a bill's at a counter."""

    account: str
    attempt_ref: str
    told_ref: str
    amount: int
    paid_at: datetime
    is_reversed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Books and truth differ. `explained_by` is empty when nothing explains it."""

    kind: str
    number: int
    order_ref: str
    detail: str
    explained_by: str = ""


@dataclass(slots=True)
class Judgment:
    """What the comparison came to; `results` is payment, try, account, what became of the money, how much it was."""

    differences: list[Difference] = field(default_factory=list)
    results: list[tuple[int, int, str, str, int]] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    @property
    def unexplained(self) -> list[Difference]:
        """What nobody can explain: defects."""
        return [each for each in self.differences if not each.explained_by]

    def add(
        self, kind: str, life: LifeFacts | None, detail: str, explained_by: str = "", *, order_ref: str = ""
    ) -> None:
        """Note a difference."""
        self.differences.append(
            Difference(
                kind=kind,
                number=life.number if life else 0,
                order_ref=order_ref or (life.order_ref if life else ""),
                detail=detail,
                explained_by=explained_by,
            )
        )


class Files:
    """Everything, laid out so that one thing finds another."""

    def __init__(
        self,
        *,
        lives: Sequence[LifeFacts],
        truth: dict[str, Any],
        books: Books,
        plants: Sequence[Plant],
        accounts: Sequence[AccountTraits],
    ) -> None:
        self.lives, self.truth, self.books, self.plants = lives, truth, books, plants
        self.traits = {account.code: account for account in accounts}
        self.account_of = {account.protocol: account for account in accounts}
        self.life_of = {life.order_ref: life for life in lives if life.order_ref}
        self._life_of_code = {life.payment_code: life for life in lives if life.payment_code}
        self.try_of = {made.attempt_ref: (life, made) for life in lives for made in life.tries}
        self.attempts = {each.attempt_ref: each for each in books.attempts}
        self.refs_of: dict[str, list[str]] = defaultdict(list)
        for attempt in books.attempts:
            self.refs_of[attempt.order_ref].append(attempt.attempt_ref)
        self.orders = {each.order_ref: each for each in books.orders}
        self._by_number = {
            (each.account, each.provider_ref): each for each in books.attempts if each.provider_ref
        }
        self.entries: dict[str, list[MoneyMoved]] = defaultdict(list)
        self.nobodys: list[MoneyMoved] = []
        for entry in books.money:
            if entry.attempt_ref:
                self.entries[entry.attempt_ref].append(entry)
            else:
                self.nobodys.append(entry)
        self.cases: dict[str, list[str]] = defaultdict(list)
        self.cases_by_number: dict[tuple[str, str], list[str]] = defaultdict(list)
        for case in books.cases:
            if case.state == "open":
                self.cases[case.attempt_ref].append(case.kind)
                self.cases_by_number[(case.account, case.provider_ref)].append(case.kind)
        self._told_by_ref: dict[tuple[str, str], list[DiscrepancyLine]] = defaultdict(list)
        self._told_by_number: dict[tuple[str, str], list[DiscrepancyLine]] = defaultdict(list)
        self.told_of_entry: dict[str, DiscrepancyLine] = {}
        for told in books.discrepancies:
            self._told_by_ref[(told.account, told.attempt_ref)].append(told)
            self._told_by_number[(told.account, told.provider_ref)].append(told)
            if told.entry_id:
                self.told_of_entry[told.entry_id] = told
        self.plants_of: dict[tuple[str, str], list[Plant]] = defaultdict(list)
        self.planted_numbers: set[tuple[str, str]] = set()
        for plant in plants:
            self.plants_of[(plant.account, plant.attempt_ref)].append(plant)
            if plant.provider_ref:
                prefix = self.traits[plant.account].ref_prefix
                self.planted_numbers.add((plant.account, prefix + plant.provider_ref))
        self.paid = self._true_payments(truth)
        self.paid_by_number: dict[tuple[str, str], list[TruePayment]] = defaultdict(list)
        for payment in self.paid:
            self.paid_by_number[(payment.account, payment.told_ref)].append(payment)
        # A bank that never heard our answer kept nothing in the end, though we took its word.
        self.unheard = {
            (account.code, account.ref_prefix + payment["provider_ref"])
            for payment in truth["payments"]
            if payment["status"] == "opened" and (account := self.account_of[payment["provider"]]).counter
        }
        self.of_attempt: dict[str, list[TruePayment]] = defaultdict(list)
        self.strays: list[TruePayment] = []
        for payment in self.paid:
            found = self.attempt_of(payment)
            if found is not None:
                self.of_attempt[found.attempt_ref].append(payment)
            else:
                self.strays.append(payment)

    def _true_payments(self, truth: dict[str, Any]) -> list[TruePayment]:
        found = []
        for payment in truth["payments"]:
            if payment["status"] not in ("paid", "reversed"):
                continue
            account = self.account_of[payment["provider"]]
            found.append(
                TruePayment(
                    account=account.code,
                    attempt_ref=payment["attempt_ref"],
                    told_ref=account.ref_prefix + payment["provider_ref"],
                    amount=payment["amount"],
                    paid_at=datetime.fromisoformat(payment["paid_at"]),
                    is_reversed=payment["status"] == "reversed",
                )
            )
        return found

    def attempt_of(self, payment: TruePayment) -> AttemptLine | None:
        """The attempt of ours that a payment was made for, at the same account."""
        named = self.attempts.get(payment.attempt_ref)
        if named is not None and named.account == payment.account:
            return named
        return self._by_number.get((payment.account, payment.told_ref))

    def about(self, account: str, refs: Iterable[str], numbers: Iterable[str]) -> list[DiscrepancyLine]:
        """The discrepancies about any of these references of ours or numbers of theirs."""
        found = [told for ref in refs if ref for told in self._told_by_ref[(account, ref)]]
        found += [told for number in numbers if number for told in self._told_by_number[(account, number)]]
        return list(dict.fromkeys(found))

    def about_attempt(self, attempt_ref: str, payments: Sequence[TruePayment]) -> list[DiscrepancyLine]:
        """The discrepancies about an attempt and what was paid for it."""
        attempt = self.attempts[attempt_ref]
        refs = {attempt_ref, *(payment.attempt_ref for payment in payments)}
        return self.about(attempt.account, refs, [payment.told_ref for payment in payments])

    def why_unheard(self, entry: MoneyMoved) -> str:
        """What tells of money that a bank gave up because our answer never reached it; empty when nothing does."""
        told = self.about(entry.account, [entry.attempt_ref], [entry.number])
        is_told = any(each.code == "B04" and each.state in LIVE for each in told)
        return "discrepancy B04" if is_told and (entry.account, entry.number) in self.unheard else ""

    def kept_for(self, payment: TruePayment) -> list[MoneyMoved]:
        """Money nobody claims that is this payment's."""
        return [
            entry
            for entry in self.nobodys
            if entry.account == payment.account and self._is_of(entry, payment)
        ]

    def _is_of(self, entry: MoneyMoved, payment: TruePayment) -> bool:
        if entry.number == payment.told_ref:
            return True
        told = self.told_of_entry.get(entry.entry_id)
        return told is not None and payment.attempt_ref == told.attempt_ref

    def life_of_bill(self, payment: TruePayment) -> LifeFacts | None:
        """Whose bill was paid at a counter; a bank's own digits may stand before our code."""
        return self._life_of_code.get(payment.attempt_ref[-PAYMENT_CODE_LENGTH:])

    def life_and_try(self, attempt_ref: str) -> tuple[LifeFacts | None, TryFacts | None]:
        """Who made an attempt."""
        return self.try_of.get(attempt_ref, (None, None))
