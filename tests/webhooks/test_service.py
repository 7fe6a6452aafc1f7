"""Endpoints: who may be told, by which secret, and what is kept about it."""

from datetime import timedelta

import pytest

from payclear.kernel.clock import FixedClock
from payclear.kernel.ids import new_uuid, parse_public_id
from payclear.kernel.secret import Secret
from payclear.runtime import Runtime
from payclear.security.keyring import KeyUnusable
from payclear.security.sealed import SealBroken
from payclear.security.standard_webhooks import public_key
from payclear.webhooks import queries
from payclear.webhooks.models import EndpointState
from payclear.webhooks.service import (
    ENDPOINTS_MAX,
    Actor,
    EndpointNotFound,
    EndpointRefused,
    disable_endpoint,
    enable_endpoint,
    endpoints_of,
    published_keys,
    register_endpoint,
    replay,
    rotate_secret,
    signing_keys,
)
from tests.database import TestServer
from tests.webhooks.stage import Stage, subscribe_outbox

URL = "https://portal.example/hooks"


@pytest.fixture
def stage(runtime: Runtime, clock: FixedClock, monkeypatch: pytest.MonkeyPatch) -> Stage:
    subscribe_outbox(monkeypatch)
    made = Stage(runtime, clock)
    made.portal()
    return made


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"url": "http://portal.example/"}, "url"),
        ({"url": "https://user@portal.example/"}, "url"),
        ({"url": "http://127.0.0.1:8200/"}, "url"),
        ({"event_types": []}, "event_types"),
        ({"event_types": ["payment_order.paid", "payment_order.lost"]}, "event_types"),
        ({"portal_code": "nobody"}, "portal"),
    ],
)
def test_register_what_can_not_work_is_refused(stage: Stage, changes: dict, reason: str) -> None:
    wanted = {"portal_code": "demoportal", "url": URL, "event_types": ["payment_order.paid"], **changes}
    with stage.runtime.database.begin() as uow:
        with pytest.raises(EndpointRefused) as refusal:
            register_endpoint(uow, stage.runtime.sealer, **wanted)
        assert refusal.value.facts["reason"] == reason


@pytest.mark.parametrize(
    "secret", ["", "whsec_", "whsec_!!!", "whsec_c2hvcnQ=", "secret", "whsk_" + "A" * 44]
)
def test_register_secret_that_can_not_sign_is_refused(stage: Stage, secret: str) -> None:
    with stage.runtime.database.begin() as uow:
        if not secret:
            made = register_endpoint(
                uow, stage.runtime.sealer, "demoportal", URL, ["payment_order.paid"], Secret()
            )
            assert made.secret
            return
        with pytest.raises(KeyUnusable):
            register_endpoint(
                uow, stage.runtime.sealer, "demoportal", URL, ["payment_order.paid"], Secret(secret)
            )


def test_register_more_endpoints_than_a_portal_may_have_is_refused(stage: Stage) -> None:
    for _ in range(ENDPOINTS_MAX):
        stage.endpoint(URL)
    with pytest.raises(EndpointRefused) as refusal:
        stage.endpoint(URL)
    assert refusal.value.facts["reason"] == "too_many"
    stage.happen()
    assert len(stage.deliveries()) == ENDPOINTS_MAX


@pytest.mark.parametrize("overlap", [timedelta(minutes=1), timedelta(days=8), timedelta(hours=-1)])
def test_rotate_overlap_outside_an_hour_to_a_week_is_refused(stage: Stage, overlap: timedelta) -> None:
    made = stage.endpoint(URL)
    with stage.runtime.database.begin() as uow, pytest.raises(EndpointRefused):
        rotate_secret(uow, stage.runtime.sealer, made.endpoint_id, overlap=overlap)


def test_unknown_endpoint_is_told(stage: Stage) -> None:
    with stage.runtime.database.begin() as uow:
        for act in (
            lambda: rotate_secret(uow, stage.runtime.sealer, new_uuid()),
            lambda: disable_endpoint(uow, new_uuid(), reason="x"),
            lambda: enable_endpoint(uow, new_uuid()),
            lambda: replay(uow, new_uuid(), uow.now),
        ):
            with pytest.raises(EndpointNotFound):
                act()


def test_replay_to_a_disabled_endpoint_is_refused(stage: Stage) -> None:
    made = stage.endpoint(URL)
    with stage.runtime.database.begin() as uow:
        disable_endpoint(uow, made.endpoint_id, reason="asked")
        with pytest.raises(EndpointRefused):
            replay(uow, made.endpoint_id, uow.now)


def test_rotate_after_a_leak_forgets_the_old_secret_at_once(stage: Stage) -> None:
    old = stage.endpoint(URL)
    with stage.runtime.database.begin() as uow:
        new = rotate_secret(uow, stage.runtime.sealer, old.endpoint_id, overlap=timedelta(0))
        row = queries.endpoints_of(uow, "demoportal")[0]
        keys = signing_keys(row, stage.runtime.sealer, uow.now)
    assert keys.secrets == (new.secret,)
    assert row.previous_secret_sealed is None


def test_sealed_secret_copied_to_another_endpoint_does_not_open(stage: Stage, postgres: TestServer) -> None:
    stage.endpoint(URL)
    stage.endpoint(URL + "/2")
    with postgres.superuser() as connection:
        connection.execute(
            "UPDATE webhook_endpoint a SET secret_sealed = b.secret_sealed"
            " FROM webhook_endpoint b WHERE a.id <> b.id"
        )
    with stage.runtime.database.begin() as uow:
        for row in queries.endpoints_of(uow, "demoportal"):
            with pytest.raises(SealBroken):
                signing_keys(row, stage.runtime.sealer, uow.now)


def test_register_shows_the_secrets_once_and_keeps_them_sealed(stage: Stage, postgres: TestServer) -> None:
    given = Secret("whsec_REVNTyBPTkxZOiB3ZWJob29rIHNlY3JldCAwMDAwMDE=")
    made = stage.endpoint(URL, secret=given)
    assert made.secret == given
    assert parse_public_id("whe", made.public_id) == made.endpoint_id
    with postgres.superuser() as connection:
        stored = connection.execute("SELECT e::text FROM webhook_endpoint e").fetchone()[0]
        trail = connection.execute("SELECT action, actor, facts::text FROM audit_entry").fetchall()
    key = given.reveal().removeprefix("whsec_")
    assert key not in stored
    assert [row[:2] for row in trail] == [("webhook_endpoint.registered", "payclear")]
    assert key not in trail[0][2]
    assert key not in repr(made)
    with stage.runtime.database.begin() as uow:
        row = queries.endpoints_of(uow, "demoportal")[0]
        keys = signing_keys(row, stage.runtime.sealer, uow.now)
    assert keys.secrets == (given,)
    assert public_key(made.public_key).verify(b"x", keys.signer.sign(b"x"))


def test_views_and_published_keys_hold_no_secret(stage: Stage) -> None:
    made = stage.endpoint(URL)
    with stage.runtime.database.begin() as uow:
        (view,) = endpoints_of(uow, "demoportal")
        assert published_keys(uow) == [
            {"endpoint": made.public_id, "algorithm": "ed25519", "public_key": made.public_key}
        ]
    assert (view.id, view.url, view.state) == (made.endpoint_id, URL, EndpointState.ACTIVE)


def test_changes_are_in_the_trail_with_their_actor(stage: Stage) -> None:
    made = stage.endpoint(URL)
    officer = Actor("staff", "lan.nguyen")
    stage.happen()
    with stage.runtime.database.begin() as uow:
        rotate_secret(uow, stage.runtime.sealer, made.endpoint_id, actor=officer)
        assert disable_endpoint(uow, made.endpoint_id, reason="asked", actor=officer) == 1
        assert disable_endpoint(uow, made.endpoint_id, reason="asked", actor=officer) == 0
        assert enable_endpoint(uow, made.endpoint_id, actor=officer) == 1
        actions = uow.run(
            "SELECT action FROM audit_entry WHERE actor = 'lan.nguyen' AND object_id = %s ORDER BY id",
            (made.public_id,),
        ).fetchall()
    assert [row[0].split(".")[1] for row in actions] == ["rotated", "disabled", "enabled", "replayed"]


def test_replay_takes_events_from_an_instant_on(stage: Stage, clock: FixedClock) -> None:
    made = stage.endpoint(URL)
    stage.happen()
    clock.advance(timedelta(hours=1))
    since = clock.now()
    stage.happen()
    with stage.runtime.database.begin() as uow:
        queries.park_all(uow, made.endpoint_id)
        assert replay(uow, made.endpoint_id, since) == 1
        assert replay(uow, made.endpoint_id, since) == 0
        uow.commit()
    assert [state for state, _, _ in stage.deliveries()] == ["parked", "pending"]
    assert stage.queued("webhooks.drain") == 1
