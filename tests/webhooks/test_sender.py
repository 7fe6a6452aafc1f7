"""From a fact to its receiver: nothing lost, nothing sent that did not happen, nobody held up by another."""

import base64
import json
import subprocess
import threading
from collections import Counter
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from payclear.events import service as events
from payclear.kernel.clock import FixedClock, SystemClock
from payclear.kernel.ids import new_uuid, public_id
from payclear.kernel.secret import Secret
from payclear.runtime import Runtime
from payclear.security.standard_webhooks import new_secret, public_key, verify
from payclear.webhooks import queries, service
from payclear.webhooks import sender as sender_module
from payclear.webhooks.domain import GIVE_UP_AFTER, PAUSES, Answer
from payclear.webhooks.jobs import drain
from payclear.webhooks.sender import LEASE
from payclear.webhooks.service import enable_endpoint, rotate_secret
from tests.database import TestServer
from tests.events.facts import order_fact
from tests.webhooks.receivers import Received, free_port, receiver
from tests.webhooks.stage import Stage, subscribe_outbox


@pytest.fixture
def stage(runtime: Runtime, clock: FixedClock, monkeypatch: pytest.MonkeyPatch) -> Stage:
    subscribe_outbox(monkeypatch)
    made = Stage(runtime, clock)
    made.portal()
    return made


def failing(status: int, **headers: str):
    return lambda _: (status, headers)


# What must not happen.


def test_event_that_rolls_back_leaves_no_delivery_and_no_job(stage: Stage) -> None:
    stage.endpoint("http://127.0.0.1:1/")
    with stage.runtime.database.begin() as uow:
        events.announce(uow, order_fact("paid"))
    assert stage.deliveries() == []
    assert stage.queued("webhooks.drain") == 0


def test_event_of_a_portal_without_endpoint_wakes_nobody(stage: Stage) -> None:
    stage.happen()
    assert stage.deliveries() == []
    assert stage.queued("webhooks.drain") == 0


def test_event_reaches_only_endpoints_of_its_portal_that_want_its_type(stage: Stage) -> None:
    stage.portal("other")
    with receiver() as mine, receiver() as others, receiver() as picky:
        stage.endpoint(mine.url)
        stage.endpoint(others.url, portal_code="other")
        with stage.runtime.database.begin() as uow:
            service.register_endpoint(
                uow,
                stage.runtime.sealer,
                "demoportal",
                picky.url,
                ["payment_order.expired"],
                allow_hosts=("127.0.0.1",),
            )
            uow.commit()
        event = stage.happen("paid")
        stage.drain()
    assert mine.ids() == [event.public_id]
    assert others.received == picky.received == []


def test_two_senders_at_once_send_each_event_once(stage: Stage) -> None:
    with receiver() as portal:
        stage.endpoint(portal.url)
        sent = {stage.happen().public_id for _ in range(20)}
        together = threading.Barrier(2)

        def run() -> None:
            together.wait()
            stage.drain()

        threads = [threading.Thread(target=run) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(portal.ids()) == sorted(sent)


def test_endpoint_gets_four_at_a_time_and_a_failing_one_gets_one(stage: Stage) -> None:
    with receiver() as portal:
        stage.endpoint(portal.url)
        for _ in range(12):
            stage.happen()
        full = threading.Event()

        def slow(_: Received) -> tuple[int, dict[str, str]]:
            if portal.in_flight == 4:
                full.set()
            full.wait(5)
            return 500, {}

        portal.answer = slow
        stage.drain()
        assert portal.in_flight_most == 4
        stage.clock.advance(timedelta(seconds=10))
        portal.in_flight_most = 0
        portal.answer = failing(500)
        stage.drain()
        assert portal.in_flight_most == 1
        assert len(portal.received) == 24


def test_dead_portal_does_not_hold_up_another(stage: Stage) -> None:
    """Hundreds of due deliveries of a hanging portal leave the way free for the others."""
    stage.portal("other")
    release = threading.Event()
    with receiver() as dead, receiver() as healthy:
        stage.endpoint(dead.url)
        for _ in range(40):
            stage.happen()
        stage.endpoint(healthy.url, portal_code="other")
        told = [stage.happen(portal_code="other").public_id for _ in range(8)]

        def hang(_: Received) -> tuple[int, dict[str, str]]:
            release.wait(10)
            return 500, {}

        def answer(_: Received) -> tuple[int, dict[str, str]]:
            if len(healthy.received) == len(told):
                release.set()
            return 204, {}

        dead.answer, healthy.answer = hang, answer
        stage.drain()
        assert sorted(healthy.ids()) == sorted(told)
        assert release.is_set()


def many_failing(stage: Stage, portals: int = 4) -> None:
    """Four failing endpoints a portal, each with three deliveries that have been due for an hour."""
    for number in range(portals):
        code = stage.portal(f"dead{number}")
        for port in range(1, 5):
            stage.endpoint(f"http://127.0.0.1:{port}/", portal_code=code)
        for _ in range(3):
            stage.happen(portal_code=code)
    with stage.runtime.database.begin() as uow:
        uow.run("UPDATE webhook_endpoint SET failures = 5")
        uow.commit()
    stage.clock.advance(timedelta(hours=1))


def claimed_portals(stage: Stage, *, limit: int = 16, busy: dict[UUID, int] | None = None) -> Counter[str]:
    """Whose deliveries the sender would take now."""
    with stage.runtime.database.begin() as uow:
        claims = queries.claim_due(
            uow,
            now=uow.now,
            leased_until=uow.now + LEASE,
            limit=limit,
            in_flight_max=4,
            failures_max=3,
            busy=busy or {},
        )
        owner = dict(uow.run("SELECT id, portal_code FROM webhook_endpoint").fetchall())
    return Counter(owner[claim.endpoint_id] for claim in claims)


def test_sixteen_dead_endpoints_leave_a_healthy_one_its_places(stage: Stage) -> None:
    many_failing(stage)
    stage.endpoint("http://127.0.0.1:9/")
    for _ in range(6):
        stage.happen()
    claimed = claimed_portals(stage)
    assert claimed["demoportal"] == 4
    assert claimed.total() == 8
    assert claimed_portals(stage, limit=5)["demoportal"] == 4


def test_failing_endpoints_in_flight_count_among_their_places(stage: Stage) -> None:
    many_failing(stage, portals=2)
    with stage.runtime.database.begin() as uow:
        ids = [row[0] for row in uow.run("SELECT id FROM webhook_endpoint ORDER BY id").fetchall()]
    assert claimed_portals(stage).total() == 4
    assert claimed_portals(stage, busy=dict.fromkeys(ids[:3], 1)).total() == 1
    assert claimed_portals(stage, busy={ids[0]: 4, ids[1]: 2}).total() == 0


# Failure and its repair.


def test_failed_try_is_repeated_by_the_table_until_it_succeeds(stage: Stage) -> None:
    with receiver() as portal:
        portal.answer = failing(500)
        stage.endpoint(portal.url)
        event = stage.happen()
        at = [stage.clock.now()]
        for pause in PAUSES[1:]:
            stage.drain()
            stage.drain()
            state, tries, next_at = stage.deliveries()[0]
            assert (state, tries) == ("pending", len(at))
            assert pause * 0.8 <= next_at - at[-1] <= pause * 1.2
            stage.clock.set(next_at)
            at.append(next_at)
        portal.answer = failing(202)
        stage.drain()
        assert stage.deliveries() == [("delivered", 10, None)]
        assert portal.ids() == [event.public_id] * 10
        assert {each.body for each in portal.received} == {event.body}
        stamps = [int(each.headers["webhook-timestamp"]) for each in portal.received]
        assert stamps == [int(each.timestamp()) for each in at]


def test_outage_of_72_hours_loses_nothing_and_the_last_state_is_known(stage: Stage) -> None:
    with receiver() as portal:
        up_again = stage.clock.now() + timedelta(hours=72)
        portal.answer = lambda _: (204, {}) if stage.clock.now() >= up_again else (503, {})
        stage.endpoint(portal.url)
        told: dict[str, str] = {}
        for _ in range(6):
            order = new_uuid()
            stage.happen("created", order=order)
            stage.drain()
            stage.clock.advance(timedelta(hours=5))
            stage.happen("paid", order=order)
            told[str(order)] = "paid"
        stage.until_quiet(timedelta(days=14))
        assert {state for state, _, _ in stage.deliveries()} == {"delivered"}
    with stage.runtime.database.begin() as uow:
        rows = uow.run("SELECT id, aggregate_id FROM event").fetchall()
    order_of = {public_id("evt", row[0]): str(row[1]) for row in rows}
    known: dict[str, tuple[int, str]] = {}
    for each in portal.received:
        body = json.loads(each.body)
        order = order_of[body["id"]]
        known[order] = max(known.get(order, (0, "")), (body["sequence"], body["data"]["status"]))
    assert {order: status for order, (_, status) in known.items()} == told


def test_portal_that_never_answers_is_given_up_after_two_weeks_and_people_are_told(
    stage: Stage, postgres: TestServer
) -> None:
    stage.endpoint(f"http://127.0.0.1:{free_port()}/")
    began = stage.clock.now()
    stage.happen()
    stage.until_quiet(timedelta(days=30))
    state, tries, next_at = stage.deliveries()[0]
    assert (state, next_at) == ("parked", None)
    assert 17 <= tries <= 30
    assert timedelta(days=12) < stage.clock.now() - began <= GIVE_UP_AFTER
    with stage.runtime.database.begin() as uow:
        assert (
            uow.run("SELECT count(*) FROM audit_entry WHERE action = 'webhook_delivery.parked'").fetchone()[0]
            == 1
        )
        logged = uow.run(
            "SELECT DISTINCT status, error, body_hash = (SELECT sha256(body) FROM event) FROM webhook_attempt"
        ).fetchall()
    assert logged == [(None, "unreachable", True)]


def test_portal_that_answers_410_is_disabled_and_its_events_are_kept(stage: Stage) -> None:
    with receiver() as portal:
        portal.answer = failing(410)
        made = stage.endpoint(portal.url)
        first = stage.happen()
        stage.drain()
        second = stage.happen()
        stage.drain()
        assert portal.ids() == [first.public_id]
        assert [state for state, _, _ in stage.deliveries()] == ["parked", "parked"]
        portal.answer = failing(200)
        with stage.runtime.database.begin() as uow:
            assert enable_endpoint(uow, made.endpoint_id) == 2
            uow.commit()
        assert stage.queued("webhooks.drain") == 1
        stage.drain()
        assert sorted(portal.ids()[1:]) == sorted([first.public_id, second.public_id])
        assert {state for state, _, _ in stage.deliveries()} == {"delivered"}


@pytest.mark.parametrize(
    ("retry_after", "seconds"), [("7200", 7200), ("315360000", 24 * 3600), ("tomorrow", None)]
)
def test_portal_that_asks_to_wait_is_left_alone_for_a_day_at_most(
    stage: Stage, retry_after: str, seconds: int | None
) -> None:
    with receiver() as portal:
        portal.answer = lambda _: (429, {"Retry-After": retry_after})
        stage.endpoint(portal.url)
        stage.happen()
        stage.drain()
        waits = (stage.deliveries()[0][2] - stage.clock.now()).total_seconds()
        assert waits == seconds if seconds else 4 <= waits <= 6


def test_sender_killed_after_its_claim_is_followed_by_another_after_the_lease(stage: Stage) -> None:
    with receiver() as portal:
        stage.endpoint(portal.url)
        event = stage.happen()
        dead = stage.sender()
        assert len(dead._record_and_claim([], [], may_claim=True)) == 1
        stage.drain()
        assert portal.received == []
        stage.clock.advance(LEASE)
        stage.drain()
        assert portal.ids() == [event.public_id]
        assert stage.deliveries() == [("delivered", 2, None)]


def test_late_failure_of_a_lost_claim_does_not_undo_the_success_of_the_next(stage: Stage) -> None:
    with receiver() as portal:
        stage.endpoint(portal.url)
        stage.happen()
        slow = stage.sender()
        held = slow._record_and_claim([], [], may_claim=True)[0]
        stage.clock.advance(LEASE)
        stage.drain()
        for answer in (Answer(500, None, None, 1), Answer(204, None, None, 1)):
            slow._record_and_claim([sender_module.Sent(held, stage.clock.now(), answer)], [], may_claim=False)
            assert stage.deliveries() == [("delivered", 2, None)]


def test_late_success_of_a_lost_claim_is_a_success(stage: Stage) -> None:
    stage.endpoint(f"http://127.0.0.1:{free_port()}/")
    stage.happen()
    slow = stage.sender()
    held = slow._record_and_claim([], [], may_claim=True)[0]
    stage.clock.advance(LEASE)
    stage.drain()
    slow._record_and_claim(
        [sender_module.Sent(held, stage.clock.now(), Answer(204, None, None, 1))], [], may_claim=False
    )
    assert stage.deliveries()[0][0] == "delivered"


def test_secret_that_can_not_be_opened_delays_its_portal_only(
    stage: Stage, postgres: TestServer, caplog: pytest.LogCaptureFixture
) -> None:
    stage.portal("other")
    with receiver() as broken, receiver() as healthy:
        stage.endpoint(broken.url)
        stage.endpoint(healthy.url, portal_code="other")
        with postgres.superuser() as connection:
            connection.execute(
                "UPDATE webhook_endpoint SET secret_sealed = private_key_sealed"
                " WHERE portal_code = 'demoportal'"
            )
        stage.happen()
        stage.happen(portal_code="other")
        stage.drain()
        assert broken.received == []
        assert len(healthy.received) == 1
    assert sorted(state for state, _, _ in stage.deliveries()) == ["delivered", "pending"]
    assert "webhooks.not_sent" in caplog.messages
    assert "whsec_" not in caplog.text


# Signatures, by outside peers.


def _peer_accepts(secret: Secret, got: Received) -> bool:
    try:
        Webhook(secret.reveal()).verify(got.body, got.headers)
    except WebhookVerificationError:
        return False
    return True


def test_receiver_with_the_standardwebhooks_package_accepts_what_we_send(stage: Stage) -> None:
    stage.clock.set(SystemClock().now())  # The package reads the machine's clock.
    with receiver() as portal:
        made = stage.endpoint(portal.url)
        event = stage.happen()
        stage.drain()
    got = portal.received[0]
    assert _peer_accepts(made.secret, got)
    assert not _peer_accepts(new_secret(), got)
    assert got.body == event.body
    assert got.headers["content-type"] == "application/json; charset=utf-8"
    entries = got.headers["webhook-signature"].split(" ")
    assert [entry.split(",")[0] for entry in entries] == ["v1", "v1a"]


def test_openssl_accepts_the_public_key_signature(stage: Stage, tmp_path: Path) -> None:
    with receiver() as portal:
        made = stage.endpoint(portal.url)
        stage.happen()
        stage.drain()
    got = portal.received[0]
    signed = f"{got.headers['webhook-id']}.{got.headers['webhook-timestamp']}.".encode() + got.body
    signature = got.headers["webhook-signature"].split("v1a,")[1].split(" ")[0]
    raw = base64.b64decode(made.public_key.removeprefix("whpk_"))
    (tmp_path / "key.der").write_bytes(bytes.fromhex("302a300506032b6570032100") + raw)
    (tmp_path / "signature").write_bytes(base64.b64decode(signature))
    for content, verdict in ((signed, 0), (signed + b" ", 1)):
        (tmp_path / "content").write_bytes(content)
        done = subprocess.run(
            ["openssl", "pkeyutl", "-verify", "-rawin", "-pubin", "-keyform", "DER", "-inkey", "key.der",
             "-in", "content", "-sigfile", "signature"],
            cwd=tmp_path, capture_output=True, check=False,
        )  # fmt: skip
        assert done.returncode == verdict


def test_rotation_signs_with_both_secrets_until_the_overlap_ends(stage: Stage) -> None:
    start = SystemClock().now()
    stage.clock.set(start)
    with receiver() as portal:
        old = stage.endpoint(portal.url)
        with stage.runtime.database.begin() as uow:
            new = rotate_secret(uow, stage.runtime.sealer, old.endpoint_id, overlap=timedelta(hours=1))
            uow.commit()
        stage.happen()
        stage.drain()
        during = portal.received[-1]
        assert _peer_accepts(old.secret, during)
        assert _peer_accepts(new.secret, during)
        stage.clock.set(start + timedelta(hours=1))
        stage.happen()
        stage.drain()
        after = portal.received[-1]
    now = stage.clock.now()
    assert new.public_key == old.public_key
    assert verify(after.headers, after.body, [new.secret], now, public_keys=[public_key(new.public_key)])
    assert after.headers["webhook-signature"].count("v1,") == 1


# The job.


def test_event_wakes_one_drain_job_and_the_job_sends(stage: Stage) -> None:
    with receiver() as portal:
        stage.endpoint(portal.url)
        stage.happen()
        stage.happen()
        assert stage.queued("webhooks.drain") == 1
        assert drain() == "2 delivered, 0 failed, 0 parked"
        assert drain() == "0 delivered, 0 failed, 0 parked"
        assert len(portal.received) == 2


def test_drain_sends_what_happens_while_it_waits_for_a_slow_portal(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sender_module, "LOOK_AGAIN_S", 0.02)
    stage.portal("other")
    with receiver() as slow, receiver() as quick:
        stage.endpoint(slow.url)
        stage.endpoint(quick.url, portal_code="other")
        stage.happen()
        came, release = threading.Event(), threading.Event()

        def hang(_: Received) -> tuple[int, dict[str, str]]:
            came.set()
            release.wait(10)
            return 204, {}

        def answer(_: Received) -> tuple[int, dict[str, str]]:
            release.set()
            return 204, {}

        slow.answer, quick.answer = hang, answer
        running = threading.Thread(target=stage.drain)
        running.start()
        assert came.wait(5)
        stage.happen(portal_code="other")
        running.join(10)
        assert release.is_set()
        assert {state for state, _, _ in stage.deliveries()} == {"delivered"}


def test_drain_ends_when_its_time_is_over_and_leaves_the_rest(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sender_module, "BUDGET_S", 0)
    with receiver() as portal:
        stage.endpoint(portal.url)
        stage.happen()
        stage.drain()
        assert portal.received == []
    assert stage.deliveries()[0][0] == "pending"
