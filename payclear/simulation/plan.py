"""Who pays what, where, when, and what goes wrong: a day drawn from a seed. Pure; the same seed gives the same plan.

Called by `day`. It knows of accounts only what the driver tells it and touches nothing.
"""

import hashlib
import json
import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from enum import StrEnum

STEP = timedelta(seconds=30)
DAY = timedelta(days=1)
WAVE = 25  # citizens who come in one step
AMOUNTS = (10_000, 20_000, 50_000, 75_000, 100_000, 150_000, 200_000, 375_000, 500_000, 1_250_000, 4_500_000)
FINES = (150_000, 400_000, 850_000, 2_500_000, 5_000_000, 18_000_000, 35_000_000)
LIMIT_SHARE = 0.02  # of the payments lie at a limit of their account
STEERED = range(101, 109)  # the sandbox reads wishes into these last three digits
AMOUNT_MAX = 1_000_000_000
ATTEMPT_S = 900  # whoever pays later than this pays late
HEALS_AT_LAST_S = 7200
SHORT_EXPIRY_MINUTES = 20
LONG_EXPIRY_MINUTES = 1440


class Behaviour(StrEnum):
    """What a citizen means to do."""

    PAYS = "pays"
    ABANDONS = "abandons"
    IS_REFUSED = "is_refused"
    CANCELS_THERE = "cancels_there"
    TRIES_ELSEWHERE = "tries_elsewhere"
    TWO_TABS = "two_tabs"
    PAYS_LATE = "pays_late"
    PAYS_AFTER_ORDER = "pays_after_order"
    ORDER_WITHDRAWN = "order_withdrawn"
    AT_COUNTER = "at_counter"


_SHARES = {
    Behaviour.PAYS: 60,
    Behaviour.ABANDONS: 6,
    Behaviour.IS_REFUSED: 5,
    Behaviour.CANCELS_THERE: 5,
    Behaviour.TRIES_ELSEWHERE: 8,
    Behaviour.TWO_TABS: 5,
    Behaviour.PAYS_LATE: 5,
    Behaviour.PAYS_AFTER_ORDER: 3,
    Behaviour.ORDER_WITHDRAWN: 3,
}


class Fault(StrEnum):
    """What goes wrong with one try; each is drawn by itself."""

    CALLBACK_LOST = "callback_lost"
    CALLBACK_DOUBLED = "callback_doubled"
    CALLBACK_REORDERED = "callback_reordered"
    CALLBACK_LATE = "callback_late"
    CALLBACK_FORGED = "callback_forged"
    CREATE_CUT_BEFORE = "create_cut_before"
    CREATE_CUT_AFTER = "create_cut_after"
    CREATE_BROKEN = "create_broken"
    QUERY_CUT = "query_cut"
    QUERY_BROKEN = "query_broken"
    WRONG_AMOUNT = "wrong_amount"
    PAID_TWICE = "paid_twice"
    RETURN_LOST = "return_lost"
    DEATH_BEFORE_CALL = "death_before_call"
    DEATH_AFTER_CALL = "death_after_call"
    COUNTER_ANSWER_LOST = "counter_answer_lost"
    COUNTER_DUPLICATE = "counter_duplicate"
    COUNTER_PARALLEL = "counter_parallel"
    COUNTER_REPLAYED = "counter_replayed"
    COUNTER_TAMPERED = "counter_tampered"
    COUNTER_OTHER_KEY = "counter_other_key"
    COUNTER_NOT_TOLD = "counter_not_told"


CREATE_FAULTS = (Fault.CREATE_CUT_BEFORE, Fault.CREATE_CUT_AFTER, Fault.CREATE_BROKEN)
CALLBACK_FAULTS = (
    Fault.CALLBACK_DOUBLED,
    Fault.CALLBACK_REORDERED,
    Fault.CALLBACK_LATE,
)
DEATHS = (Fault.DEATH_BEFORE_CALL, Fault.DEATH_AFTER_CALL)
COUNTER_FAULTS = tuple(fault for fault in Fault if fault.startswith("counter_"))
# What happens to a refund's call, in the simulator's words; the first is that nothing does.
REFUND_FAULTS = (
    "refund_timeout",
    "refund_timeout_before_money",
    "refund_refused",
    "refund_html",
    "refund_query_pending",
)
REVERSED_SHARE = 0.1  # of the payments at counters are taken back by the bank


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountTraits:
    """What the plan must know of a provider account.

    `calls_at_checkout`: opening a payment is a call. `calls_back`, `answers`, `lists`: it has callbacks, status
    queries, statements. `proves`: a callback alone decides. `takes_again`: the same reference can be paid twice.
    `refunds`: whole, part or empty; `refund_answers`: a refund can be asked about. `counter`: what a bank's counter
    can do, empty where payers come online. `ref_prefix` stands before its numbers where we read them.
    """

    code: str
    protocol: str
    amount_min: int
    amount_max: int
    outcomes: tuple[str, ...]
    calls_at_checkout: bool
    calls_back: bool
    answers: bool
    lists: bool
    proves: bool
    takes_again: bool
    refunds: str = ""
    refund_answers: bool = False
    counter: tuple[str, ...] = ()
    ref_prefix: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedTry:
    """One try at one account. `heals_after_s`: a broken status query works again so much later, None never."""

    account: str
    outcome: str  # success, refuse, cancel, abandon
    pays_after_s: int
    faults: tuple[Fault, ...]
    heals_after_s: int | None = None
    callback_late_s: int = 0
    broken: str = "html"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedRefund:
    """Money that staff give back after the order was paid. `share` in percent of what was paid, 100 for all of it."""

    after_s: int
    share: int
    fault: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedLine:
    """One line of what is owed."""

    type: str
    amount: int
    beneficiary_account: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedPayment:
    """One citizen with one document."""

    number: int
    day: int
    arrives_s: int  # after midnight in Viet Nam
    kind: str  # dossier_fee or traffic_fine
    agency: str
    lines: tuple[PlannedLine, ...]
    behaviour: Behaviour
    tries: tuple[PlannedTry, ...]
    expires_in_minutes: int
    locale: str
    refund: PlannedRefund | None = None

    @property
    def amount(self) -> int:
        """What is owed in all."""
        return sum(line.amount for line in self.lines)


AGENCIES = {
    "dossier_fee": (
        ("H00.14", "TK-H00-PHI", "TK-H00-LEPHI"),
        ("S10.01", "TK-S1001-PHI", "TK-S1001-LEPHI"),
        ("S10.02", "TK-S1002-PHI", "TK-S1002-LEPHI"),
    ),
    "traffic_fine": (
        ("A00.01", "TK-A00-PHAT", "TK-A00-CHAMNOP"),
        ("S10.03", "TK-S1003-PHAT", "TK-S1003-CHAMNOP"),
    ),
}


def draw(
    seed: int, *, payments: int, days: int, faults_percent: float, accounts: Sequence[AccountTraits]
) -> list[PlannedPayment]:
    """The plan of `days` days with `payments` payments in all, in order of arrival."""
    chance = random.Random(f"payclear {seed}")  # noqa: S311 - a plan, not a secret
    planned: list[PlannedPayment] = []
    arrivals = _arrivals(chance, payments, days)
    for number, (day, arrives_s) in enumerate(arrivals, start=1):
        home = accounts[number % len(accounts)]
        others = [each for each in accounts if each.code != home.code and not each.counter]
        elsewhere = chance.choice(others) if others else home
        planned.append(_payment(chance, number, day, arrives_s, (home, elsewhere), faults_percent / 100))
    return planned


def moved(planned: PlannedTry, account: AccountTraits) -> PlannedTry:
    """The same try at another account than was planned, with those of its faults that can happen there."""
    possible = _possible(
        set(planned.faults), account, planned.outcome, is_late=planned.pays_after_s > ATTEMPT_S
    )
    heals = planned.heals_after_s
    return replace(
        planned,
        account=account.code,
        faults=tuple(fault for fault in planned.faults if fault in possible),
        heals_after_s=heals if account.lists else heals or HEALS_AT_LAST_S,
    )


def digest(plan: Sequence[PlannedPayment]) -> str:
    """A fingerprint: equal plans have equal ones."""
    text = json.dumps([asdict(each) for each in plan], sort_keys=True)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def _arrivals(chance: random.Random, payments: int, days: int) -> list[tuple[int, int]]:
    """Waves over the day, most in office hours, some in the night and some on the edge of midnight."""
    waves = max(6 * days, payments // WAVE)
    starts: list[tuple[int, int]] = []
    for wave in range(waves):
        share = wave % 12
        if share == 0:
            second = chance.randrange(23 * 3600 + 40 * 60, 24 * 3600 - 60)
        elif share == 1:
            second = chance.randrange(0, 6 * 3600)
        elif share <= 3:
            second = chance.randrange(18 * 3600, 23 * 3600)
        else:
            second = chance.randrange(7 * 3600 + 1800, 17 * 3600)
        starts.append((wave % days, second // 30 * 30))
    starts.sort()
    return sorted(starts[number % waves] for number in range(payments))


def _payment(
    chance: random.Random,
    number: int,
    day: int,
    arrives_s: int,
    accounts: tuple[AccountTraits, AccountTraits],
    rate: float,
) -> PlannedPayment:
    behaviour = chance.choices(list(_SHARES), list(_SHARES.values()))[0]
    if accounts[0].counter:
        behaviour = Behaviour.AT_COUNTER
    kind = "traffic_fine" if chance.random() < 0.3 else "dossier_fee"
    agency, first, second = chance.choice(AGENCIES[kind])
    amount = _amount(chance, kind, accounts[0])
    short = behaviour is Behaviour.PAYS_AFTER_ORDER
    return PlannedPayment(
        number=number,
        day=day,
        arrives_s=arrives_s,
        kind=kind,
        agency=agency,
        lines=_lines(chance, kind, amount, first, second),
        behaviour=behaviour,
        tries=_tries(chance, behaviour, accounts, rate),
        expires_in_minutes=SHORT_EXPIRY_MINUTES if short else LONG_EXPIRY_MINUTES,
        locale=chance.choice(("vi", "vi", "vi", "en")),
        refund=_refund(chance, rate),
    )


def _refund(chance: random.Random, rate: float) -> PlannedRefund | None:
    """As many payments are given back as meet a fault; every second refund meets one too."""
    refund = PlannedRefund(
        after_s=chance.randrange(600, 4 * 3600),
        share=chance.choice((100, 100, 50, 30)),
        fault=chance.choice(("", *REFUND_FAULTS)) if chance.random() < 0.5 else "",
    )
    return refund if chance.random() < rate else None


def _amount(chance: random.Random, kind: str, account: AccountTraits) -> int:
    bounds = (account.amount_min, min(account.amount_max, AMOUNT_MAX))
    drawn = chance.choice(FINES if kind == "traffic_fine" else AMOUNTS)
    if chance.random() < LIMIT_SHARE:
        drawn = chance.choice(bounds)
    elif chance.random() < 0.2:
        drawn += chance.randrange(1, 1000)
    amount = min(max(drawn, bounds[0], 1000), bounds[1])
    while amount % 1000 in STEERED:
        amount += 10
    return amount


def _lines(chance: random.Random, kind: str, amount: int, first: str, second: str) -> tuple[PlannedLine, ...]:
    if kind == "traffic_fine":
        return (PlannedLine(type="fine", amount=amount, beneficiary_account=first),)
    if amount < 10 or chance.random() < 0.5:
        return (PlannedLine(type="fee_phi", amount=amount, beneficiary_account=first),)
    part = chance.randrange(1, amount)
    return (
        PlannedLine(type="fee_phi", amount=part, beneficiary_account=first),
        PlannedLine(type="fee_le_phi", amount=amount - part, beneficiary_account=second),
    )


def _tries(
    chance: random.Random,
    behaviour: Behaviour,
    accounts: tuple[AccountTraits, AccountTraits],
    rate: float,
) -> tuple[PlannedTry, ...]:
    outcomes = {
        Behaviour.ABANDONS: ("abandon",),
        Behaviour.IS_REFUSED: ("refuse",),
        Behaviour.CANCELS_THERE: ("cancel",),
        Behaviour.TRIES_ELSEWHERE: ("refuse", "success"),
        Behaviour.ORDER_WITHDRAWN: (),
    }.get(behaviour, ("success",))
    if behaviour is Behaviour.TWO_TABS:
        outcomes = ("success", "success")
    if behaviour is Behaviour.AT_COUNTER:
        taken_back = "reverse" in accounts[0].counter and chance.random() < REVERSED_SHARE
        outcomes = ("reverse",) if taken_back else ("success",)
    late = {
        Behaviour.PAYS_LATE: chance.randrange(17, 55) * 60,
        Behaviour.PAYS_AFTER_ORDER: chance.randrange(25, 70) * 60,
    }.get(behaviour)
    return tuple(
        _try(
            chance,
            accounts[place],
            outcome,
            rate,
            pays_after_s=late or chance.randrange(1, 8) * 30,
            is_late=late is not None,
        )
        for place, outcome in enumerate(outcomes)
    )


def _try(
    chance: random.Random,
    account: AccountTraits,
    outcome: str,
    rate: float,
    *,
    pays_after_s: int,
    is_late: bool,
) -> PlannedTry:
    drawn = {fault for fault in Fault if chance.random() < rate}
    faults = tuple(fault for fault in Fault if fault in _possible(drawn, account, outcome, is_late=is_late))
    heals = chance.choice((600, 1800, 7200, None))
    return PlannedTry(
        account=account.code,
        outcome=outcome,
        pays_after_s=pays_after_s,
        faults=faults,
        heals_after_s=heals if account.lists else heals or HEALS_AT_LAST_S,
        callback_late_s=chance.choice((120, 1200, 3 * 3600)),
        broken=chance.choice(("html", "truncated", "500", "error_200")),
    )


def _possible(drawn: set[Fault], account: AccountTraits, outcome: str, *, is_late: bool) -> set[Fault]:
    """What can go wrong here at all, and what does not hide another fault.

    Where an account lists nothing, somebody must be left to tell of the money: nobody could ever find what neither
    a callback, nor an answer, nor a statement speaks of. The bank's credit will, with its own statement.
    """
    faults = set(drawn)
    if account.counter:
        faults &= {*COUNTER_FAULTS, Fault.WRONG_AMOUNT}
        for hidden in [fault for fault in Fault if fault in faults][1:]:
            faults.discard(hidden)
        return faults if outcome == "success" else set()
    faults -= set(COUNTER_FAULTS)
    if not account.calls_at_checkout:
        faults -= set(CREATE_FAULTS)
    if not account.calls_back:
        faults -= {*CALLBACK_FAULTS, Fault.CALLBACK_LOST, Fault.CALLBACK_FORGED}
    if not account.answers:
        faults -= {Fault.QUERY_CUT, Fault.QUERY_BROKEN}
    if outcome != "success":
        faults -= {Fault.WRONG_AMOUNT, Fault.PAID_TWICE, Fault.CREATE_CUT_AFTER}
    if not account.takes_again:
        faults.discard(Fault.PAID_TWICE)
    for chain in (CREATE_FAULTS, DEATHS, (Fault.QUERY_CUT, Fault.QUERY_BROKEN)):
        for hidden in [fault for fault in chain if fault in faults][1:]:
            faults.discard(hidden)
    if faults & set(CREATE_FAULTS):
        faults -= set(DEATHS)
    if not account.lists:
        if is_late or Fault.PAID_TWICE in faults or not account.answers:
            faults -= {Fault.CALLBACK_LOST, Fault.CALLBACK_LATE}
        if not account.calls_back or is_late:
            faults -= {Fault.QUERY_CUT, Fault.QUERY_BROKEN}
    if Fault.CALLBACK_LOST in faults:
        faults -= set(CALLBACK_FAULTS)
    return faults
