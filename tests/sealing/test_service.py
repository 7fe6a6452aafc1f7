"""One key a day for raw messages, the same for every process, and none after it was erased."""

from datetime import timedelta
from threading import Barrier, Thread

import pytest

from payclear.kernel.ids import new_uuid
from payclear.runtime import Runtime
from payclear.sealing.service import DayKeys, RawErased, open_raw
from payclear.security.sealed import SealBroken


def test_processes_that_ask_at_once_have_one_key(runtime: Runtime) -> None:
    seals, gate = [], Barrier(4)

    def ask() -> None:
        gate.wait()
        seals.append(DayKeys().today(runtime.database, runtime.sealer))

    threads = [Thread(target=ask) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len({seal.key for seal in seals}) == 1
    with runtime.database.begin() as uow:
        assert uow.one("SELECT count(*) FROM day_key") == (1,)


def test_day_changes_at_midnight_in_viet_nam(runtime: Runtime) -> None:
    keys = DayKeys()
    first = keys.today(runtime.database, runtime.sealer)
    runtime.clock.advance(timedelta(hours=13))  # 23:30
    assert keys.today(runtime.database, runtime.sealer).day_on == first.day_on
    runtime.clock.advance(timedelta(hours=1))
    second = keys.today(runtime.database, runtime.sealer)
    assert second.day_on == first.day_on + timedelta(days=1)
    assert second.key.id != first.key.id


def test_what_was_sealed_is_read_in_its_own_place_only_and_never_after_erasure(runtime: Runtime) -> None:
    row = new_uuid()
    seal = DayKeys().today(runtime.database, runtime.sealer)
    sealed = seal.seal(b"who paid", table="inbound_callback", column="body", row=row)
    place = {"day_on": seal.day_on, "table": "inbound_callback", "column": "body", "row": row}
    with runtime.database.begin() as uow:
        assert open_raw(uow, runtime.sealer, sealed, **place) == b"who paid"
        for wrong in ({"table": "collection_message"}, {"column": "query_string"}, {"row": new_uuid()}):
            with pytest.raises(SealBroken):
                open_raw(uow, runtime.sealer, sealed, **(place | wrong))
        assert open_raw(uow, runtime.sealer, b"as it came", **(place | {"day_on": None})) == b"as it came"
        uow.run("UPDATE day_key SET wrapped_key = NULL, erased_at = now()")
        with pytest.raises(RawErased):
            open_raw(uow, runtime.sealer, sealed, **place)
