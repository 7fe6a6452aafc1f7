"""What a teller types leads to what is owed, at whatever agency; nothing else does."""

import pytest

from payclear.obligations.records import ObligationView
from payclear.obligations.service import NUMBER_MATCHES_MAX, find_by_number
from tests.factories.base import use
from tests.factories.catalogue import ServiceAccountFactory
from tests.factories.reference import AgencyFactory
from tests.scenes import Scene


def found(scene: Scene, number: str) -> list[ObligationView]:
    with scene.runtime.database.begin() as uow:
        return find_by_number(uow, number)


@pytest.mark.parametrize("number", ["", "   ", "H00.14-261121-00", "0000001/QĐ", "%", "0000009/QĐ-XPHC"])
def test_unknown_number_finds_nothing(scene: Scene, number: str) -> None:
    scene.fee()
    scene.fine()
    assert found(scene, number) == []


@pytest.mark.parametrize(
    "number", ["0000001/QĐ-XPHC", " 0000001/qđ-xphc ", "0000001/QD-XPHC", "0000001 / QĐ - XPHC"]
)
def test_decision_number_is_found_as_people_and_bank_systems_write_it(scene: Scene, number: str) -> None:
    fine = scene.fine()
    assert [each.id for each in found(scene, number)] == [fine.id]


def test_dossier_code_is_found_in_any_case(scene: Scene) -> None:
    fee = scene.fee()
    assert [each.id for each in found(scene, fee.document_no.lower())] == [fee.id]


def test_number_that_two_agencies_use_finds_both(scene: Scene) -> None:
    first = scene.fine()
    with scene.runtime.database.begin() as uow:
        use(uow.session)
        AgencyFactory(code="H01.14")
        for code in ("TK-PHAT", "TK-CHAMNOP"):
            ServiceAccountFactory(agency_code="H01.14", item_code=code, beneficiary_account=code)
        uow.commit()
    other = Scene(scene.runtime, agency_code="H01.14")
    second = other.fine()
    assert [each.id for each in found(scene, first.document_no)] == [first.id, second.id]
    assert len({each.agency_code for each in found(scene, first.document_no)}) == 2
    assert NUMBER_MATCHES_MAX >= 2
