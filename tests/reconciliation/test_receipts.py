"""No provider transaction is in the books twice: not by the night, not by the door, whoever was first."""

from datetime import timedelta

import pytest

from payclear.contract.outcomes import EvidenceSource, Outcome
from payclear.kernel.clock import FixedClock
from payclear.orders.records import AttemptView
from reconciliation import adoption
from tests.database import TestServer
from tests.reconciliation.nights import NightScene


def paid_twice(nights: NightScene, amount: int = 150_000) -> AttemptView:
    """One attempt, two payments at the provider, both told when asked."""
    attempt = nights.unpaid(amount)
    for ref in ("9001", "9002"):
        told = nights.scene.evidence(attempt, source=EvidenceSource.STATUS_QUERY, provider_ref=ref)
        nights.scene.apply(told)
    return attempt


def templates(nights: NightScene) -> list[tuple[str, str]]:
    with nights.runtime.database.begin() as uow:
        return uow.run(
            "SELECT template, split_part(natural_key, ':', 3) FROM journal_entry ORDER BY 1, 2"
        ).fetchall()


def test_second_payment_that_the_door_has_booked_is_told_and_not_booked_again(nights: NightScene) -> None:
    attempt = paid_twice(nights)
    nights.line(attempt, provider_ref="9001")
    nights.line(attempt, provider_ref="9002")
    nights.write()
    nights.night()
    assert nights.codes() == [("B10", "open")]
    assert ("unknown_receipt", "9002") not in templates(nights)
    assert nights.balances() == {
        "beneficiary_payable": 150_000,
        "provider_receivable": 150_000,
        "provider_settlement": 150_000,
        "suspense": 150_000,
    }
    assert nights.offenders() == []
    assert not nights.night().changed


def test_second_payment_of_money_in_suspense_leaves_the_first_one_its_amount(
    nights: NightScene, clock: FixedClock
) -> None:
    attempt = nights.unpaid()
    for ref, amount in (("9001", 150_001), ("9002", 70_000)):
        told = nights.scene.evidence(
            attempt, source=EvidenceSource.STATUS_QUERY, provider_ref=ref, amount=amount
        )
        nights.scene.apply(told)
    nights.line(attempt, provider_ref="9001", amount=150_001)
    nights.line(attempt, provider_ref="9002", amount=70_000)
    nights.write()
    nights.night()
    assert nights.codes() == [("B10", "open")]
    assert nights.balances() == {
        "provider_receivable": 70_000,
        "provider_settlement": 150_001,
        "suspense": 220_001,
    }
    assert nights.offenders() == []


def test_unreadable_line_of_a_payment_that_the_door_has_booked_is_told_once(
    nights: NightScene, clock: FixedClock
) -> None:
    attempt = paid_twice(nights)
    nights.line(attempt, provider_ref="9001")
    nights.line(attempt, provider_ref="9002", attempt_ref="mangled beyond help")
    nights.write()
    for _ in range(2):
        nights.night()
        clock.advance(timedelta(hours=1))
    assert nights.codes() == [("B02", "open")]
    assert nights.balances()["suspense"] == 150_000
    with nights.runtime.database.begin() as uow:
        assert uow.run("SELECT count(*) FROM payment_evidence WHERE attempt_id IS NULL").fetchone() == (0,)
    assert nights.offenders() == []


def test_money_kept_as_unknown_leaves_suspense_when_the_door_books_it_as_a_second_payment(
    nights: NightScene, clock: FixedClock
) -> None:
    attempt = nights.unpaid()
    nights.scene.apply(
        nights.scene.evidence(attempt, source=EvidenceSource.STATUS_QUERY, provider_ref="9001")
    )
    nights.line(attempt, provider_ref="9001")
    nights.line(attempt, provider_ref="9002", attempt_ref="mangled beyond help")
    nights.write()
    nights.night()
    nights.scene.apply(
        nights.scene.evidence(attempt, source=EvidenceSource.STATUS_QUERY, provider_ref="9002")
    )
    assert nights.balances()["suspense"] == 300_000
    clock.advance(timedelta(days=1))
    nights.write(nights.today + timedelta(days=1), rows=[], count=0, total=0)
    nights.night(nights.today + timedelta(days=1))
    assert nights.balances()["suspense"] == 150_000
    assert nights.codes() == [("B02", "open")]
    assert nights.offenders() == []


def test_money_that_the_door_books_while_the_night_is_at_work_is_not_kept_again(
    nights: NightScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempt = nights.unpaid()
    nights.line(attempt, provider_ref="9001", attempt_ref="mangled beyond help")
    nights.write()
    real = adoption.AdoptionDesk.act

    def act(desk: adoption.AdoptionDesk, batch: object) -> None:
        nights.scene.apply(
            nights.scene.evidence(attempt, source=EvidenceSource.STATUS_QUERY, provider_ref="9001")
        )
        real(desk, batch)  # type: ignore[arg-type]

    monkeypatch.setattr(adoption.AdoptionDesk, "act", act)
    nights.night()
    assert nights.codes() == [("B02", "matched")]
    assert nights.balances() == {"beneficiary_payable": 150_000, "provider_settlement": 150_000}
    assert nights.offenders() == []


def test_failed_first_try_that_is_told_late_makes_no_discrepancy(nights: NightScene) -> None:
    attempt = nights.unpaid()
    nights.scene.apply(nights.scene.evidence(attempt, provider_ref="9001"))
    nights.scene.apply(nights.scene.evidence(attempt, Outcome.REJECTED, provider_ref="9000"))
    nights.line(attempt, provider_ref="9000", outcome="rejected")
    nights.line(attempt, provider_ref="9001")
    nights.write()
    nights.night()
    assert nights.codes() == []
    assert nights.balances() == {"beneficiary_payable": 150_000, "provider_settlement": 150_000}


def test_receipt_in_the_books_twice_turns_its_invariant_red(
    nights: NightScene, clock: FixedClock, postgres: TestServer
) -> None:
    """Planted: the clearing of a receipt whose owner appeared is taken away, books and all."""
    attempt = nights.unpaid()
    nights.line(attempt, provider_ref="9001", attempt_ref="mangled beyond help")
    nights.write()
    nights.night()
    nights.scene.apply(
        nights.scene.evidence(attempt, source=EvidenceSource.STATUS_QUERY, provider_ref="9001")
    )
    assert nights.offenders() == [], "until the next night it may stand in both"
    clock.advance(timedelta(days=1))
    nights.write(nights.today + timedelta(days=1), rows=[], count=0, total=0)
    nights.night(nights.today + timedelta(days=1))
    assert nights.offenders() == []
    with postgres.superuser() as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute(
            "UPDATE journal_entry SET natural_key = 'gone' WHERE template = 'unknown_receipt_cleared'"
        )
    assert "INV-04b" in {line.split(":")[0] for line in nights.offenders()}
