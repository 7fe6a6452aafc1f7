"""Statement lines that kept only a payment code or an order reference, over whole nights."""

from datetime import timedelta

import pytest

from payclear.contract.outcomes import EvidenceSource, Outcome
from payclear.kernel.clock import FixedClock
from payclear.orders.domain import AttemptState, OrderState
from reconciliation.runs import Verdict
from tests.reconciliation.nights import NightScene


@pytest.mark.parametrize("name", ["payment_code", "order_ref"])
def test_line_by_code_matches_what_was_paid(nights: NightScene, name: str) -> None:
    attempt = nights.paid()
    nights.line(attempt, attempt_ref=getattr(nights.order_of(attempt), name))
    nights.write()
    assert nights.night().run.verdict == Verdict.RECONCILED
    assert nights.offenders() == []


def test_line_by_code_pays_an_order_nobody_told_us_about(nights: NightScene) -> None:
    attempt = nights.unpaid()
    nights.line(attempt, attempt_ref=nights.order_of(attempt).payment_code)
    nights.write()
    nights.night()
    assert nights.order_of(attempt).state is OrderState.PAID
    assert nights.codes() == [("B01", "adopted")]
    assert nights.offenders() == []


def test_line_by_code_of_another_amount_goes_to_suspense_once(nights: NightScene) -> None:
    first = nights.unpaid(150_000)
    nights.scene.apply(nights.scene.evidence(first, Outcome.REJECTED, source=EvidenceSource.STATUS_QUERY))
    second = nights.scene.attempt(nights.order_of(first))
    nights.line(second, attempt_ref=nights.order_of(first).payment_code, amount=150_001)
    nights.write()
    nights.night()
    assert nights.attempt_of(nights.order_of(second)).state == AttemptState.SURPLUS
    assert nights.codes() == [("B05", "open")]
    assert nights.offenders() == []
    assert not nights.night().changed


def test_of_two_codes_in_a_line_that_of_the_paid_amount_is_meant(nights: NightScene) -> None:
    cheap, dear = nights.unpaid(150_000), nights.unpaid(250_000)
    codes = " ".join(nights.order_of(each).payment_code for each in (cheap, dear))
    nights.line(dear, attempt_ref=codes)
    nights.write()
    nights.night()
    assert nights.order_of(dear).state is OrderState.PAID
    assert nights.order_of(cheap).state is OrderState.OPEN
    assert nights.offenders() == []


def test_two_codes_of_one_amount_are_guessed_by_nobody(nights: NightScene) -> None:
    one, other = nights.unpaid(150_000), nights.unpaid(150_000)
    codes = " ".join(nights.order_of(each).payment_code for each in (one, other))
    nights.line(attempt_ref=codes, amount=150_000)
    nights.write()
    nights.night()
    assert nights.codes() == [("B02", "open")]
    assert {nights.order_of(each).state for each in (one, other)} == {OrderState.OPEN}
    assert nights.balances() == {"provider_receivable": 150_000, "suspense": 150_000}
    assert nights.offenders() == []


def test_attempt_listed_by_its_code_alone_is_not_ended_as_unlisted(
    nights: NightScene, clock: FixedClock
) -> None:
    attempt = nights.unpaid()
    nights.line(attempt, attempt_ref=nights.order_of(attempt).payment_code, outcome="pending")
    nights.write()
    nights.night()
    for days in range(1, 6):
        clock.advance(timedelta(days=1))
        nights.write(nights.today + timedelta(days=days))
        assert nights.night(nights.today + timedelta(days=days)).ended == 0
    assert nights.attempt_of(nights.order_of(attempt)).is_live
