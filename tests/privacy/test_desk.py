"""The commands of a person's rights and of keys: numbers by standard input, sentences instead of tracebacks."""

import json

import pytest
from click.testing import CliRunner

from payclear import cli
from payclear.identity.domain import StaffRole
from payclear.identity.sessions import create_staff
from payclear.kernel.problems import OperatorProblem
from payclear.obligations.obligors import read_obligor
from payclear.privacy import desk
from payclear.privacy.errors import ForgettingRefused, PurposeRefused, SubjectNotFound
from tests.callbacks.test_callbacks import call, ipn_query
from tests.privacy.conftest import ID_NO, broken
from tests.scenes import Scene


@pytest.fixture
def office(people: Scene) -> Scene:
    with people.runtime.database.begin() as uow:
        for login, role in (
            ("canbo", StaffRole.OFFICER),
            ("canbo2", StaffRole.OFFICER),
            ("lanhdao", StaffRole.VIEWER),
        ):
            create_staff(
                uow,
                login=login,
                display_name="Cán bộ mẫu",
                password="mat-khau-thu-2026-11",
                roles=(role,),
            )
        uow.commit()
    return people


def confirmed(office: Scene, waiting: list[str]) -> list[str]:
    """What is printed when a second person confirms the request that a first line named."""
    (line,) = waiting
    request_id = line.split()[-3]
    with pytest.raises(ForgettingRefused):
        desk.confirm_forgetting(office.runtime, request_id, by="canbo")
    return desk.confirm_forgetting(office.runtime, request_id, by="canbo2")


def test_stranger_without_a_login_gets_nothing(office: Scene) -> None:
    office.fee()
    with pytest.raises(OperatorProblem):
        desk.export(office.runtime, ID_NO, by="nobody")


def test_export_is_json_in_plain_vietnamese(office: Scene) -> None:
    office.paid_order()
    (text,) = desk.export(office.runtime, ID_NO, by="canbo")
    assert json.loads(text)["told_by_portals"][0]["name"] == "NGUYỄN VĂN MẪU"
    assert "NGUYỄN" in text


def test_forgetting_is_refused_or_done_and_done_once(office: Scene) -> None:
    office.paid_order()
    with pytest.raises(ForgettingRefused):
        desk.forget(office.runtime, ID_NO, ground="subject_request", by="canbo")
    (line,) = confirmed(office, desk.forget(office.runtime, ID_NO, ground="authority_order", by="canbo"))
    assert line.startswith("Forgotten: 1 rows.")
    with pytest.raises(SubjectNotFound):
        desk.forget(office.runtime, ID_NO, ground="authority_order", by="canbo")


def test_restored_backup_does_not_bring_a_forgotten_person_back(office: Scene, postgres) -> None:
    order = office.paid_order()
    runtime = office.runtime
    with runtime.database.begin() as uow:
        subject = uow.one(
            "SELECT obligor_id FROM obligation WHERE id = %s", (order.documents[0].obligation_id,)
        )[0]
        columns = "wrapped_key, name_sealed, id_no_sealed, id_no_index"
        before = uow.one(f"SELECT {columns} FROM obligor WHERE id = %s", (subject,))
    confirmed(office, desk.forget(runtime, ID_NO, ground="authority_order", by="canbo"))
    listed = desk.forgotten(runtime)
    assert listed == [f"{subject} authority_order ground-authority-order-2026"]
    with postgres.superuser() as connection:  # the backup of the day before
        connection.execute("SET session_replication_role = replica")
        connection.execute("DELETE FROM subject_forgetting")
        connection.execute(
            f"UPDATE obligor SET forgotten_at = NULL, ({columns}) = (%s, %s, %s, %s) WHERE id = %s",
            (*before, subject),
        )
    with pytest.raises(OperatorProblem):
        desk.forget_again(runtime, ["what is this"], by="canbo")
    with pytest.raises(ForgettingRefused):
        desk.forget_again(runtime, listed, by="lanhdao")
    for rows in (1, 0):
        (line,) = confirmed(office, desk.forget_again(runtime, [*listed, ""], by="canbo"))
        assert line.startswith(f"Forgotten: {rows} rows.")
    with runtime.database.begin() as uow:
        assert read_obligor(uow, subject, sealer=runtime.sealer) is None
    assert broken(runtime) == {}


def test_message_is_shown_to_who_may_look_and_that_is_in_the_trail(office: Scene, client) -> None:
    runtime = office.runtime
    assert call(client, ipn_query(runtime, office.attempt(office.order()))) == "00"
    with runtime.database.begin() as uow:
        (message_id,) = uow.one("SELECT id::text FROM inbound_callback")
    for wrong in (
        {"purpose": "message_investigation", "by": "lanhdao"},
        {"purpose": "x", "by": "canbo"},
        {"purpose": "complaint", "by": "canbo"},
    ):
        with pytest.raises(PurposeRefused):
            desk.message(runtime, message_id, **wrong)
    with pytest.raises(OperatorProblem):
        desk.message(runtime, "1", purpose="message_investigation", by="canbo")
    (shown,) = desk.message(runtime, message_id, purpose="message_investigation", by="canbo")
    assert "vnp_Amount=" in shown
    with runtime.database.begin() as uow:
        assert uow.one("SELECT actor, object_id FROM audit_entry WHERE action = 'raw_message.read'") == (
            "canbo",
            message_id,
        )


def test_keys_in_use_are_counted(office: Scene) -> None:
    office.fee()
    rotated, *used = desk.rotate(office.runtime)
    active = office.runtime.sealer.active
    assert rotated == f"0 data keys rewrapped under {active}."
    assert [line.split() for line in used] == [[active, "obligor", "1"]]


def test_commands_take_the_number_from_standard_input_and_never_as_an_argument() -> None:
    for command in ("export", "forget"):
        ground = ["--ground", "subject_request"] if command == "forget" else []
        told = CliRunner().invoke(cli.main, ["subject", command, ID_NO, "--by", "canbo", *ground])
        assert told.exit_code == 2
        assert "unexpected extra argument" in told.output
