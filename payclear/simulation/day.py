"""The simulated day from beginning to judgment. Called by the command `payclear simulate` and by tests.

Time moves in steps of half a minute; within a step everybody acts at once, between steps nobody does.
"""

import heapq
import itertools
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from datetime import time as time_of_day
from pathlib import Path

from payclear.audit.jobs import seal_whole_trail
from payclear.db.uow import install_crash_plan
from payclear.kernel.clock import at_vietnam
from payclear.kernel.errors import PayclearError
from payclear.operations.verify import Finding, verify
from payclear.refunds import desk as refund_desk
from payclear.simulation import books, plan, town
from payclear.simulation.citizen import Life, live
from payclear.simulation.citizen import Town as CitizensTown
from payclear.simulation.facts import Files, Judgment, LifeFacts, TryFacts
from payclear.simulation.judge import judge, judge_webhooks
from payclear.simulation.judge_nights import judge_nights
from payclear.simulation.machinery import Machinery
from payclear.simulation.plan import STEP, PlannedTry
from payclear.simulation.statements import Sabotage
from payclear.simulation.visitors import Browser, NoAnswer, PortalCaller

FIRST_DAY = date(2026, 11, 18)  # a Wednesday; the nights after it are those of working days
THREADS = 3
NIGHTS_AFTER = 3  # the day after a grace of one business day has had its night
QUIET_STEP = timedelta(minutes=5)
MORNING = time_of_day(10, 0)
BEGINS = at_vietnam(FIRST_DAY, time_of_day(0))
EVE = time_of_day(0)  # the day is over, nobody has fetched its files yet
HEALING = timedelta(hours=3)  # at the end nobody dies any more: what was cut off is taken up again

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is to be simulated."""

    seed: int
    payments: int
    days: int = 1
    faults_percent: float = 5.0
    folder: Path | None = None


@dataclass(slots=True)
class Outcome:
    """What came of it."""

    order: Order
    plan_digest: str
    judgment: Judgment
    findings: list[Finding]
    lives: list[Life]
    sabotage: Sabotage
    deaths: dict[str, int]
    errors: dict[str, int]
    error_texts: dict[str, str]
    callbacks: dict[str, int]
    forgeries: dict[str, int]
    nights: tuple[tuple[str, str, str, str, int, int], ...]
    webhooks: dict[str, int]
    stories: dict[str, list[str]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    steps: int = 0
    payments_true: int = 0

    @property
    def is_sound(self) -> bool:
        """Nothing is unexplained, every invariant holds, nobody was surprised."""
        return (
            not self.judgment.unexplained
            and all(finding.holds for finding in self.findings)
            and not self.surprises
            and not self.errors
        )

    @property
    def surprises(self) -> list[str]:
        """What citizens and portals met that nobody planned."""
        return [f"payment {life.plan.number}: {text}" for life in self.lives for text in life.surprises]


def simulate(order: Order, say: Say) -> Outcome:
    """Live the day, let the nights pass, and compare. Raises SimulationImpossible."""
    with town.town(order.folder, at=BEGINS, seed=order.seed, faults_percent=order.faults_percent) as built:
        return Day(order, built, say).run()


class Day:
    """One simulation in a town that stands; its books can be judged again after `run`."""

    def __init__(self, order: Order, built: town.Town, say: Say) -> None:
        self._order = order
        self._town = built
        self._began = BEGINS
        self._steps = 0
        self._say = say
        self._plan = plan.draw(
            order.seed,
            payments=order.payments,
            days=order.days,
            faults_percent=order.faults_percent,
            accounts=built.accounts,
        )
        self._lives = [Life(planned) for planned in self._plan]
        self._agenda: list[tuple[datetime, int, Callable[[], float | None]]] = []
        self._numbers = itertools.count()
        self._agenda_lock = threading.Lock()
        self._sabotage = Sabotage(order.seed, order.faults_percent)
        self._seconds: dict[str, float] = {}

    def run(self) -> Outcome:
        """Everything, in order."""
        built = self._town
        self._invite()
        for account in built.accounts:
            if account.protocol == "sandbox":
                built.control.plant_everywhere(account.protocol, ["wait_for_payer"])
        self._schedule_files()
        end = at_vietnam(FIRST_DAY + timedelta(days=self._order.days - 1 + NIGHTS_AFTER), time_of_day(6))
        with (
            Machinery(
                built.runtime,
                built.clock,
                built.control,
                built.ticks,
                on_job_thread=built.deaths.make_mortal,
            ) as machinery,
            ThreadPoolExecutor(THREADS, thread_name_prefix="citizen") as pool,
        ):
            self._machinery = machinery
            self._pass_time(machinery, pool, end - HEALING)
            install_crash_plan(None)
            self._pass_time(machinery, pool, end)
            machinery.settle()
            self._steps = machinery.steps
        seal_whole_trail()
        return self.judge()

    # Time.

    @contextmanager
    def _measured(self, what: str) -> Iterator[None]:
        started = time.perf_counter()
        try:
            yield
        finally:
            self._seconds[what] = self._seconds.get(what, 0.0) + time.perf_counter() - started

    def _at(self, at: datetime, act: Callable[[], float | None]) -> None:
        """Put something on the agenda; it may say after how many seconds it is to be called again."""
        grid = STEP.total_seconds()
        late_s = (at - self._began).total_seconds()
        on_grid = self._began + timedelta(seconds=-(-late_s // grid) * grid)
        with self._agenda_lock:
            heapq.heappush(self._agenda, (on_grid, next(self._numbers), act))

    def _pass_time(self, machinery: Machinery, pool: ThreadPoolExecutor, end: datetime) -> None:
        clock = self._town.clock
        told = 0
        while clock.now() < end:
            with self._measured("citizens"):
                for again in pool.map(self._perform, self._due()):
                    if again is not None:
                        self._at(*again)
            with self._measured("callbacks and jobs"):
                machinery.settle()
                machinery.move(min(self._next(machinery), end))
            share = sum(bool(life.order_ref) for life in self._lives) * 10 // max(len(self._lives), 1)
            if share > told:
                told = share
                self._say(f"{clock.now():%d %H:%M} UTC, {share * 10} % of the citizens have come")

    def _due(self) -> list[Callable[[], float | None]]:
        now, due = self._town.clock.now(), []
        with self._agenda_lock:
            while self._agenda and self._agenda[0][0] <= now:
                due.append(heapq.heappop(self._agenda)[2])
        return due

    def _perform(self, act: Callable[[], float | None]) -> tuple[datetime, Callable[[], float | None]] | None:
        after_s = act()
        if after_s is None:
            return None
        return self._town.clock.now() + max(timedelta(seconds=after_s), STEP), act

    def _next(self, machinery: Machinery) -> datetime:
        """The next step at which anything happens; while nobody is about to act, steps are longer."""
        now = self._town.clock.now()
        somebody = self._agenda[0][0] if self._agenda else now + timedelta(hours=1)
        grid = (QUIET_STEP if somebody - now > QUIET_STEP else STEP).total_seconds()
        due = min(machinery.next_due() or now + timedelta(hours=1), now + timedelta(hours=1))
        after_s = max((due - now).total_seconds(), grid)
        return min(now + timedelta(seconds=-(-after_s // grid) * grid), somebody)

    # Who acts.

    def _invite(self) -> None:
        built = self._town
        shared = CitizensTown(
            control=built.control,
            clock=built.clock,
            portal=PortalCaller(built.app, built.base_url, built.api_key),
            portal_address=built.portal_address,
            accounts={account.code: account for account in built.accounts},
            seed=self._order.seed,
            on_heal=self._heal,
            on_refund=self._refund,
        )
        for life in self._lives:
            browser = Browser(built.app, built.base_url, life.plan.number, built.deaths)
            steps = live(life, shared, browser)
            at = self._began + timedelta(days=life.plan.day, seconds=life.plan.arrives_s)
            self._at(at, _walk(steps))

    def _heal(self, after_s: int, protocol: str, attempt_ref: str, faults: list[str]) -> None:
        def heal() -> None:
            self._town.control.plant(protocol, attempt_ref, faults)

        self._at(self._town.clock.now() + timedelta(seconds=after_s), heal)

    def _refund(self, attempt_ref: str, amount: int) -> str:
        """What staff would do at the desk; a refusal is an answer too."""
        try:
            said = refund_desk.request(
                self._town.runtime, attempt_ref, amount, reason="thu thừa", requested_by="simulation"
            )
        except PayclearError as error:
            return f"refused: {error.code}"
        return " ".join(said)

    def _schedule_files(self) -> None:
        """At the eve of each night errors slip into the files; in the morning the providers mend what was late."""
        for number in range(self._order.days + NIGHTS_AFTER - 1):
            day = FIRST_DAY + timedelta(days=number)
            self._at(at_vietnam(day + timedelta(days=1), EVE), self._sabotage_of(day))
            self._at(at_vietnam(day + timedelta(days=1), MORNING), self._repair_of(day))

    def _sabotage_of(self, day: date) -> Callable[[], None]:
        def act() -> None:
            start, end = at_vietnam(day, time_of_day(0)), at_vietnam(day + timedelta(days=1), time_of_day(0))
            paid = [
                payment
                for payment in self._town.control.books()["payments"]
                if payment["paid_at"] and start <= datetime.fromisoformat(payment["paid_at"]) < end
            ]
            self._sabotage.plant(
                self._town.control,
                day,
                self._town.accounts,
                paid,
                self._tries(),
                breaks_files=day < FIRST_DAY + timedelta(days=self._order.days),
            )

        return act

    def _repair_of(self, day: date) -> Callable[[], None]:
        def act() -> None:
            self._sabotage.repair(
                self._town.control, day, self._town.accounts
            )  # whoever catches up fetches them

        return act

    def _tries(self) -> dict[str, tuple[int, PlannedTry]]:
        return {
            made.attempt_ref: (life.plan.number, made.planned) for life in self._lives for made in life.made
        }

    # What came of it.

    def judge(self) -> Outcome:
        """Compare the books as they are now with the truth, and check every invariant."""
        built = self._town
        truth = built.control.books()
        ours = books.read(built.runtime.database)
        with self._measured("comparison"):
            files = Files(
                lives=[_facts(life) for life in self._lives],
                truth=truth,
                books=ours,
                plants=self._sabotage.plants,
                accounts=built.accounts,
            )
            judgment = judge(files)
            judge_nights(files, judgment)
        judge_webhooks(
            judgment,
            ours,
            built.receiver.events,
            changed=built.receiver.changed,
            forged=built.receiver.forged,
        )
        with self._measured("verify"):
            findings = verify(built.runtime.database, built.checks)
        outcome = Outcome(
            order=self._order,
            plan_digest=plan.digest(self._plan),
            judgment=judgment,
            findings=findings,
            lives=self._lives,
            sabotage=self._sabotage,
            deaths=dict(sorted(built.deaths.counts.items())),
            errors=dict(built.errors.counts),
            error_texts=built.errors.last,
            callbacks=truth["callbacks"],
            forgeries=ours.forgeries,
            nights=ours.nights,
            webhooks={
                "events": len(built.receiver.events),
                "deliveries": built.receiver.deliveries.total(),
                "deaf first": len(built.receiver.deaf),
            },
            seconds=self._seconds,
            steps=self._steps,
            payments_true=sum(payment["status"] == "paid" for payment in truth["payments"]),
        )
        for each in judgment.unexplained[:20]:
            if each.order_ref:
                outcome.stories[each.order_ref] = books.story(built.runtime.database, each.order_ref)
        return outcome


def _walk(steps: Iterator[int]) -> Callable[[], float | None]:
    """One life as something on the agenda; a request that met a dying process is repeated by whoever lives it."""

    def act() -> float | None:
        try:
            return next(steps, None)
        except NoAnswer:
            return None

    return act


def _facts(life: Life) -> LifeFacts:
    return LifeFacts(
        number=life.plan.number,
        order_ref=life.order_ref,
        payment_code=life.payment_code,
        behaviour=life.plan.behaviour,
        amount=life.plan.amount,
        lines=life.plan.lines,
        tries=tuple(
            TryFacts(
                number=made.number,
                account=made.account,
                attempt_ref=made.attempt_ref,
                planned=made.planned,
                refunded=made.refunded,
            )
            for made in life.made
        ),
    )
