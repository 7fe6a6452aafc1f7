"""A small day, lived whole: the books are right afterwards, and the judge sees it when somebody spoils them."""

import json
import socket
import tempfile
import threading
import time
from dataclasses import dataclass

import pytest

from payclear.db import uow as units
from payclear.kernel.clock import SystemClock
from payclear.kernel.money import Money
from payclear.ledger.domain import Entry, suspense_legs
from payclear.ledger.service import book
from payclear.runtime import Runtime, current, install
from payclear.simulation.day import BEGINS, FIRST_DAY, Day, Order, Outcome
from payclear.simulation.plan import digest, draw
from payclear.simulation.report import as_json, as_lines
from payclear.simulation.town import Town, town

pytestmark = pytest.mark.slow

FAULTS_PERCENT = 5.0
# Seed and payments of the days that are lived here; a seed that found a defect is added, with what it found.
DAYS = [pytest.param((7, 120), id="every account once")]
THREAD_DEADLINE_S = 10.0


@dataclass(frozen=True, slots=True)
class Lived:
    """One day and its books, judged as they are, then each time somebody had been at them."""

    sound: Outcome
    plan_digest: str
    accounts: frozenset[str]
    invented: Outcome
    forgotten: Outcome
    addresses_left: list[str]
    threads_left: list[str]
    folders_left: list[str]
    installed_before: Runtime
    installed_after: Runtime
    crash_plan_after: object
    clock_off_s: float


@pytest.fixture(scope="module", params=DAYS)
def lived(
    request: pytest.FixtureRequest, session_runtime: Runtime, tmp_path_factory: pytest.TempPathFactory
) -> Lived:
    """All tests of this file share one day."""
    seed, payments = request.param
    place = tmp_path_factory.mktemp("day")
    threads = set(threading.enumerate())
    install(session_runtime)
    order = Order(seed=seed, payments=payments, faults_percent=FAULTS_PERCENT)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(place))
        with town(None, at=BEGINS, seed=seed, faults_percent=FAULTS_PERCENT) as built:
            day = Day(order, built, lambda text: None)
            sound = day.run()
            invent_money(built)
            invented = day.judge()
            forget_an_order(built)
            forgotten = day.judge()
    left = set(threading.enumerate()) - threads
    for thread in left:
        thread.join(THREAD_DEADLINE_S)
    return Lived(
        sound=sound,
        plan_digest=digest(
            draw(seed, payments=payments, days=1, faults_percent=FAULTS_PERCENT, accounts=built.accounts)
        ),
        accounts=frozenset(each.code for each in built.accounts),
        invented=invented,
        forgotten=forgotten,
        addresses_left=[url for url in (built.base_url, built.portal_address) if is_served(url)],
        threads_left=[thread.name for thread in left if thread.is_alive()],
        folders_left=[path.name for path in place.iterdir()],
        installed_before=session_runtime,
        installed_after=current(),
        crash_plan_after=units._crash_plan,
        clock_off_s=abs(SystemClock().now().timestamp() - time.time()),
    )


def invent_money(built: Town) -> None:
    """Book what nobody paid: the ledger balances, and no guard of the database minds."""
    with built.runtime.database.begin() as uow:
        entry = Entry(
            template="payment_suspended",
            natural_key="money-in:vnpay-demo:no-such-payment",
            provider_account="vnpay-demo",
            business_on=FIRST_DAY,
            legs=suspense_legs(Money(77_000)),
        )
        assert book(uow, entry) is not None
        uow.commit()


def forget_an_order(built: Town) -> None:
    """Let an order that was paid wait again."""
    with built.runtime.database.begin() as uow:
        uow.one(
            "UPDATE payment_order SET state = 'open' WHERE id = "
            "(SELECT id FROM payment_order WHERE state = 'paid' ORDER BY order_ref LIMIT 1) RETURNING id"
        )
        uow.commit()


def is_served(url: str) -> bool:
    host, _, port = url.removeprefix("http://").partition(":")
    with socket.socket() as probe:
        return probe.connect_ex((host, int(port))) == 0


def kinds(outcome: Outcome) -> set[str]:
    return {each.kind for each in outcome.judgment.unexplained}


def test_books_of_a_day_with_faults_equal_the_truth(lived: Lived) -> None:
    assert lived.sound.is_sound, "\n".join(as_lines(lived.sound))
    assert lived.sound.judgment.unexplained == []
    assert [finding.check.id for finding in lived.sound.findings if not finding.holds] == []


def test_day_had_payments_at_every_account_and_faults_of_every_sort(lived: Lived) -> None:
    outcome = lived.sound
    paid_at = {account for _, _, account, _, amount in outcome.judgment.results if amount}
    assert paid_at == lived.accounts
    assert len(paid_at) > 10
    assert outcome.payments_true > outcome.order.payments / 2
    assert outcome.deaths
    assert outcome.forgeries
    assert outcome.sabotage.plants
    assert outcome.webhooks["deliveries"] > outcome.webhooks["events"] > 0
    assert outcome.webhooks["deaf first"] > 0


def test_day_is_the_one_its_seed_names(lived: Lived) -> None:
    assert lived.sound.plan_digest == lived.plan_digest


def test_report_is_json_and_ends_with_the_verdict(lived: Lived) -> None:
    told = json.loads(json.dumps(as_json(lived.sound)))
    assert (told["seed"], told["is_sound"], told["unexplained"]) == (lived.sound.order.seed, True, [])
    assert as_lines(lived.sound)[-1] == "The books are right."


def test_money_that_somebody_invents_afterwards_is_seen(lived: Lived) -> None:
    assert not lived.invented.is_sound
    assert kinds(lived.invented) == {"invented"}
    assert any("no-such-payment: 77000 nobody paid" in text for text in as_lines(lived.invented))


def test_paid_order_that_somebody_opens_again_is_seen_with_its_story(lived: Lived) -> None:
    outcome = lived.forgotten
    # Also `unpaid`, unless the order that was picked had been paid late.
    assert kinds(outcome) - {"unpaid"} == {"invented", "misfiled", "sum", "receipt"}
    ((order_ref, story),) = outcome.stories.items()
    assert any("entry payment_captured" in line for line in story)
    text = as_lines(outcome)
    assert text[-1] == f"NOT SOUND: seed {outcome.order.seed}."
    assert any(order_ref in line for line in text)


def test_day_leaves_nothing_behind(lived: Lived) -> None:
    assert lived.folders_left == []
    assert lived.threads_left == []
    assert lived.addresses_left == []


def test_day_gives_back_runtime_clock_and_commits(lived: Lived) -> None:
    assert lived.installed_after is lived.installed_before
    assert lived.crash_plan_after is None
    assert lived.clock_off_s < 60
