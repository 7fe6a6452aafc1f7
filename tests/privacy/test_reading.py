"""Reading a person in full: only for a purpose of one's role, and never without a word in the trail."""

from datetime import timedelta

import pytest
from psycopg.errors import InsufficientPrivilege

from payclear.kernel.ids import new_uuid
from payclear.privacy.domain import Reader
from payclear.privacy.errors import PurposeRefused, SubjectNotFound
from payclear.privacy.reading import read_message, read_subject
from payclear.sealing.service import RawErased
from tests.callbacks.test_callbacks import call, ipn_query
from tests.database import TestServer
from tests.privacy.conftest import OFFICER, VIEWER, broken
from tests.scenes import Scene


def somebody(scene: Scene):
    fee = scene.fee()
    with scene.runtime.database.begin() as uow:
        return uow.one("SELECT obligor_id FROM obligation WHERE id = %s", (fee.id,))[0]


@pytest.mark.parametrize(
    ("purpose", "reader"),
    [
        ("complaint", VIEWER),
        ("complaint", Reader(login="nobody")),
        ("curiosity", OFFICER),
        ("", OFFICER),
        ("retention_over", OFFICER),
    ],
)
def test_reading_without_a_purpose_of_ones_role_is_refused_and_shows_nothing(
    people: Scene, purpose: str, reader: Reader
) -> None:
    subject = somebody(people)
    with people.runtime.database.begin() as uow, pytest.raises(PurposeRefused):
        read_subject(uow, subject, purpose=purpose, reader=reader, sealer=people.runtime.sealer)


def test_purpose_that_is_not_in_force_is_refused(people: Scene) -> None:
    subject = somebody(people)
    people.runtime.clock.set(people.runtime.clock.now() - timedelta(days=400))
    with people.runtime.database.begin() as uow, pytest.raises(PurposeRefused):
        read_subject(uow, subject, purpose="complaint", reader=OFFICER, sealer=people.runtime.sealer)


def test_reading_shows_the_fields_of_the_purpose_and_is_in_the_trail_without_the_value(people: Scene) -> None:
    subject = somebody(people)
    with people.runtime.database.begin() as uow:
        shown = read_subject(uow, subject, purpose="complaint", reader=OFFICER, sealer=people.runtime.sealer)
        uow.commit()
    assert shown == {"name": "NGUYỄN VĂN MẪU", "id_no": "000000000001"}
    with people.runtime.database.begin() as uow:
        (actor, object_id, facts) = uow.one(
            "SELECT actor, object_id, facts FROM audit_entry WHERE action = 'personal_data.read'"
        )
        kept = uow.one("SELECT reader, purpose, fields FROM personal_data_read")
    assert (actor, object_id, facts["purpose"]) == ("canbo", str(subject), "complaint")
    assert kept == ("canbo", "complaint", ["name", "id_no", "phone"])
    assert "NGUYỄN" not in str(facts)
    assert broken(people.runtime) == {}


def test_nobody_is_not_found(people: Scene) -> None:
    with people.runtime.database.begin() as uow, pytest.raises(SubjectNotFound):
        read_subject(uow, new_uuid(), purpose="complaint", reader=OFFICER, sealer=people.runtime.sealer)


def test_read_whose_entry_is_gone_is_found_by_verify(people: Scene, postgres: TestServer) -> None:
    subject = somebody(people)
    with people.runtime.database.begin() as uow:
        read_subject(uow, subject, purpose="complaint", reader=OFFICER, sealer=people.runtime.sealer)
        uow.commit()
    with postgres.superuser() as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("UPDATE audit_entry SET actor = 'other' WHERE action = 'personal_data.read'")
    assert broken(people.runtime, "INV-77") == {"INV-77": 1}
    with postgres.superuser() as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("DELETE FROM personal_data_read")
    assert broken(people.runtime, "INV-77") == {"INV-77": 1}


@pytest.mark.parametrize("table", ["personal_data_read", "subject_forgetting", "retention_act"])
def test_records_of_personal_data_can_not_be_changed_by_whoever_works(people: Scene, table: str) -> None:
    with people.runtime.database.begin() as uow, pytest.raises(InsufficientPrivilege):
        uow.run(f"DELETE FROM {table}")


def test_kept_callback_is_read_for_a_purpose_until_its_day_is_erased(people: Scene, client) -> None:
    query = ipn_query(people.runtime, people.attempt(people.order()))
    assert call(client, query) == "00"
    runtime = people.runtime
    with runtime.database.begin() as uow:
        message_id, sealed = uow.one("SELECT id, query_string FROM inbound_callback")
        assert b"vnp_Amount" not in bytes(sealed)
        with pytest.raises(PurposeRefused):
            read_message(
                uow, message_id, purpose="message_investigation", reader=VIEWER, sealer=runtime.sealer
            )
        opened, _body = read_message(
            uow, message_id, purpose="message_investigation", reader=OFFICER, sealer=runtime.sealer
        )
        assert opened == query.encode() if isinstance(query, str) else opened == query
        assert uow.one("SELECT count(*) FROM audit_entry WHERE action = 'raw_message.read'") == (1,)
        uow.run("UPDATE day_key SET wrapped_key = NULL, erased_at = now()")
        with pytest.raises(RawErased):
            read_message(
                uow, message_id, purpose="message_investigation", reader=OFFICER, sealer=runtime.sealer
            )
