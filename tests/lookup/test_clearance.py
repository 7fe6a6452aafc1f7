"""CLEAR is never said on missing data; OUTSTANDING from registration until the money is confirmed."""

from datetime import date, timedelta

import pytest

from payclear.catalogue.parameters import ParameterRecord
from payclear.contract.outcomes import EvidenceSource, Outcome
from payclear.lookup import clearance
from payclear.lookup.domain import ClearancePurpose, ClearanceStatus, UnknownReason, read_subject
from payclear.obligations.fines import desk
from payclear.obligations.obligors import ObligorFacts
from payclear.obligations.rules.plates import PlateColour
from tests.lookup.conftest import Street

TODAY = date(2026, 11, 21)
DRIVER = 'citizen-id="000000004321"'


def ask(street: Street, header: str = DRIVER) -> clearance.Clearance:
    runtime = street.scene.runtime
    with runtime.database.begin() as uow:
        answer = clearance.ask(
            uow,
            read_subject(header),
            purpose=ClearancePurpose.LICENCE_EXCHANGE,
            portal_code=street.scene.portal_code,
            key_id="key-1",
            index=runtime.blind_index,
        )
        uow.commit()
    return answer


@pytest.mark.parametrize(
    "header",
    [
        DRIVER,
        'licence-no="790000000001"',
        'plate="30A-123.45";colour="white"',
        'plate="30a 12345";colour="white"',
    ],
)
def test_unpaid_decision_is_outstanding_by_every_key_from_the_day_it_is_here(
    street: Street, header: str
) -> None:
    street.fine()
    answer = ask(street, header)
    assert (answer.status, answer.count, answer.reasons) == (ClearanceStatus.OUTSTANDING, 1, ())


def test_other_colour_of_the_plate_is_another_vehicle(street: Street) -> None:
    street.fine()
    street.named()
    street.covered(TODAY)
    assert ask(street, 'plate="30A-123.45";colour="yellow"').status is ClearanceStatus.CLEAR


def test_nobody_is_clear_before_every_authority_said_that_its_decisions_are_here(street: Street) -> None:
    assert ask(street).reasons == (UnknownReason.NO_AUTHORITY,)
    street.named()
    assert ask(street).reasons == (UnknownReason.COVERAGE_MISSING,)
    street.covered(date(2026, 11, 19))
    assert ask(street).reasons == (UnknownReason.COVERAGE_STALE,)
    street.covered(date(2026, 11, 20), keys=("plate",))
    assert ask(street).reasons == (UnknownReason.COVERAGE_STALE,)
    street.covered(date(2026, 11, 20))
    assert ask(street).status is ClearanceStatus.CLEAR


def test_fine_registered_since_without_the_key_leaves_nothing_certain(street: Street) -> None:
    street.named()
    street.covered(TODAY)
    assert ask(street).status is ClearanceStatus.CLEAR
    street.scene.runtime.clock.advance(timedelta(minutes=1))
    street.fine(ObligorFacts(name="LÊ VĂN MẪU"))
    assert ask(street).reasons == (UnknownReason.COVERAGE_MISSING,)
    assert ask(street, 'licence-no="AB1234567"').reasons == (UnknownReason.COVERAGE_MISSING,)


def test_fine_without_the_key_that_is_owed_again_leaves_nothing_certain(street: Street) -> None:
    fine = street.fine(ObligorFacts(name="LÊ VĂN MẪU"))
    runtime, own = street.scene.runtime, {"portal_code": street.scene.portal_code, "by": "key-1"}
    with runtime.database.begin() as uow:
        desk.note_paid_elsewhere(uow, fine.id, proof_ref="BL-0001", paid_on=TODAY, **own)
        uow.commit()
    runtime.clock.advance(timedelta(minutes=1))
    street.named()
    street.covered(TODAY)
    assert ask(street).status is ClearanceStatus.CLEAR
    runtime.clock.advance(timedelta(minutes=1))
    with runtime.database.begin() as uow:
        desk.undo_paid_elsewhere(uow, fine.id, **own)
        uow.commit()
    assert ask(street).reasons == (UnknownReason.COVERAGE_MISSING,)


def test_another_portals_word_on_an_authority_clears_nobody(street: Street) -> None:
    street.named(portals=("policeportal",))
    street.covered(TODAY)
    assert ask(street).reasons == (UnknownReason.COVERAGE_MISSING,)


def test_licence_is_found_however_it_is_typed(street: Street) -> None:
    street.fine(ObligorFacts(name="LÊ VĂN MẪU", licence_no="ab1234567"))
    assert ask(street, 'licence-no="AB1234567"').status is ClearanceStatus.OUTSTANDING


def test_decision_of_an_authority_that_is_not_named_leaves_nothing_certain(street: Street) -> None:
    street.fine(ObligorFacts(name="LÊ VĂN MẪU", id_no="000000008765"))
    assert UnknownReason.AUTHORITY_NOT_NAMED in ask(street).reasons


def test_payment_in_doubt_stays_outstanding_and_its_confirmation_clears_in_the_same_transaction(
    street: Street,
) -> None:
    street.named()
    street.covered(TODAY)
    scene = street.scene
    attempt = scene.attempt(scene.order(street.fine()))
    scene.apply(scene.evidence(attempt, Outcome.UNKNOWN, source=EvidenceSource.STATUS_QUERY))
    assert ask(street).status is ClearanceStatus.OUTSTANDING
    scene.apply(scene.evidence(attempt))
    assert ask(street).status is ClearanceStatus.CLEAR


def test_dossier_fee_is_no_decision(street: Street) -> None:
    street.scene.fee()
    street.named()
    street.covered(TODAY)
    assert ask(street, 'citizen-id="000000000001"').status is ClearanceStatus.CLEAR


def test_every_question_is_in_the_trail_with_its_purpose_and_without_the_subject(street: Street) -> None:
    street.fine()
    ask(street)
    with street.scene.runtime.database.begin() as uow:
        row = uow.one(
            "SELECT actor, object_id, facts::text, facts FROM audit_entry WHERE action = 'clearance.asked'"
        )
    assert row[3]["purpose"] == "licence_exchange"
    assert row[3]["portal"] == street.scene.portal_code
    assert "4321" not in str(row)


@pytest.mark.parametrize(
    "value",
    [
        {"keys": ["citizen-id"], "fresh_days": 1, "portals": ["p"]},
        {"agency": "H00.14", "keys": [], "fresh_days": 1, "portals": ["p"]},
        {"agency": "H00.14", "keys": ["passport"], "fresh_days": 1, "portals": ["p"]},
        {"agency": "H00.14", "keys": ["plate"], "fresh_days": 400, "portals": ["p"]},
        {"agency": "H00.14", "keys": ["plate"], "fresh_days": True, "portals": ["p"]},
        {"agency": "H00.14", "keys": ["plate"], "fresh_days": 1, "portals": []},
        {"agency": "H00.14", "keys": ["plate"], "fresh_days": 1, "portals": "demoportal"},
        {"agency": "H00.14", "keys": ["plate"], "fresh_days": 1},
        {"agency": "", "keys": ["plate"], "fresh_days": 1, "portals": ["p"]},
    ],
)
def test_value_that_names_no_authority_never_gets_into_the_catalogue(value: dict[str, object]) -> None:
    record = ParameterRecord(
        id="1",
        kind="clearance_authority",
        code="a",
        valid_from=TODAY,
        valid_to=None,
        legal_basis="",
        value=value,
    )
    with pytest.raises((KeyError, ValueError, TypeError)):
        clearance.read_authority(record)


def test_plate_without_a_colour_at_registration_counts_as_white(street: Street) -> None:
    street.fine(ObligorFacts(name="LÊ VĂN MẪU", plate="29B1-123.45", plate_colour=PlateColour.WHITE))
    assert ask(street, 'plate="29B112345";colour="white"').count == 1
