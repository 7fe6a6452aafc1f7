"""What the callback address does with VNPAY's calls: genuine, repeated, forged, early, and those that can not be applied."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from threading import Barrier, Thread

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from payclear.callbacks.jobs import retry_due
from payclear.orders.domain import OrderState
from payclear.orders.service import expire_order
from tests.callbacks.vnpay_messages import ACCOUNT, ipn_query
from tests.database import TestServer
from tests.scenes import Scene

PATH = f"/callbacks/{ACCOUNT}"


def call(client: FlaskClient, query: str) -> str:
    answer = client.get(f"{PATH}?{query}")
    assert answer.status_code == 200
    assert answer.mimetype == "application/json"
    return answer.get_json()["RspCode"]


@contextmanager
def broken_ledger(postgres: TestServer) -> Iterator[None]:
    """Something in the middle of the transaction is broken for a while."""
    with postgres.superuser() as connection:
        connection.execute("ALTER TABLE posting RENAME TO posting_away")
    try:
        yield
    finally:
        with postgres.superuser() as connection:
            connection.execute("ALTER TABLE posting_away RENAME TO posting")


def count(scene: Scene, table: str) -> int:
    with scene.runtime.database.begin() as uow:
        return uow.run(f"SELECT count(*) FROM {table}").fetchone()[0]


def everything(scene: Scene) -> dict[str, int]:
    """How many rows each table holds, but for the counter of refused callbacks."""
    with scene.runtime.database.begin() as uow:
        names = [
            row[0]
            for row in uow.run(
                "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'callback_rejection'"
            )
        ]
        return {
            name: uow.run(f"SELECT count(*) FROM {name}").fetchone()[0]
            for name in names
            if not name.startswith("alembic")
        }


def test_genuine_callback_pays_the_order(client: FlaskClient, scene: Scene) -> None:
    order = scene.order()
    assert call(client, ipn_query(scene.runtime, scene.attempt(order))) == "00"
    assert scene.reload(order.id).state is OrderState.PAID


def test_repeated_callback_is_confirmed_already_and_does_nothing(client: FlaskClient, scene: Scene) -> None:
    query = ipn_query(scene.runtime, scene.attempt(scene.order()))
    assert call(client, query) == "00"
    before = everything(scene)
    assert [call(client, query) for _ in range(3)] == ["02"] * 3
    assert everything(scene) == before


def test_refusal_is_confirmed_and_the_order_stays_open(client: FlaskClient, scene: Scene) -> None:
    order = scene.order()
    attempt = scene.attempt(order)
    refused = ipn_query(scene.runtime, attempt, vnp_ResponseCode="24", vnp_TransactionStatus="02")
    assert call(client, refused) == "00"
    view = scene.reload(order.id)
    assert (view.state, view.attempts[0].state) == (OrderState.OPEN, "failed")


def test_wrong_amount_is_refused_and_the_money_waits_in_suspense(client: FlaskClient, scene: Scene) -> None:
    order = scene.order()
    attempt = scene.attempt(order)
    wrong = ipn_query(scene.runtime, attempt, vnp_Amount=str(attempt.amount * 100 - 100))
    assert [call(client, wrong) for _ in range(2)] == ["04", "04"]
    assert scene.reload(order.id).state is OrderState.OPEN
    assert count(scene, "suspense_case") == 1


def test_order_that_is_not_there_yet_is_found_when_the_provider_calls_again(
    client: FlaskClient, scene: Scene
) -> None:
    attempt = scene.attempt(scene.order())
    early = ipn_query(scene.runtime, attempt, vnp_TxnRef="PCNOTTHEREYET01")
    assert [call(client, early) for _ in range(2)] == ["01", "01"]
    assert count(scene, "payment_evidence") == 2


@pytest.mark.parametrize(
    "change",
    [
        {"key": "another key"},
        {"vnp_TmnCode": "DEMOV211"},
    ],
    ids=["signed with another key", "another terminal"],
)
def test_message_that_is_not_ours_never_pays(
    client: FlaskClient, scene: Scene, change: dict[str, str]
) -> None:
    order = scene.order()
    call(client, ipn_query(scene.runtime, scene.attempt(order), **change))
    assert scene.reload(order.id).state is OrderState.OPEN


def test_forged_callback_changes_nothing_but_a_counter(client: FlaskClient, scene: Scene) -> None:
    query = ipn_query(scene.runtime, scene.attempt(scene.order()), key="another key")
    before = everything(scene)
    assert call(client, query) == "97"
    assert everything(scene) == before
    assert count(scene, "callback_rejection") == 1


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(somewhere=st.integers(0, 10_000), other=st.integers(33, 126).filter(lambda code: code != ord("#")))
def test_no_mutation_of_a_genuine_callback_is_accepted(
    client: FlaskClient, scene: Scene, somewhere: int, other: int
) -> None:
    order = scene.order()
    genuine = ipn_query(scene.runtime, scene.attempt(order)).encode()
    place = somewhere % len(genuine)
    other = other if other != genuine[place] else ord("~")
    mutated = genuine[:place] + bytes([other]) + genuine[place + 1 :]
    answer = client.get(PATH, query_string=mutated.decode("ascii"))
    assert answer.status_code < 500
    if scene.reload(order.id).state is OrderState.PAID:
        # Only another spelling of the very same message may pass: upper-case hex, or an encoding of the same text.
        assert mutated.lower() == genuine.lower()


def test_fifty_equal_callbacks_at_once_pay_once(app, scene: Scene) -> None:
    order = scene.order()
    query = ipn_query(scene.runtime, scene.attempt(order))
    answers: list[str] = []
    barrier = Barrier(50)

    def provider() -> None:
        client = app.test_client()
        barrier.wait()
        answers.append(call(client, query))

    threads = [Thread(target=provider) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == ["00"] + ["02"] * 49
    assert scene.reload(order.id).state is OrderState.PAID
    assert (count(scene, "journal_entry"), count(scene, "inbound_callback")) == (1, 1)


def test_callback_and_expiry_at_the_same_instant_leave_one_truth(app, scene: Scene) -> None:
    for _ in range(10):
        order = scene.order(expires_in_minutes=30)
        attempt = scene.attempt(order)
        scene.runtime.clock.advance(timedelta(minutes=31))
        barrier = Barrier(2)

        def pay(query: str = ipn_query(scene.runtime, attempt), barrier: Barrier = barrier) -> None:
            client = app.test_client()
            barrier.wait()
            call(client, query)

        def expire(order_id=order.id, barrier: Barrier = barrier) -> None:
            barrier.wait()
            with scene.runtime.database.begin() as uow:
                expire_order(uow, order_id)
                uow.commit()

        threads = [Thread(target=pay), Thread(target=expire)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert scene.reload(order.id).state is OrderState.PAID


def test_callback_that_can_not_be_applied_is_kept_and_applied_later(
    client: FlaskClient, scene: Scene, postgres: TestServer
) -> None:
    order = scene.order()
    query = ipn_query(scene.runtime, scene.attempt(order))
    with broken_ledger(postgres):
        assert call(client, query) == "99"
    assert scene.reload(order.id).state is OrderState.OPEN
    assert count(scene, "inbound_callback") == 1
    scene.runtime.clock.advance(timedelta(seconds=6))
    retry_due()
    assert scene.reload(order.id).state is OrderState.PAID


def test_callback_that_never_applies_is_quarantined_for_a_person(
    scene: Scene, client: FlaskClient, postgres: TestServer
) -> None:
    query = ipn_query(scene.runtime, scene.attempt(scene.order()))
    with broken_ledger(postgres):
        assert call(client, query) == "99"
        for _ in range(10):
            scene.runtime.clock.advance(timedelta(hours=1))
            retry_due()
    with scene.runtime.database.begin() as uow:
        row = uow.run("SELECT status, error, tries FROM callback_processing").fetchone()
    assert row == ("quarantined", "UndefinedTable", 8)


def test_repeated_callback_that_still_can_not_be_applied_is_kept_once_and_counted(
    scene: Scene, client: FlaskClient, postgres: TestServer
) -> None:
    query = ipn_query(scene.runtime, scene.attempt(scene.order()))
    with broken_ledger(postgres):
        assert [call(client, query) for _ in range(3)] == ["99"] * 3
    with scene.runtime.database.begin() as uow:
        assert uow.run("SELECT status, tries FROM callback_processing").fetchall() == [("pending", 3)]
    assert call(client, query) == "00"


def test_callback_of_an_account_that_is_gone_does_not_hold_up_the_others(
    scene: Scene, client: FlaskClient, postgres: TestServer
) -> None:
    orders = [scene.order(), scene.order()]
    queries = [ipn_query(scene.runtime, scene.attempt(order)) for order in orders]
    with broken_ledger(postgres):
        for query in queries:
            call(client, query)
    with postgres.superuser() as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute(
            "UPDATE inbound_callback SET provider_account = 'gone'"
            " WHERE id = (SELECT min(id::text)::uuid FROM inbound_callback)"
        )
    scene.runtime.clock.advance(timedelta(seconds=6))
    retry_due()
    assert sorted(scene.reload(order.id).state for order in orders) == [OrderState.OPEN, OrderState.PAID]


def test_provider_that_calls_again_while_we_retry_finds_one_truth(
    app, scene: Scene, client: FlaskClient, postgres: TestServer
) -> None:
    for _ in range(5):
        order = scene.order()
        query = ipn_query(scene.runtime, scene.attempt(order))
        with broken_ledger(postgres):
            call(client, query)
        scene.runtime.clock.advance(timedelta(seconds=6))
        again = app.test_client()
        threads = [Thread(target=retry_due), Thread(target=call, args=(again, query))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert scene.reload(order.id).state is OrderState.PAID
        with scene.runtime.database.begin() as uow:
            unsettled = uow.run("SELECT count(*) FROM callback_processing WHERE status <> 'processed'")
            assert unsettled.fetchone() == (0,)


@pytest.mark.parametrize(
    ("path", "kwargs", "status"),
    [
        ("/callbacks/nobody", {}, 404),
        (PATH, {"method": "PUT"}, 405),
        (PATH, {"method": "POST", "data": b"x" * 300_000}, 413),
        (PATH, {"method": "POST", "data": b"x", "headers": {"Content-Encoding": "gzip"}}, 415),
        (PATH, {"query_string": "vnp_TxnRef=%FF%FE&vnp_SecureHash=00"}, 200),
        (PATH, {}, 200),
    ],
)
def test_bad_calls_get_a_clear_answer(
    client: FlaskClient, scene: Scene, path: str, kwargs: dict, status: int
) -> None:
    before = everything(scene)
    assert client.open(path, **kwargs).status_code == status
    assert everything(scene) == before
