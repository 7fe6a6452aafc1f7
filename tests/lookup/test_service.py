"""What anybody learns who asks: enough with the right factor, nothing with a wrong one, not even whether the number exists."""

from dataclasses import fields
from datetime import date, timedelta

import pytest

from payclear.contract.outcomes import EvidenceSource, Outcome
from payclear.db.uow import UnitOfWork
from payclear.http.rate_limits import TooManyRequests
from payclear.kernel.money import Money
from payclear.lookup import meters
from payclear.lookup.domain import LookupStatus
from payclear.obligations import service as obligations
from payclear.obligations.obligors import ObligorFacts
from payclear.obligations.rules.dated import RuleAmbiguous, RuleNotInForce
from payclear.obligations.rules.insurance import InvalidContribution
from tests.lookup.conftest import DRIVER, Street

NOT_FOUND = LookupStatus.NOT_FOUND


def test_fine_is_found_by_last_four_digits_or_plate_and_shown_masked(street: Street) -> None:
    street.fine(served_on=date(2026, 10, 25))  # due on 4 November: 16 late days on the 21st
    for factor in ("4321", "000000004321", "30A-123.45", "30a12345"):
        (found,) = street.ask(factor=factor)
        assert found.status is LookupStatus.PAYABLE
        assert found.quote is not None
        assert (found.quote.surcharge, found.amount) == (Money(8_000), Money(1_008_000))
        assert found.masked_name.startswith("TRẦN T**")
        assert "THỊ" not in found.masked_name
        assert found.masked_plate == "30A-***.45"


@pytest.mark.parametrize("number", ["0012345/qđ-xphc", " 0012345 / QĐ - XPHC ", "0012345/QD-XPHC"])
def test_spelling_of_the_number_does_not_matter(street: Street, number: str) -> None:
    street.fine()
    assert street.ask(number)[0].status is LookupStatus.PAYABLE


def test_wrong_factor_and_unknown_number_are_one_answer(street: Street) -> None:
    street.fine()
    wrong, unknown = street.ask(factor="0000"), street.ask("9999999/QĐ-XPHC")
    nothing = street.ask(factor=" . ")
    assert wrong == unknown == nothing
    assert wrong[0].status is NOT_FOUND
    assert {each.name for each in fields(wrong[0]) if getattr(wrong[0], each.name)} == {"status", "as_of"}


def test_same_statements_run_whether_something_is_found_or_not(
    street: Street, monkeypatch: pytest.MonkeyPatch
) -> None:
    street.fine(served_on=date(2026, 10, 25))
    paid = street.fine(number="2/QĐ-XPHC", amount=500_000)
    order = street.scene.order(paid)
    street.scene.apply(street.scene.evidence(street.scene.attempt(order)))
    run, rows = UnitOfWork.run, UnitOfWork.rows
    ran: list[str] = []

    def noting(self: UnitOfWork, sql: str, parameters: object = ()) -> object:
        ran.append(sql)
        return run(self, sql, parameters)

    def noting_rows(self: UnitOfWork, row_type: type, sql: str, parameters: object = ()) -> object:
        ran.append(sql)
        return rows(self, row_type, sql, parameters)

    monkeypatch.setattr(UnitOfWork, "run", noting)
    monkeypatch.setattr(UnitOfWork, "rows", noting_rows)

    def work(*question: str) -> list[str]:
        ran.clear()
        street.ask(*question)
        return ran.copy()

    unknown = work("9999999/QĐ-XPHC", "4321")
    assert work("0012345/QĐ-XPHC", "0000") == unknown  # the number exists, the factor is wrong
    assert work("0012345/QĐ-XPHC", "4321") == unknown  # found
    assert work("2/QĐ-XPHC", "4321") == unknown  # found, nothing to quote
    assert work("", "") == unknown


def test_state_of_the_document_and_of_its_payment_decides_the_answer(street: Street) -> None:
    scene = street.scene
    fine = street.fine()
    order = scene.order(fine)
    assert street.ask()[0].status is LookupStatus.PAYABLE
    attempt = scene.attempt(order)
    assert street.ask()[0].status is LookupStatus.BEING_CONFIRMED
    scene.apply(scene.evidence(attempt, Outcome.UNKNOWN, source=EvidenceSource.STATUS_QUERY))
    assert street.ask()[0].status is LookupStatus.BEING_CONFIRMED
    scene.apply(scene.evidence(attempt))
    (paid,) = street.ask()
    assert (paid.status, paid.quote) == (LookupStatus.PAID, None)


@pytest.mark.parametrize("refusal", [RuleNotInForce, RuleAmbiguous, InvalidContribution])
def test_whatever_keeps_a_document_from_its_quote_is_an_answer(
    street: Street, monkeypatch: pytest.MonkeyPatch, refusal: type[Exception]
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise refusal("no quote")

    street.fine()
    monkeypatch.setattr(obligations, "quote", refuse)
    (found,) = street.ask()
    assert (found.status, found.quote) == (LookupStatus.NOT_YET_PAYABLE, None)


def test_same_number_of_two_days_is_shown_twice_until_the_day_is_named(street: Street) -> None:
    street.fine(served_on=date(2026, 11, 15))
    street.fine(served_on=date(2026, 11, 16))
    assert len(street.ask()) == 2
    (one,) = street.ask(document_on=date(2026, 11, 16))
    assert one.obligation is not None
    assert one.obligation.document_on == date(2026, 11, 16)
    assert street.ask(document_on=date(2026, 11, 17))[0].status is NOT_FOUND
    assert street.ask(agency_code="H99.99")[0].status is NOT_FOUND


def test_somebody_else_with_the_same_number_is_not_shown(street: Street) -> None:
    street.fine(served_on=date(2026, 11, 15))
    other = ObligorFacts(name="LÊ VĂN MẪU", id_no="000000008765")
    street.fine(other, served_on=date(2026, 11, 16))
    (found,) = street.ask(factor="8765")
    assert found.masked_name == "LÊ V** M**"


def test_not_yet_uploaded_is_said_by_the_authoritys_word_never_by_the_document(street: Street) -> None:
    agency = street.scene.agency_code
    street.covered(date(2026, 11, 14))
    street.fine(served_on=date(2026, 11, 15))
    later = {"agency_code": agency, "document_on": date(2026, 11, 15)}
    wrong, unknown = street.ask(factor="0000", **later), street.ask("77/QĐ-XPHC", **later)
    assert wrong[0].status is unknown[0].status is LookupStatus.NOT_YET_UPLOADED
    assert street.ask(**later)[0].status is LookupStatus.PAYABLE
    before = {"agency_code": agency, "document_on": date(2026, 11, 14)}
    assert street.ask("77/QĐ-XPHC", **before)[0].status is NOT_FOUND


def test_wrong_factors_close_a_number_for_the_right_one_too_wherever_they_come_from(street: Street) -> None:
    street.fine()
    for visitor in range(meters.NUMBER.burst):
        street.ask(factor="0000", asked_by=f"192.0.2.{visitor}")
    with pytest.raises(TooManyRequests) as refused:
        street.ask(asked_by="198.51.100.9")
    assert refused.value.facts["retry_after_s"] == 600
    street.scene.runtime.clock.advance(timedelta(minutes=10))
    assert street.ask(asked_by="198.51.100.9")[0].status is LookupStatus.PAYABLE


def test_number_that_does_not_exist_closes_alike(street: Street) -> None:
    for _ in range(meters.NUMBER.burst):
        street.ask("404/QĐ-XPHC")
    with pytest.raises(TooManyRequests) as refused:
        street.ask("404/QD-xphc")
    assert refused.value.facts == {"limit": "lookup_number", "retry_after_s": 600}


def test_right_factor_uses_up_nothing_of_the_number(street: Street) -> None:
    street.fine()
    for _ in range(meters.NUMBER.burst * 2):
        assert street.ask()[0].status is LookupStatus.PAYABLE


def test_public_tries_do_not_close_a_number_for_a_portal(street: Street) -> None:
    street.fine()
    for _ in range(meters.NUMBER.burst):
        street.ask(factor="0000")
    assert street.ask(portal_code=street.scene.portal_code)[0].status is LookupStatus.PAYABLE


def test_many_portals_together_close_a_number_for_all(street: Street) -> None:
    street.fine()
    for no in range(meters.NUMBER_ANYWHERE.burst):
        street.ask(factor=f"{no:04}", portal_code=f"portal{no}")
    with pytest.raises(TooManyRequests):
        street.ask(portal_code="another")
    with pytest.raises(TooManyRequests):
        street.ask()
    street.scene.runtime.clock.advance(timedelta(minutes=5))
    assert street.ask()[0].status is LookupStatus.PAYABLE


def test_visitor_who_tries_number_after_number_is_stopped(street: Street) -> None:
    for number in range(meters.VISITOR.burst):
        street.ask(f"{number}/QĐ-XPHC")
    with pytest.raises(TooManyRequests):
        street.ask("one-more/QĐ-XPHC")
    assert street.ask("one-more/QĐ-XPHC", asked_by="192.0.2.2")[0].status is NOT_FOUND


def test_what_is_kept_of_a_question_names_nobody(street: Street) -> None:
    street.ask("0012345/QĐ-XPHC", "30A-123.45", asked_by="192.0.2.77")
    with street.scene.runtime.database.begin() as uow:
        kept = str(uow.run("SELECT * FROM lookup_meter").fetchall())
        kept += str(uow.run("SELECT * FROM lookup_count").fetchall())
    assert kept
    for told in ("0012345", "XPHC", "30A", "12345", "192.0.2"):
        assert told not in kept


def test_meters_at_rest_are_forgotten(street: Street) -> None:
    street.ask()
    street.scene.runtime.clock.advance(timedelta(hours=3))
    with street.scene.runtime.database.begin() as uow:
        assert meters.forget(uow) == 3
        assert meters.forget(uow) == 0


def test_driver_of_the_tests_bears_no_real_number() -> None:
    assert DRIVER.id_no is not None
    assert DRIVER.id_no.startswith("00000000")
