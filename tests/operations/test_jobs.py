"""The nightly tidying keeps what is still needed."""

from datetime import timedelta

from payclear.jobs.queue import defer
from payclear.operations.jobs import tidy
from payclear.runtime import Runtime


def test_tidy_deletes_what_is_old_and_keeps_the_rest(runtime: Runtime) -> None:
    with runtime.database.begin() as uow:
        insert = (
            "INSERT INTO idempotency_key (portal_code, key, fingerprint, status, content_type, body, created_at)"
            " VALUES ('p', %s, '', 201, 'application/json', '', %s)"
        )
        uow.run(insert, ("old", uow.now - timedelta(days=31)))
        uow.run(insert, ("young", uow.now - timedelta(days=29)))
        defer(uow, "audit.seal")
        uow.run("UPDATE procrastinate_jobs SET status = 'failed'")
        uow.run("UPDATE procrastinate_events SET at = now() - interval '8 days'")
        defer(uow, "audit.seal")
        uow.commit()
    assert tidy() is not None
    with runtime.database.begin() as uow:
        assert uow.run("SELECT key FROM idempotency_key").fetchall() == [("young",)]
        assert uow.run("SELECT status FROM procrastinate_jobs").fetchall() == [("todo",)]
