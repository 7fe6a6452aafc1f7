"""Endpoints and their secrets: register, rotate, disable, enable, replay.

Called by the API, the console, the demo data and the sender.
Secrets leave this module once, at registration or rotation; what is stored is sealed.
"""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from payclear.audit import service as audit
from payclear.db.uow import UnitOfWork
from payclear.events.registry import is_event_type
from payclear.jobs.queue import wake
from payclear.kernel.errors import ErrorCategory, PayclearError
from payclear.kernel.ids import new_uuid, public_id
from payclear.kernel.secret import Secret
from payclear.security.sealed import DataKey, Sealer
from payclear.security.signatures import Ed25519Signer
from payclear.security.standard_webhooks import new_secret, public_key_text, sign_v1
from payclear.webhooks import queries
from payclear.webhooks.addresses import target_of
from payclear.webhooks.models import EndpointState
from payclear.webhooks.queries import EndpointRow

TABLE = "webhook_endpoint"
ENDPOINTS_MAX = 5
OVERLAP = timedelta(hours=24)
OVERLAP_MIN = timedelta(hours=1)
OVERLAP_MAX = timedelta(days=7)


class EndpointRefused(PayclearError):
    """A webhook endpoint can not be registered or changed like this; `reason` says why."""

    code = "webhook_endpoint_refused"
    category = ErrorCategory.INVALID


class EndpointNotFound(PayclearError):
    """There is no such webhook endpoint."""

    code = "webhook_endpoint_not_found"
    category = ErrorCategory.NOT_FOUND


@dataclass(frozen=True, slots=True)
class Actor:
    """Who changes an endpoint, for the audit trail."""

    type: str
    id: str


PAYCLEAR = Actor("system", "payclear")


@dataclass(frozen=True, slots=True)
class EndpointSecrets:
    """What the receiver needs to know, shown this once: the `v1` secret and the `v1a` public key."""

    endpoint_id: UUID
    public_id: str
    secret: Secret
    public_key: str


@dataclass(frozen=True, slots=True)
class EndpointView:
    """An endpoint as it may be shown."""

    id: UUID
    public_id: str
    portal_code: str
    url: str
    state: EndpointState
    event_types: tuple[str, ...]
    public_key: str
    failures: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class SigningKeys:
    """What signs a message now: the secret, the one before while both are valid, and the key pair."""

    secrets: tuple[Secret, ...]
    signer: Ed25519Signer


def register_endpoint(
    uow: UnitOfWork,
    sealer: Sealer,
    portal_code: str,
    url: str,
    event_types: Sequence[str],
    secret: Secret | None = None,
    *,
    allow_hosts: Collection[str] = (),
    actor: Actor = PAYCLEAR,
) -> EndpointSecrets:
    """Register where a portal gets its events from now on; its secrets are shown this once.

    `secret` is `whsec_` and base64, made here unless given. `allow_hosts` are the hosts of
    `webhooks.allow_hosts`. Raises EndpointRefused (url, event_types, portal, too_many) and KeyUnusable.
    """
    if target_of(url, allow_hosts) is None:
        raise EndpointRefused("webhooks are sent by https to a public host", reason="url")
    wanted = list(dict.fromkeys(event_types))
    if not wanted or not all(is_event_type(name) for name in wanted):
        raise EndpointRefused("name one event type at least, and only those there are", reason="event_types")
    if not queries.lock_portal(uow, portal_code):
        raise EndpointRefused("no such portal", reason="portal")
    if len(queries.endpoints_of(uow, portal_code)) >= ENDPOINTS_MAX:
        raise EndpointRefused(f"a portal has {ENDPOINTS_MAX} endpoints at most", reason="too_many")
    chosen = secret or new_secret()
    sign_v1(chosen, "evt_probe", 1, b"")  # A secret that can not sign is refused now, not at the first event.
    signer = Ed25519Signer.generate()
    endpoint_id = new_uuid()
    key = sealer.new_data_key()
    queries.insert_endpoint(
        uow,
        EndpointRow(
            id=endpoint_id,
            portal_code=portal_code,
            url=url,
            state=EndpointState.ACTIVE,
            event_types=wanted,
            data_key_id=key.id,
            kek_id=key.kek_id,
            wrapped_key=key.wrapped,
            secret_sealed=_seal(sealer, key, endpoint_id, "secret_sealed", chosen),
            previous_secret_sealed=None,
            previous_until=None,
            private_key_sealed=_seal(sealer, key, endpoint_id, "private_key_sealed", signer.private_pem),
            public_key=public_key_text(signer),
            failures=0,
            created_at=uow.now,
        ),
    )
    _audit(uow, actor, "webhook_endpoint.registered", endpoint_id, portal=portal_code, url=url, types=wanted)
    return EndpointSecrets(endpoint_id, public_id("whe", endpoint_id), chosen, public_key_text(signer))


def rotate_secret(
    uow: UnitOfWork,
    sealer: Sealer,
    endpoint_id: UUID,
    *,
    overlap: timedelta = OVERLAP,
    secret: Secret | None = None,
    actor: Actor = PAYCLEAR,
) -> EndpointSecrets:
    """Give an endpoint a new secret; the old one signs beside it for `overlap` (an hour to a week).

    No overlap (zero) is the answer to a leak: the old secret is gone at once.
    """
    if overlap and not OVERLAP_MIN <= overlap <= OVERLAP_MAX:
        raise EndpointRefused("an overlap is an hour to a week, or none", reason="overlap")
    row = _locked(uow, endpoint_id)
    chosen = secret or new_secret()
    sign_v1(chosen, "evt_probe", 1, b"")
    key = _data_key(row)
    previous = None
    if overlap:
        # A sealed value is bound to its column: it is opened and sealed anew, never copied.
        old = _open(sealer, key, row.id, "secret_sealed", row.secret_sealed)
        previous = _seal(sealer, key, row.id, "previous_secret_sealed", old)
    queries.set_secrets(
        uow,
        row.id,
        secret_sealed=_seal(sealer, key, row.id, "secret_sealed", chosen),
        previous_sealed=previous,
        previous_until=uow.now + overlap if overlap else None,
    )
    _audit(uow, actor, "webhook_endpoint.rotated", row.id, overlap_hours=int(overlap.total_seconds()) // 3600)
    return EndpointSecrets(row.id, public_id("whe", row.id), chosen, row.public_key)


def disable_endpoint(uow: UnitOfWork, endpoint_id: UUID, *, reason: str, actor: Actor = PAYCLEAR) -> int:
    """Send nothing more to an endpoint; what waits, and what comes, is parked and kept. How many waited."""
    row = _locked(uow, endpoint_id)
    if row.state == EndpointState.DISABLED:
        return 0
    queries.set_state(uow, row.id, EndpointState.DISABLED)
    parked = queries.park_all(uow, row.id)
    _audit(uow, actor, "webhook_endpoint.disabled", row.id, reason=reason, parked=parked)
    return parked


def enable_endpoint(uow: UnitOfWork, endpoint_id: UUID, *, actor: Actor = PAYCLEAR) -> int:
    """Send to an endpoint again, and everything parked since it exists; how many deliveries that is."""
    row = _locked(uow, endpoint_id)
    queries.set_state(uow, row.id, EndpointState.ACTIVE)
    _audit(uow, actor, "webhook_endpoint.enabled", row.id)
    return replay(uow, row.id, row.created_at, actor=actor)


def replay(uow: UnitOfWork, endpoint_id: UUID, since: datetime, *, actor: Actor = PAYCLEAR) -> int:
    """Send the parked events from an instant on once more; how many. Raises EndpointRefused when disabled."""
    row = _locked(uow, endpoint_id)
    if row.state != EndpointState.ACTIVE:
        raise EndpointRefused("enable the endpoint first", reason="disabled")
    count = queries.unpark(uow, row.id, since)
    if count:
        wake(uow, "webhooks.drain")
        _audit(uow, actor, "webhook_endpoint.replayed", row.id, since=since.isoformat(), deliveries=count)
    return count


def endpoints_of(uow: UnitOfWork, portal_code: str) -> list[EndpointView]:
    """A portal's endpoints, the oldest first."""
    return [_view(row) for row in queries.endpoints_of(uow, portal_code)]


def published_keys(uow: UnitOfWork) -> list[dict[str, str]]:
    """What `/.well-known/webhook-keys.json` shows: each endpoint's id and its `whpk_` public key."""
    return [
        {"endpoint": public_id("whe", endpoint_id), "algorithm": "ed25519", "public_key": public_key}
        for endpoint_id, public_key in queries.public_keys(uow)
    ]


def signing_keys(row: EndpointRow, sealer: Sealer, now: datetime) -> SigningKeys:
    """The keys that sign for an endpoint at an instant; raises SealBroken or KeyUnusable."""
    key = _data_key(row)
    secrets = [_open(sealer, key, row.id, "secret_sealed", row.secret_sealed)]
    previous, until = row.previous_secret_sealed, row.previous_until
    if previous is not None and until is not None and now < until:
        secrets.append(_open(sealer, key, row.id, "previous_secret_sealed", previous))
    private = _open(sealer, key, row.id, "private_key_sealed", row.private_key_sealed)
    return SigningKeys(tuple(secrets), Ed25519Signer.from_pem(private))


def body_hash(body: bytes) -> bytes:
    """What the log keeps of a body: SHA-256 of the bytes as sent."""
    return hashlib.sha256(body).digest()


def _locked(uow: UnitOfWork, endpoint_id: UUID) -> EndpointRow:
    row = queries.locked_endpoint(uow, endpoint_id)
    if row is None:
        raise EndpointNotFound("no such webhook endpoint")
    return row


def _view(row: EndpointRow) -> EndpointView:
    return EndpointView(
        row.id,
        public_id("whe", row.id),
        row.portal_code,
        row.url,
        EndpointState(row.state),
        tuple(row.event_types),
        row.public_key,
        row.failures,
        row.created_at,
    )


def _data_key(row: EndpointRow) -> DataKey:
    return DataKey(row.data_key_id, row.kek_id, row.wrapped_key)


def _seal(sealer: Sealer, key: DataKey, endpoint_id: UUID, column: str, value: Secret) -> bytes:
    return sealer.seal(value.reveal(), data_key=key, table=TABLE, column=column, row=endpoint_id)


def _open(sealer: Sealer, key: DataKey, endpoint_id: UUID, column: str, sealed: bytes) -> Secret:
    return Secret(sealer.open(sealed, data_key=key, table=TABLE, column=column, row=endpoint_id))


def _audit(
    uow: UnitOfWork, actor: Actor, action: str, endpoint_id: UUID, **facts: str | int | list[str]
) -> None:
    audit.record(
        uow,
        actor_type=actor.type,
        actor=actor.id,
        action=action,
        object_type="webhook_endpoint",
        object_id=public_id("whe", endpoint_id),
        facts=facts,
    )
