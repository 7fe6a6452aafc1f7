"""The key-encryption key changes while the service works, and again after any interruption."""

import threading
from dataclasses import replace

import pytest

from payclear.obligations.obligors import ObligorFacts, insert_obligors, obligor_names
from payclear.privacy.keys import key_tables, rotate, uses
from payclear.runtime import Runtime, install
from payclear.security.keyring import KeyUnusable
from payclear.security.sealed import Sealer, new_kek
from tests.callbacks.test_callbacks import call, ipn_query
from tests.database import TestServer
from tests.privacy.conftest import broken
from tests.scenes import Scene


@pytest.fixture
def sealers(runtime: Runtime) -> tuple[Sealer, Sealer, Sealer]:
    """Before the change (old key only), during (both, the new one active) and after (the new one only)."""
    keks = dict(runtime.settings.security.seal_keys)
    fresh = new_kek()
    return (
        runtime.sealer,
        Sealer({**keks, "fresh": fresh}, "fresh"),
        Sealer({"fresh": fresh}, "fresh"),
    )


def crowd(runtime: Runtime, size: int) -> list:
    people = [(ObligorFacts(name=f"NGƯỜI {number}"), str(number)) for number in range(size)]
    with runtime.database.begin() as uow:
        ids = insert_obligors(uow, people, sealer=runtime.sealer, index=runtime.blind_index)
        uow.commit()
    return list(ids)


def test_every_table_with_wrapped_keys_may_be_rewrapped_by_whoever_works(runtime: Runtime) -> None:
    with runtime.database.begin() as uow:
        tables = key_tables(uow)
        for table in tables:
            for column in ("kek_id", "wrapped_key"):
                may = uow.one(
                    "SELECT has_column_privilege('payclear_app', %s, %s, 'UPDATE')", (table, column)
                )
                assert may == (True,), (table, column)
    assert {"obligor", "day_key", "webhook_endpoint", "statement"} <= tables.keys()
    assert all(tables.values())


def test_what_was_sealed_before_is_read_with_the_new_key_alone(
    people: Scene, sealers, client, postgres: TestServer
) -> None:
    _before, during, after = sealers
    fee = people.fee()
    assert call(client, ipn_query(people.runtime, people.attempt(people.order()))) == "00"
    assert rotate(people.runtime.database, during, batch=1) >= 3
    assert rotate(people.runtime.database, during) == 0
    with people.runtime.database.begin() as uow:
        assert {use.kek_id for use in uses(uow)} == {"fresh"}
        assert obligor_names(uow, [fee.id], sealer=after) == {fee.id: "NGUYỄN VĂN MẪU"}
    install(replace(people.runtime, sealer=after))
    assert broken(people.runtime) == {}


def test_rotation_under_load_loses_no_read_and_no_write(people: Scene, sealers) -> None:
    before, during, after = sealers
    runtime = people.runtime
    crowd(runtime, 400)
    fees = [people.fee() for _ in range(5)]
    faults: list[BaseException] = []
    stop = threading.Event()

    def work(sealer: Sealer) -> None:
        try:
            while not stop.is_set():
                with runtime.database.begin() as uow:
                    names = obligor_names(uow, [fee.id for fee in fees], sealer=sealer)
                    assert set(names.values()) == {"NGUYỄN VĂN MẪU"}
                    insert_obligors(
                        uow, [(ObligorFacts(name="MỚI"), "1")], sealer=sealer, index=runtime.blind_index
                    )
                    uow.commit()
        except BaseException as error:
            faults.append(error)

    # A process of the new release, and one that still wraps under the old key but knows the new one.
    old_writer = Sealer({**_keks(runtime), **_keks_of(during)}, before.active)
    workers = [threading.Thread(target=work, args=(each,)) for each in (during, old_writer)]
    for each in workers:
        each.start()
    rotate(runtime.database, during, batch=25)
    stop.set()
    for each in workers:
        each.join()
    assert faults == []
    rotate(runtime.database, during)
    with runtime.database.begin() as uow:
        assert before.active not in {use.kek_id for use in uses(uow)}
        assert len(obligor_names(uow, [fee.id for fee in fees], sealer=after)) == 5


def test_rotation_that_was_cut_short_goes_on_and_passes_over_rows_that_are_held(
    runtime: Runtime, sealers
) -> None:
    before, during, _after = sealers
    ids = crowd(runtime, 10)
    with runtime.database.begin() as holder:
        holder.run("SELECT 1 FROM obligor WHERE id = %s FOR UPDATE", (ids[0],))
        assert rotate(runtime.database, during, batch=3) == 9
        with runtime.database.begin() as uow:
            assert sum(use.rows for use in uses(uow) if use.kek_id == before.active) == 1
    assert rotate(runtime.database, during, batch=3) == 1


def test_statement_lets_its_wrap_change_and_nothing_else(runtime: Runtime, postgres: TestServer) -> None:
    with postgres.superuser() as connection:
        connection.execute(
            "INSERT INTO statement VALUES (gen_random_uuid(), 'vnpay-01', '2026-11-20', 1, repeat('a', 64), 1, 'n', 'm',"
            " '', gen_random_uuid(), 'old', 'w', now())"
        )
    with runtime.database.begin() as uow:
        uow.run("UPDATE statement SET kek_id = 'new', wrapped_key = 'x'")
        uow.commit()
    for change in ("content_sealed = 'x'", "kek_id = 'y', name = 'y'"):
        with postgres.superuser() as connection, pytest.raises(Exception, match="append-only"):
            connection.execute(f"UPDATE statement SET {change}")


def test_key_that_is_not_known_is_found_by_verify(people: Scene, postgres: TestServer) -> None:
    people.fee()
    with postgres.superuser() as connection:
        connection.execute("UPDATE obligor SET kek_id = 'lost'")
    assert broken(people.runtime, "INV-75") == {"INV-75": 1}


def test_day_of_messages_without_its_key_is_found_by_verify(
    people: Scene, client, postgres: TestServer
) -> None:
    assert call(client, ipn_query(people.runtime, people.attempt(people.order()))) == "00"
    with postgres.superuser() as connection:
        connection.execute("DELETE FROM day_key")
    assert broken(people.runtime, "INV-75") == {"INV-75": 1}


def test_key_taken_away_too_early_refuses_aloud(people: Scene, sealers) -> None:
    *_, after = sealers
    fee = people.fee()
    with people.runtime.database.begin() as uow, pytest.raises(KeyUnusable):
        obligor_names(uow, [fee.id], sealer=after)


def _keks(runtime: Runtime) -> dict:
    return dict(runtime.settings.security.seal_keys)


def _keks_of(sealer: Sealer) -> dict:
    import base64

    from payclear.kernel.secret import Secret

    return {kek_id: Secret(base64.b64encode(raw).decode()) for kek_id, raw in sealer._kek.items()}
