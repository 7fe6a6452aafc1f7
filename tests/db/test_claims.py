"""Work is claimed by the share, whatever plan PostgreSQL takes.

A sub-select with LIMIT and SKIP LOCKED under `IN` may run once for each row when the planner joins by a nested loop; each
run then skips what the last one locked, and the limit bounds nothing (seen once autovacuum had looked at a small table).
"""

from datetime import datetime, timedelta
from typing import Any

from flask.testing import FlaskClient

import payclear.callbacks.queries
import payclear.orders.queries
import payclear.refunds.queries
from tests.callbacks.test_callbacks import PATH, broken_ledger
from tests.callbacks.vnpay_messages import ipn_query
from tests.database import TestServer
from tests.refunds.conftest import Desk, bank, desk  # noqa: F401 (fixtures)
from tests.scenes import Scene

SHARE = 2
DUE = 4
OTHER_JOINS = ("hashjoin", "mergejoin", "hashagg", "material", "memoize", "sort", "seqscan", "bitmapscan")


def later(scene: Scene) -> datetime:
    scene.runtime.clock.advance(timedelta(hours=1))
    return scene.runtime.clock.now()


def claimed(scene: Scene, statement: str, *due: Any) -> int:
    """How many rows one claim takes when the planner joins by nested loops only."""
    with scene.runtime.database.begin() as uow:
        for way in OTHER_JOINS:
            uow.run(f"SET LOCAL enable_{way} = off")
        return len(uow.run(statement, (*due, SHARE, uow.now)).fetchall())


def test_attempts_in_doubt_are_asked_about_by_the_share(scene: Scene) -> None:
    attempts = [scene.attempt(scene.order()) for _ in range(DUE)]
    account = attempts[0].provider_account
    assert claimed(scene, payclear.orders.queries.CLAIM_DUE_QUERIES, account, later(scene)) == SHARE


def test_refunds_are_sent_by_the_share(desk: Desk) -> None:  # noqa: F811 (the fixture)
    for _ in range(DUE):
        desk.ask(desk.paid(), 1_000)
    assert claimed(desk.scene, payclear.refunds.queries.CLAIM_DUE, later(desk.scene), True) == SHARE


def test_callbacks_are_tried_again_by_the_share(
    scene: Scene, client: FlaskClient, postgres: TestServer
) -> None:
    attempts = [scene.attempt(scene.order()) for _ in range(DUE)]
    with broken_ledger(postgres):
        for attempt in attempts:
            client.get(f"{PATH}?{ipn_query(scene.runtime, attempt)}")
    assert claimed(scene, payclear.callbacks.queries.CLAIM_PENDING, later(scene)) == SHARE
