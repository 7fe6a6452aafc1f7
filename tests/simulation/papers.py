"""Books and truth of a few payments that all went well; a test changes what it is about and asks the judge."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from payclear.simulation.books import (
    AttemptLine,
    Books,
    CaseLine,
    DiscrepancyLine,
    MoneyMoved,
    OrderLine,
    RefundLine,
)
from payclear.simulation.facts import (
    PAYMENT_CODE_LENGTH,
    Difference,
    Files,
    Judgment,
    LifeFacts,
    TryFacts,
)
from payclear.simulation.judge import judge
from payclear.simulation.judge_nights import judge_nights
from payclear.simulation.plan import AccountTraits, Behaviour, Fault, PlannedLine, PlannedTry
from payclear.simulation.statements import Plant

BANK, WALLET, COUNTER = "bank-1", "wallet-1", "counter-1"
DAY = date(2026, 11, 18)
PAID_AT = datetime(2026, 11, 18, 3, 0, tzinfo=UTC)
EXPIRES_AT = PAID_AT + timedelta(minutes=15)
BENEFICIARY = "TK-PHI"
AMOUNT = 150_000


def account(code: str, **other: Any) -> AccountTraits:
    """An account that can do everything online; its protocol is named like it, its numbers bear a prefix."""
    able: dict[str, Any] = {
        "protocol": f"protocol of {code}",
        "amount_min": 1000,
        "amount_max": 100_000_000,
        "outcomes": ("success", "cancel"),
        "calls_at_checkout": True,
        "calls_back": True,
        "answers": True,
        "lists": True,
        "proves": True,
        "takes_again": True,
        "refunds": "part",
        "refund_answers": True,
        "ref_prefix": "N",
    }
    return AccountTraits(code=code, **(able | other))


ACCOUNTS = (
    account(BANK),
    account(WALLET, lists=False),
    account(COUNTER, counter=("pay", "reverse", "repeat"), calls_back=False, takes_again=False),
)


@dataclass(slots=True)
class Papers:
    """All that the judge reads, still open to change. `pay` writes one more payment that went well into all of it."""

    lives: list[LifeFacts] = field(default_factory=list)
    truth: list[dict[str, Any]] = field(default_factory=list)
    given_back: list[dict[str, Any]] = field(default_factory=list)
    orders: list[OrderLine] = field(default_factory=list)
    attempts: list[AttemptLine] = field(default_factory=list)
    money: list[MoneyMoved] = field(default_factory=list)
    refunds: list[RefundLine] = field(default_factory=list)
    beneficiaries: dict[str, int] = field(default_factory=dict)
    cases: list[CaseLine] = field(default_factory=list)
    discrepancies: list[DiscrepancyLine] = field(default_factory=list)
    receipts: list[tuple[str, int | None, str]] = field(default_factory=list)
    plants: list[Plant] = field(default_factory=list)

    def pay(self, at: str = BANK, *, amount: int = AMOUNT, faults: tuple[Fault, ...] = ()) -> int:
        """One more payment: truth, order, attempt, entry, claim and receipt agree. Its place in each list."""
        place = len(self.lives)
        number = place + 1
        order_ref, ref = order_of(number), attempt_of(number)
        planned = PlannedTry(account=at, outcome="success", pays_after_s=30, faults=faults)
        made = TryFacts(number=1, account=at, attempt_ref=ref, planned=planned)
        self.lives.append(
            LifeFacts(
                number=number,
                order_ref=order_ref,
                payment_code=code_of(number),
                behaviour=Behaviour.PAYS,
                amount=amount,
                lines=(PlannedLine(type="fee_phi", amount=amount, beneficiary_account=BENEFICIARY),),
                tries=(made,),
            )
        )
        self.truth.append(true_payment(at, ref, number, amount))
        self.orders.append(OrderLine(order_ref, f"portal-{number}", "paid", amount))
        self.attempts.append(AttemptLine(ref, order_ref, at, "succeeded", amount, f"N{number}", EXPIRES_AT))
        self.money.append(entry("payment_captured", at, ref, f"N{number}", amount))
        self.beneficiaries[BENEFICIARY] = self.beneficiaries.get(BENEFICIARY, 0) + amount
        self.receipts.append(("BL-2026", number, order_ref))
        return place

    def unpaid(self, place: int, *, state: str = "open") -> None:
        """Nothing was booked for a payment, and its order waits or lapsed: no claim, no receipt."""
        order = self.orders[place]
        self.orders[place] = OrderLine(order.order_ref, order.portal_ref, state, order.amount)
        self.money = [each for each in self.money if each.attempt_ref != attempt_of(place + 1)]
        self.receipts = [each for each in self.receipts if each[2] != order.order_ref]
        self.beneficiaries[BENEFICIARY] -= order.amount

    def books(self) -> Books:
        """Our side."""
        return Books(
            orders=tuple(self.orders),
            attempts=tuple(self.attempts),
            money=tuple(self.money),
            refunds=tuple(self.refunds),
            beneficiaries=self.beneficiaries,
            cases=tuple(self.cases),
            discrepancies=tuple(self.discrepancies),
            problems=(),
            receipts=tuple(self.receipts),
            events=(),
            undelivered=0,
            forgeries={},
            nights=(),
        )

    def judged(self) -> Judgment:
        """What the judge of the day and the judge of the nights find."""
        files = Files(
            lives=self.lives,
            truth={"payments": self.truth, "refunds": self.given_back},
            books=self.books(),
            plants=self.plants,
            accounts=ACCOUNTS,
        )
        judgment = judge(files)
        judge_nights(files, judgment)
        return judgment

    def found(self) -> list[tuple[str, int, str]]:
        """Kind, planned payment and explanation of each difference, in order."""
        return told(self.judged().differences)


def told(differences: Iterable[Difference]) -> list[tuple[str, int, str]]:
    """Differences without their prose."""
    return sorted((each.kind, each.number, each.explained_by) for each in differences)


def order_of(number: int) -> str:
    return f"PC{number}X"


def attempt_of(number: int) -> str:
    return f"PC{number}X01"


def code_of(number: int) -> str:
    """The payment code on a bill, as long as ours are."""
    return f"{number:0{PAYMENT_CODE_LENGTH}d}"


def true_payment(at: str, attempt_ref: str, number: int, amount: int, **other: Any) -> dict[str, Any]:
    """A payment as the simulator tells it."""
    return {
        "provider": f"protocol of {at}",
        "attempt_ref": attempt_ref,
        "provider_ref": str(number),
        "amount": amount,
        "status": "paid",
        "paid_at": PAID_AT.isoformat(),
    } | other


def entry(template: str, at: str, attempt_ref: str, number: str, amount: int, *, id_: str = "") -> MoneyMoved:
    """An entry of the ledger."""
    return MoneyMoved(
        id_ or f"{template} {at} {attempt_ref} {number}",
        template,
        at,
        attempt_ref,
        f"money-in:{at}:{number}",
        amount,
    )


def case(
    kind: str, *, attempt_ref: str = "", number: str = "", at: str = BANK, state: str = "open"
) -> CaseLine:
    return CaseLine(at, attempt_ref, number, kind, state, AMOUNT)


def discrepancy(code: str, *, at: str = BANK, **other: Any) -> DiscrepancyLine:
    """A discrepancy that stands open."""
    plain: dict[str, Any] = {
        "attempt_ref": "",
        "provider_ref": "",
        "state": "open",
        "entry_id": "",
        "has_case": False,
        "ours": None,
        "theirs": None,
    }
    return DiscrepancyLine(account=at, code=code, **(plain | other))
