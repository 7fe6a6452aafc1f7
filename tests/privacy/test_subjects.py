"""What a person may ask of us: everything we hold on them, and to be forgotten while the books stay."""

from datetime import date, timedelta
from uuid import UUID, uuid4

import pytest

from payclear.kernel.money import Money
from payclear.lookup import clearance
from payclear.lookup.domain import ClearancePurpose
from payclear.lookup.domain import read_subject as read_subject_header
from payclear.obligations.domain import FORGOTTEN_NAME, ObligorField
from payclear.obligations.fines.desk import NewVersion, add_version
from payclear.obligations.obligors import field_index_of, obligor_names, payer_of
from payclear.obligations.rules.corrections import VersionKind
from payclear.privacy.domain import Reader
from payclear.privacy.errors import (
    ForgettingRefused,
    PurposeRefused,
    RequestUnknown,
    SubjectForgotten,
    SubjectNotFound,
)
from payclear.privacy.reading import read_subject
from payclear.privacy.subjects import confirm_forgetting, export_subject, request_forgetting
from payclear.receipts.jobs import issue
from tests.database import TestServer
from tests.privacy.conftest import ELEVEN_YEARS, ID_NO, OFFICER, SECOND, VIEWER, broken
from tests.scenes import Scene

GROUND, ORDER = "subject_request", "authority_order"


def forget(scene: Scene, number: str = ID_NO, ground: str = GROUND) -> int:
    return confirm(scene, ask(scene, number, ground))


def ask(scene: Scene, number: str = ID_NO, ground: str = ORDER, reader: Reader = OFFICER) -> UUID:
    with scene.runtime.database.begin() as uow:
        made = request_forgetting(
            uow,
            number,
            ground=ground,
            reader=reader,
            sealer=scene.runtime.sealer,
            index=scene.runtime.blind_index,
        )
        uow.commit()
    return made


def confirm(scene: Scene, request_id: UUID, reader: Reader = SECOND) -> int:
    with scene.runtime.database.begin() as uow:
        rows, kept = confirm_forgetting(uow, request_id, reader=reader)
        uow.commit()
    assert kept == []
    return rows


def export(scene: Scene, number: str = ID_NO, reader=OFFICER) -> dict:
    with scene.runtime.database.begin() as uow:
        told = export_subject(
            uow, number, reader=reader, sealer=scene.runtime.sealer, index=scene.runtime.blind_index
        )
        uow.commit()
    return told


@pytest.mark.parametrize("number", ["001099123457", "", "  ", "NGUYỄN VĂN MẪU"])
def test_stranger_is_not_found_by_export_nor_by_forgetting(people: Scene, number: str) -> None:
    people.fee()
    with pytest.raises(SubjectNotFound):
        export(people, number)
    with pytest.raises(SubjectNotFound):
        forget(people, number)


def test_export_is_for_who_may_answer_such_requests(people: Scene) -> None:
    people.fee()
    with pytest.raises(PurposeRefused):
        export(people, reader=VIEWER)


def test_export_tells_what_was_told_what_was_owed_and_paid_and_who_read(people: Scene) -> None:
    order = people.paid_order()
    people.fine()
    issue()
    told = export(people)
    assert {each["name"] for each in told["told_by_portals"]} == {"NGUYỄN VĂN MẪU"}
    assert {each["id_no"] for each in told["told_by_portals"]} == {ID_NO}
    assert {each["kind"] for each in told["obligations"]} == {"dossier_fee", "traffic_fine"}
    (paid,) = [each for each in told["payments"] if each["order_ref"] == order.order_ref]
    assert (paid["state"], paid["amount"]) == ("paid", order.amount.amount)
    assert paid["receipt"]
    assert {each["purpose"] for each in told["read_by"]} == {"subject_request"}
    assert broken(people.runtime) == {}


@pytest.mark.parametrize("ground", [GROUND, ORDER])
def test_who_still_owes_is_not_forgotten_on_any_ground(people: Scene, ground: str) -> None:
    people.fee()
    people.runtime.clock.advance(ELEVEN_YEARS)
    with pytest.raises(ForgettingRefused) as refused:
        forget(people, ground=ground)
    assert refused.value.facts["reason"] in {"owed", "no_ground"}


def test_payment_in_doubt_keeps_a_person(people: Scene, postgres: TestServer) -> None:
    order = people.paid_order()
    with postgres.superuser() as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute(
            "UPDATE payment_attempt SET state = 'in_doubt', next_query_at = now() WHERE order_id = %s",
            (order.id,),
        )
    with pytest.raises(ForgettingRefused) as refused:
        forget(people, ground=ORDER)
    assert refused.value.facts["reason"] == "payment_in_doubt"


def test_money_that_is_to_be_given_back_keeps_a_person(people: Scene) -> None:
    runtime = people.runtime
    fine = people.fine(1_000_000)
    people.apply(people.evidence(people.attempt(people.order(fine))))
    less = NewVersion(
        kind=VersionKind.CORRECTED,
        decision_no="2/QĐ-SĐ",
        decided_on=date(2026, 11, 20),
        amount=Money(400_000),
    )
    with runtime.database.begin() as uow:
        add_version(
            uow,
            fine.id,
            less,
            portal_code=people.portal_code,
            by="key-1",
            sealer=runtime.sealer,
            index=runtime.blind_index,
        )
        uow.commit()
    with pytest.raises(ForgettingRefused) as refused:
        ask(people)
    assert refused.value.facts["reason"] == "refund_proposed"


def test_role_that_the_ground_does_not_name_neither_asks_nor_confirms(people: Scene) -> None:
    people.paid_order()
    for act in (lambda: ask(people, reader=VIEWER), lambda: confirm(people, ask(people), VIEWER)):
        with pytest.raises(ForgettingRefused) as refused:
            act()
        assert refused.value.facts["reason"] == "role"
    assert export(people)["told_by_portals"]


def test_nobody_forgets_alone(people: Scene) -> None:
    people.paid_order()
    with pytest.raises(ForgettingRefused) as refused:
        confirm(people, ask(people), OFFICER)
    assert refused.value.facts["reason"] == "own_request"
    assert export(people)["told_by_portals"]


def test_request_is_carried_out_once_and_not_after_two_weeks(people: Scene) -> None:
    people.paid_order()
    late, request = ask(people), ask(people)
    assert confirm(people, request) == 1
    people.runtime.clock.advance(timedelta(days=14))
    for unknown in (request, late, uuid4()):
        with pytest.raises(RequestUnknown):
            confirm(people, unknown)


def test_what_came_while_a_request_waited_is_forgotten_or_hinders(people: Scene) -> None:
    people.paid_order()
    request = ask(people)
    people.fee()  # the same person owes again
    with pytest.raises(ForgettingRefused) as refused:
        confirm(people, request)
    assert refused.value.facts["reason"] == "owed"
    assert len(export(people)["told_by_portals"]) == 2


def test_forgetting_that_no_second_person_confirmed_is_found_by_verify(
    people: Scene, postgres: TestServer
) -> None:
    people.paid_order()
    confirm(people, ask(people))
    assert broken(people.runtime) == {}
    with postgres.superuser() as connection:
        connection.execute("UPDATE forgetting_request SET checker = NULL, checked_at = NULL")
    assert broken(people.runtime, "INV-76") == {"INV-76": 1}


def test_retention_keeps_a_person_until_it_is_over(people: Scene) -> None:
    people.paid_order()
    with pytest.raises(ForgettingRefused) as refused:
        forget(people)
    assert refused.value.facts["reason"] == "under_retention"


def test_ground_that_is_not_in_force_forgets_nobody(people: Scene) -> None:
    people.paid_order()
    with pytest.raises(ForgettingRefused):
        forget(people, ground="whim")


def test_without_a_rule_of_keeping_nobody_is_forgotten_on_request(
    people: Scene, postgres: TestServer
) -> None:
    people.paid_order()
    with postgres.superuser() as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("DELETE FROM legal_parameter WHERE kind = 'retention_rule'")
    with pytest.raises(ForgettingRefused) as refused:
        forget(people)
    assert refused.value.facts["reason"] == "no_retention_rule"


def test_forgotten_person_is_gone_and_the_books_stay(people: Scene, client) -> None:
    runtime = people.runtime
    order = people.paid_order()
    issue()
    obligation = order.documents[0].obligation_id
    with runtime.database.begin() as uow:
        subject = uow.one("SELECT obligor_id FROM obligation WHERE id = %s", (obligation,))[0]
        books = uow.run("SELECT * FROM posting ORDER BY entry_id, line_no").fetchall()
        receipts = uow.run("SELECT series, number, amount FROM receipt").fetchall()
    assert forget(people, ground=ORDER) == 1
    with runtime.database.begin() as uow:
        assert uow.run("SELECT * FROM posting ORDER BY entry_id, line_no").fetchall() == books
        assert uow.run("SELECT series, number, amount FROM receipt").fetchall() == receipts
        left = uow.one(
            "SELECT wrapped_key, name_sealed, id_no_sealed, id_no_index FROM obligor WHERE id = %s",
            (subject,),
        )
        assert left == (None, None, None, None)
        assert uow.one("SELECT count(*) FROM obligor_field WHERE obligor_id = %s", (subject,)) == (0,)
        assert obligor_names(uow, [obligation], sealer=runtime.sealer) == {obligation: FORGOTTEN_NAME}
        assert payer_of(uow, obligation, sealer=runtime.sealer).id_no == ""
        with pytest.raises(SubjectForgotten):
            read_subject(uow, subject, purpose="complaint", reader=OFFICER, sealer=runtime.sealer)
    with pytest.raises(SubjectNotFound):
        export(people)
    assert client.get(f"/pay/{order.pay_token}").status_code == 200
    assert broken(runtime) == {}


def test_forgetting_on_request_works_when_retention_is_over(people: Scene) -> None:
    people.paid_order()
    people.runtime.clock.advance(ELEVEN_YEARS)
    assert forget(people) == 1


def test_database_refuses_a_forgotten_person_that_can_still_be_read(people: Scene) -> None:
    people.fee()
    with people.runtime.database.begin() as uow, pytest.raises(Exception, match="forgotten_is_unreadable"):
        uow.run("UPDATE obligor SET forgotten_at = now()")


def test_what_is_left_of_a_forgotten_person_is_found_by_verify(people: Scene, postgres: TestServer) -> None:
    people.paid_order()
    with postgres.superuser() as connection:
        connection.execute(
            "UPDATE obligor SET wrapped_key = NULL, name_sealed = NULL, id_no_sealed = NULL, id_no_index = NULL,"
            " forgotten_at = now()"
        )
    # Its factor for the look-up is still there, and nobody wrote down why it was forgotten.
    assert broken(people.runtime, "INV-76") == {"INV-76": 2}


def test_only_one_of_two_people_is_forgotten(people: Scene) -> None:
    people.paid_order()
    people.runtime.clock.advance(timedelta(days=1))
    with people.runtime.database.begin() as uow:
        before = uow.one("SELECT count(*) FROM obligor WHERE forgotten_at IS NULL")[0]
    assert forget(people, ground=ORDER) == before


def asked(people: Scene, header: str, purpose: ClearancePurpose = ClearancePurpose.LICENCE_EXCHANGE) -> None:
    with people.runtime.database.begin() as uow:
        clearance.ask(
            uow,
            read_subject_header(header),
            purpose=purpose,
            portal_code=people.portal_code,
            key_id="key-1",
            index=people.runtime.blind_index,
        )
        uow.commit()


def test_person_is_told_who_asked_for_their_clearance_and_not_about_others(people: Scene) -> None:
    people.fine()
    asked(people, f'citizen-id="{ID_NO}"')
    asked(people, 'citizen-id="000000004321"')
    (told,) = export(people)["clearance_asked_by"]
    assert (told["portal"], told["purpose"]) == (people.portal_code, "licence_exchange")
    assert told["named_by"] == "citizen-id"


def test_person_is_told_of_questions_by_the_licence_number(people: Scene) -> None:
    fine = people.fine()
    with people.runtime.database.begin() as uow:
        (obligor_id,) = uow.one("SELECT obligor_id FROM obligation WHERE id = %s", (fine.id,))
        index = field_index_of(people.runtime.blind_index, ObligorField.LICENCE_NO, "790000000001")
        uow.run(
            "INSERT INTO obligor_field (obligor_id, field, no, index) VALUES (%s, 'licence_no', 90, %s)",
            (obligor_id, index),
        )
        uow.commit()
    asked(people, 'licence-no="790000000001"')
    assert [each["named_by"] for each in export(people)["clearance_asked_by"]] == ["licence-no"]
