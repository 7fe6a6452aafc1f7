"""The life of one payment: a portal creates the order, a citizen looks, chooses, pays or not, comes back, tries again.

A life is a generator that says how many seconds pass until its next step. What surprises it is kept, never raised.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from payclear.kernel.clock import Clock, vietnam_date
from payclear.kernel.ids import attempt_ref
from payclear.simulation.control import Control, ControlRefused
from payclear.simulation.deaths import CHECKOUT_INTENT, CHECKOUT_RECORD
from payclear.simulation.plan import (
    ATTEMPT_S,
    AccountTraits,
    Behaviour,
    Fault,
    PlannedPayment,
    PlannedTry,
    moved,
)
from payclear.simulation.visitors import Browser, NoAnswer, Page, PortalCaller, Refused, TurnedAway

# The page is looked at again after these: a citizen who waits for a confirmation, then for another try.
PATIENCE_S = (60, 300, 1200, 3600)
COUNTER_REPEATS = 3
REFUND_HEALS_AFTER_S = 2 * 3600
RETURN_PATH = "/return?dossier="
_ENDS = frozenset({"paid", "failed", "expired", "cancelled", "review", "reversed"})


@dataclass(slots=True)
class Made:
    """One try that was begun: which account, under which reference, with which plan."""

    number: int
    account: str
    attempt_ref: str
    planned: PlannedTry
    leads_to: str = ""
    is_over: bool = False
    refunded: int = 0


@dataclass(slots=True)
class Life:
    """What became of one plan on the citizen's side."""

    plan: PlannedPayment
    order_ref: str = ""
    payment_code: str = ""
    pay_path: str = ""
    made: list[Made] = field(default_factory=list)
    story: list[str] = field(default_factory=list)
    surprises: list[str] = field(default_factory=list)

    def tell(self, clock: Clock, text: str) -> None:
        """Write a line into the story, for whoever must explain it."""
        self.story.append(f"{clock.now():%d %H:%M:%S} {text}")


@dataclass(frozen=True, slots=True)
class Town:
    """What every citizen shares."""

    control: Control
    clock: Clock
    portal: PortalCaller
    portal_address: str
    accounts: dict[str, AccountTraits]
    seed: int
    on_heal: Callable[
        [int, str, str, list[str]], None
    ]  # after seconds: protocol, reference, faults that stay
    on_refund: Callable[[str, int], str]  # attempt and amount; what the desk says


def live(life: Life, town: Town, browser: Browser) -> Iterator[int]:
    """Live one planned payment; yields the seconds until the next step."""
    try:
        yield from _live(life, town, browser)
    except (Refused, ControlRefused) as error:
        life.surprises.append(str(error))
        life.tell(town.clock, f"surprised by {error}")


def _live(life: Life, town: Town, browser: Browser) -> Iterator[int]:
    _create(life, town)
    if life.plan.behaviour is Behaviour.AT_COUNTER:
        yield from _at_the_counter(life, town, browser)
        return
    if life.plan.behaviour is Behaviour.ORDER_WITHDRAWN:
        browser.look(life.pay_path)
        yield 300
        _withdraw(life, town)
        return
    tries = list(life.plan.tries)
    if life.plan.behaviour is Behaviour.TWO_TABS:
        yield from _two_tabs(life, town, browser, tries)
    for patience in (0, *PATIENCE_S):
        yield patience
        page = browser.look(life.pay_path)
        while page.kind in ("choose", "continue", "scan", "resume"):
            made = _next_step(life, town, browser, page, tries)
            if made is None:
                break
            if made.leads_to and not made.is_over:
                yield from _at_the_provider(life, town, browser, made)
            else:
                yield 30
            page = browser.look(life.pay_path)
        gives_up = page.kind == "choose" and not tries
        if page.kind in _ENDS or gives_up or life.plan.behaviour is Behaviour.ABANDONS:
            life.tell(town.clock, f"the page says {page.kind}")
            if page.kind == "paid" and life.plan.refund is not None:
                yield life.plan.refund.after_s
                _refund(life, town)
            return


def _create(life: Life, town: Town) -> None:
    plan = life.plan
    today = vietnam_date(town.clock.now())
    obligation: dict[str, Any] = {
        "kind": plan.kind,
        "agency_code": plan.agency,
        "obligor": {"name": "NGUYỄN VĂN MẪU", "citizen_id": "000000000001"},
        "lines": [
            {
                "type": line.type,
                "name": "Khoản mẫu",
                "amount": line.amount,
                "beneficiary_account": line.beneficiary_account,
                "chapter": "000",
                "sub_item": "0000",
            }
            for line in plan.lines
        ],
        "currency": "VND",
    }
    serial = f"{plan.number:07d}"
    if plan.kind == "traffic_fine":
        obligation["document"] = {
            "decision_no": f"{serial}/QĐ-XPHC",
            "decided_on": today.isoformat(),
            "served_on": today.isoformat(),
            "served_method": "handed",
        }
        surcharge = plan.lines[0].beneficiary_account.replace("-PHAT", "-CHAMNOP")
        obligation["surcharge"] = {
            "beneficiary_account": surcharge,
            "chapter": "000",
            "sub_item": "0000",
        }
    else:
        obligation["document"] = {
            "dossier_code": f"{plan.agency}-{today:%y%m%d}-{serial}",
            "procedure_code": "1.008888",
            "filed_on": today.isoformat(),
        }
    made = town.portal.post("/obligations", obligation, key=f"sim-{town.seed}-obligation-{plan.number}")
    wanted = {
        "portal_ref": f"sim-{town.seed}-{plan.number}",
        "obligations": [made["id"]],
        "return_url": f"{town.portal_address}{RETURN_PATH}{plan.number}",
        "locale": plan.locale,
        "expires_in_minutes": plan.expires_in_minutes,
    }
    order = town.portal.post("/payment-orders", wanted, key=f"sim-{town.seed}-order-{plan.number}")
    life.order_ref, life.payment_code = order["order_ref"], order["payment_code"]
    parts = urlsplit(order["pay_url"])
    life.pay_path = parts.path + (f"?{parts.query}" if parts.query else "")
    life.tell(town.clock, f"order {life.order_ref} of {plan.amount}")


def _withdraw(life: Life, town: Town) -> None:
    key = f"sim-{town.seed}-cancel-{life.plan.number}"
    town.portal.post(f"/payment-orders/{life.order_ref}/cancel", None, key=key)
    life.tell(town.clock, "the portal withdraws the order")


def _two_tabs(life: Life, town: Town, browser: Browser, tries: list[PlannedTry]) -> Iterator[int]:
    """Two tabs show the same page; both are sent, and whatever leads to a provider is paid."""
    pages = [browser.look(life.pay_path), browser.look(life.pay_path)]
    begun = [_choose(life, town, browser, page, tries.pop(0)) for page in pages]
    for made in begun:
        if made.leads_to:
            yield from _at_the_provider(life, town, browser, made)


def _next_step(life: Life, town: Town, browser: Browser, page: Page, tries: list[PlannedTry]) -> Made | None:
    """What the citizen does with the page; None when there is nothing to do there."""
    last = life.made[-1] if life.made else None
    if page.kind == "choose":
        return _choose(life, town, browser, page, tries.pop(0)) if tries else None
    if last is None or last.is_over or last.planned.outcome == "abandon":
        return None
    if page.kind in ("continue", "scan"):
        last.leads_to = last.leads_to or page.leads_to or page.qr_text
        return last if last.leads_to else None
    try:
        last.leads_to = _send(life, town, browser, page, last, dies_at=None)
    except TurnedAway:
        life.tell(town.clock, f"{last.account} is not asked now")
        return None
    life.tell(town.clock, f"try {last.number} goes on at {last.account}")
    return last


def _choose(life: Life, town: Town, browser: Browser, page: Page, planned: PlannedTry) -> Made:
    if planned.account not in page.offers and page.offers:
        offered = [code for code in page.offers if code in town.accounts]
        planned = moved(planned, town.accounts[offered[life.plan.number % len(offered)]])
    account = planned.account
    number = len(life.made) + 1
    made = Made(number, account, attempt_ref(life.order_ref, number), planned)
    _plant(town, made)
    dies_at = None
    if Fault.DEATH_BEFORE_CALL in planned.faults:
        dies_at = CHECKOUT_INTENT
    elif Fault.DEATH_AFTER_CALL in planned.faults:
        dies_at = CHECKOUT_RECORD
    life.made.append(made)
    try:
        made.leads_to = _send(life, town, browser, page, made, dies_at=dies_at)
    except TurnedAway as away:
        life.made.remove(made)  # no attempt was made
        life.tell(town.clock, f"{account} is not asked now")
        others = [code for code in away.page.offers if code in town.accounts and code != account]
        another = moved(planned, town.accounts[others[life.plan.number % len(others)]])
        return _choose(life, town, browser, away.page, another)
    where = "the provider" if made.leads_to else "the page"
    life.tell(town.clock, f"try {number} at {account} {list(planned.faults)} leads to {where}")
    return made


def _send(
    life: Life, town: Town, browser: Browser, page: Page, made: Made, *, dies_at: tuple[str, str] | None
) -> str:
    """Send the form; the provider's address it leads to, empty when it leads back to the page."""
    try:
        target = browser.choose(life.pay_path, page, made.account, dies_at=dies_at)
    except NoAnswer:
        life.tell(town.clock, "no answer: the process died")
        return ""
    if "/pay/" in target and not target.startswith("http"):
        after = browser.look(life.pay_path)
        return after.leads_to or after.qr_text
    return target


def _plant(town: Town, made: Made) -> None:
    """Tell the simulator what goes wrong with this attempt, before anybody opens it."""
    planned = made.planned
    traits = town.accounts[made.account]
    faults = ["wait_for_payer"]
    faults += [
        text
        for fault, text in {
            Fault.CALLBACK_LOST: "lose_callback",
            Fault.CALLBACK_DOUBLED: "duplicate_callback",
            Fault.CALLBACK_REORDERED: "reorder_callback",
            Fault.CALLBACK_LATE: f"delay_callback:{planned.callback_late_s}",
            Fault.CALLBACK_FORGED: "forge_callback",
            Fault.CREATE_CUT_BEFORE: "create_timeout_before_money",
            Fault.CREATE_CUT_AFTER: "create_timeout_after_money",
            Fault.CREATE_BROKEN: f"create_{planned.broken}",
            Fault.WRONG_AMOUNT: "pays_wrong_amount",
            Fault.PAID_TWICE: "pays_twice",
            Fault.RETURN_LOST: "lose_return",
        }.items()
        if fault in planned.faults
    ]
    if planned.pays_after_s > ATTEMPT_S:
        faults.append("pays_late")
    broken = [
        text
        for fault, text in {
            Fault.QUERY_CUT: "query_timeout",
            Fault.QUERY_BROKEN: f"query_{planned.broken}",
        }.items()
        if fault in planned.faults
    ]
    if faults + broken == ["wait_for_payer"]:
        return
    town.control.plant(traits.protocol, made.attempt_ref, faults + broken)
    if broken and planned.heals_after_s is not None:
        town.on_heal(planned.heals_after_s, traits.protocol, made.attempt_ref, faults)


def _at_the_provider(life: Life, town: Town, browser: Browser, made: Made) -> Iterator[int]:
    """What the payer does there, and whether the browser finds the way back."""
    planned = made.planned
    traits = town.accounts[made.account]
    outcome = _outcome(planned.outcome, traits.outcomes)
    if outcome == "abandon":
        town.control.open_page(traits.protocol, made.leads_to)
        if Fault.CALLBACK_FORGED in planned.faults:
            town.control.forge(traits.protocol, made.attempt_ref)
        made.is_over = True
        life.tell(town.clock, f"leaves {made.account} without paying")
        yield 30
        return
    yield planned.pays_after_s
    made.is_over = True
    try:
        paid = town.control.pay(traits.protocol, made.leads_to, outcome)
    except ControlRefused as refused:
        life.tell(town.clock, f"{made.account} takes nothing: {refused}")
        return
    life.tell(town.clock, f"{outcome} at {made.account}: {paid['status']} {paid['amount']}")
    if paid["return_url"] and Fault.RETURN_LOST not in planned.faults:
        try:
            browser.come_back(paid["return_url"])
        except NoAnswer:
            life.tell(town.clock, "no answer on the way back: the process died")


def _at_the_counter(life: Life, town: Town, browser: Browser) -> Iterator[int]:
    """The payer brings the code to a bank; a bank that heard no sure answer asks again later."""
    yield life.plan.tries[0].pays_after_s
    planned = life.plan.tries[0]
    protocol = town.accounts[planned.account].protocol
    made = Made(1, planned.account, attempt_ref(life.order_ref, 1), planned)
    life.made.append(made)
    faults = [_counter_fault(fault) for fault in planned.faults]
    heard = town.control.collect(protocol, operation="pay", document=life.payment_code, faults=faults)
    life.tell(town.clock, f"the counter of {planned.account} {faults}: {heard.get('status')} {heard['says']}")
    for _ in range(COUNTER_REPEATS):
        if heard.get("status") != "opened":
            break
        yield 600
        heard = town.control.collect(protocol, operation="repeat", bank_ref=heard["bank_ref"])
        life.tell(town.clock, f"told again: {heard['status']} {heard['says']}")
    if planned.outcome == "reverse" and heard.get("status") == "paid":
        yield 1200
        heard = town.control.collect(protocol, operation="reverse", bank_ref=heard["bank_ref"])
        life.tell(town.clock, f"taken back: {heard['status']} {heard['says']}")
        for _ in range(COUNTER_REPEATS):
            if heard["says"] != "unknown":
                break
            yield 600
            again = {"bank_ref": heard["bank_ref"], "reversal_ref": heard["reversal_ref"]}
            heard = town.control.collect(protocol, operation="reverse", **again)
            life.tell(town.clock, f"taken back again: {heard['status']} {heard['says']}")
    browser.look(life.pay_path)


def _counter_fault(fault: Fault) -> str:
    if fault is Fault.WRONG_AMOUNT:
        return "wrong_amount"
    name = fault.removeprefix("counter_")
    return f"{name}:3" if name in ("duplicate", "parallel") else name


def _refund(life: Life, town: Town) -> None:
    """Staff give back what the last try brought, if the account can: all of it, or a part where it can do that."""
    refund = life.plan.refund
    made = next((each for each in reversed(life.made) if each.leads_to), life.made[-1])
    traits = town.accounts[made.account]
    if refund is None or not traits.refunds:
        return
    whole = refund.share == 100 or traits.refunds == "whole"
    amount = life.plan.amount if whole else max(life.plan.amount * refund.share // 100, 1)
    if refund.fault:
        town.control.plant(traits.protocol, made.attempt_ref, [refund.fault])
        town.on_heal(REFUND_HEALS_AFTER_S, traits.protocol, made.attempt_ref, [])
    said = town.on_refund(made.attempt_ref, amount)
    made.refunded = amount
    life.tell(town.clock, f"staff give {amount} back {refund.fault}: {said}")


def _outcome(wanted: str, offered: tuple[str, ...]) -> str:
    """The outcome in the provider's words; what it has no word for is abandoned."""
    if wanted in ("success", "abandon"):
        return wanted
    others = [outcome for outcome in offered if outcome != "success"]
    if not others:
        return "abandon"
    if wanted == "cancel" and "cancel" in others:
        return "cancel"
    return others[0]
