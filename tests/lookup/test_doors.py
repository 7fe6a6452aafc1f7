"""What a citizen is told after what really happened to the document: through the portal's API, payments, and the public page."""

from datetime import date, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient

from payclear.kernel.clock import vietnam_date
from payclear.obligations.records import ObligationView
from tests.database import TestServer
from tests.factories.base import use
from tests.factories.catalogue import ProcedureFactory, ServiceAccountFactory, TariffFactory
from tests.lookup.conftest import DRIVER, Street
from tests.lookup.test_pages import NUMBER, look_up, status
from tests.obligations.fees.conftest import BIRTH, told
from tests.obligations.fines.desk import Desk
from tests.portal_api import PortalApi
from tests.scenes import Scene

OFFERS = ("/tra-cuu/nop", "/tra-cuu/phieu", "/tra-cuu/nop-thay")


@pytest.fixture
def desk(app: Flask, scene: Scene) -> Desk:
    return Desk(PortalApi.of(app, scene), scene)


def offered(page: str) -> list[str]:
    return [each for each in OFFERS if f'action="{each}"' in page]


def pay(street: Street, fine: ObligationView) -> None:
    street.scene.apply(street.scene.evidence(street.scene.attempt(street.scene.order(fine))))


def test_fine_paid_in_part_asks_for_the_rest(client: FlaskClient, street: Street, desk: Desk) -> None:
    fine = street.fine(amount=1_000_000)
    pay(street, fine)
    desk.version(fine, "corrected", 1_500_000, on="2026-11-21")
    page = look_up(client)
    assert (status(page), "500.000\u00a0₫" in page, "1.500.000" in page) == ("payable", True, False)
    assert offered(page) == list(OFFERS)


def test_fine_whose_sum_no_rule_can_tell_today_is_not_yet_payable(
    client: FlaskClient, street: Street, postgres: TestServer
) -> None:
    street.fine(served_on=date(2026, 10, 25))
    with postgres.superuser() as connection:
        connection.execute("UPDATE legal_parameter SET valid_to = current_date WHERE kind = 'late_surcharge'")
        (ended_on,) = connection.execute("SELECT current_date").fetchone()
    clock = street.scene.runtime.clock
    clock.advance(max(ended_on - vietnam_date(clock.now()), timedelta()) + timedelta(days=2))
    page = look_up(client)
    assert (status(page), offered(page)) == ("not_yet_payable", [])
    assert "₫" not in page


def test_cancelled_and_paid_elsewhere_offer_nothing_to_pay(
    client: FlaskClient, street: Street, desk: Desk
) -> None:
    fine = street.fine()
    desk.say(fine, "paid-elsewhere", proof_ref="BL-0001", paid_on="2026-11-20")
    page = look_up(client)
    assert (status(page), offered(page), "BL-0001" in page) == ("paid_elsewhere", [], False)
    desk.say(fine, "paid-elsewhere/undo")
    assert status(look_up(client)) == "payable"
    desk.version(fine, "cancelled", 0, on="2026-11-20")
    page = look_up(client)
    assert (status(page), offered(page)) == ("cancelled", [])


def test_exempted_dossier_says_so(client: FlaskClient, app: Flask, scene: Scene) -> None:
    with scene.runtime.database.begin() as uow:
        use(uow.session)
        ProcedureFactory(code=BIRTH)
        ServiceAccountFactory(agency_code="H00.14", item_code="L01", beneficiary_account="TK-LEPHI")
        TariffFactory(procedure_code=BIRTH, item_code="L01", type="fee_le_phi", amount=0)
        uow.commit()
    body = told(code="H00.14-261121-0007", procedure=BIRTH) | {
        "obligor": {"name": DRIVER.name, "citizen_id": DRIVER.id_no}
    }
    assert PortalApi.of(app, scene).post("/obligations", body).json["status"] == "exempted"
    page = look_up(client, document_no="H00.14-261121-0007")
    assert (status(page), offered(page)) == ("exempted", [])


@pytest.mark.parametrize("kind", ["corrected", "replaced"])
def test_both_numbers_of_a_decision_find_it_by_either_factor(
    client: FlaskClient, street: Street, desk: Desk, kind: str
) -> None:
    fine = street.fine(served_on=date(2026, 11, 15))
    more = {"served_on": "2026-11-20", "served_method": "handed"} if kind == "replaced" else {}
    desk.version(fine, kind, 800_000, on="2026-11-20", decision_no="77/QĐ-THAY", **more)
    for number in (NUMBER, "77/QĐ-THAY"):
        for factor in ("4321", "30A-123.45"):
            page = look_up(client, factor, document_no=number)
            assert (status(page), "800.000\u00a0₫" in page) == ("payable", True)
        assert status(look_up(client, "0000", document_no=number)) == "not_found"


def test_number_given_twice_is_written_once_and_nothing_of_who_was_forgotten(
    street: Street, desk: Desk, postgres: TestServer
) -> None:
    fine = street.fine()
    desk.version(fine, "corrected", 900_000, on="2026-11-20", decision_no="77/QĐ-SĐ")
    desk.version(fine, "corrected", 800_000, on="2026-11-20", decision_no="77/QĐ-SĐ")
    with postgres.superuser() as connection:
        count = "SELECT count(*) FROM obligor_field WHERE field = 'factor'"
        assert connection.execute(count).fetchone() == (4,)
        connection.execute(
            "UPDATE obligor SET wrapped_key = NULL, name_sealed = NULL, id_no_sealed = NULL, id_no_index = NULL,"
            " forgotten_at = now()"
        )
        connection.execute("DELETE FROM obligor_field")
    desk.version(fine, "corrected", 700_000, on="2026-11-21", decision_no="78/QĐ-SĐ")
    with postgres.superuser() as connection:
        assert connection.execute(count).fetchone() == (0,)
