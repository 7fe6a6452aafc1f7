"""Empties the outbox: claim, commit, send, record, commit, until nothing is due.

Run by the job `webhooks.drain`; the queue runs one at a time, and leases with SKIP LOCKED keep two from
sending the same row at once. It must never hold a transaction open while a webhook is on its way.
"""

import logging
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from payclear.audit import service as audit
from payclear.db.uow import Database, UnitOfWork
from payclear.kernel.clock import Clock
from payclear.kernel.ids import public_id
from payclear.security.sealed import Sealer
from payclear.security.standard_webhooks import signing_headers
from payclear.webhooks import queries
from payclear.webhooks.domain import Answer, Fate, rule
from payclear.webhooks.outbound import Outbound
from payclear.webhooks.queries import ClaimedRow, EndpointRow
from payclear.webhooks.service import body_hash, disable_endpoint, signing_keys

log = logging.getLogger(__name__)

IN_FLIGHT_MAX = 16
IN_FLIGHT_PER_ENDPOINT_MAX = 4
FAILURES_MAX = 3  # from here on an endpoint has one try at a time and shares a few places, until one succeeds
# Longer than one try with a slow look-up of its name; then somebody else may try.
LEASE = timedelta(seconds=90)
BUDGET_S = 40  # a run claims nothing more after this; the clock starts the next one
LOOK_AGAIN_S = 1.0
USER_AGENT = "payclear/0.1 (Standard Webhooks)"


@dataclass(frozen=True, slots=True)
class Try:
    """One claimed delivery with the endpoint as it was when it was claimed."""

    claim: ClaimedRow
    endpoint: EndpointRow


@dataclass(frozen=True, slots=True)
class Sent:
    """One try that is over."""

    attempt: Try
    sent_at: datetime
    answer: Answer


@dataclass(slots=True)
class Tally:
    """What a run did."""

    delivered: int = 0
    failed: int = 0
    parked: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """Sends what is due, from one process."""

    database: Database
    sealer: Sealer
    clock: Clock
    outbound: Outbound
    lease: timedelta = LEASE
    tally: Tally = field(default_factory=Tally)

    def drain(self) -> Tally:
        """Send everything that is due, and what becomes due meanwhile, for BUDGET_S at most."""
        started = self.clock.monotonic()
        flights: dict[Future[Sent], Try] = {}
        landed: list[Sent] = []
        with ThreadPoolExecutor(IN_FLIGHT_MAX, thread_name_prefix="webhook") as pool:
            while True:
                may_claim = self.clock.monotonic() - started < BUDGET_S
                for attempt in self._record_and_claim(landed, flights.values(), may_claim=may_claim):
                    flights[pool.submit(self._send, attempt)] = attempt
                if not flights:
                    return self.tally
                done, _ = wait(flights, timeout=LOOK_AGAIN_S, return_when=FIRST_COMPLETED)
                landed = [self._result(flight, flights.pop(flight)) for flight in done]

    def _record_and_claim(
        self, landed: Iterable[Sent], flying: Iterable[Try], *, may_claim: bool
    ) -> list[Try]:
        """One unit of work: write down what came back, take what is due."""
        busy = Counter(attempt.endpoint.id for attempt in flying)
        with self.database.begin() as uow:
            for sent in landed:
                self._record(uow, sent)
            taken = self._claim(uow, busy) if may_claim else []
            uow.commit()
        return taken

    def _claim(self, uow: UnitOfWork, busy: Counter[UUID]) -> list[Try]:
        limit = IN_FLIGHT_MAX - busy.total()
        if limit <= 0:
            return []
        claims = queries.claim_due(
            uow,
            now=uow.now,
            leased_until=uow.now + self.lease,
            limit=limit,
            in_flight_max=IN_FLIGHT_PER_ENDPOINT_MAX,
            failures_max=FAILURES_MAX,
            busy=busy,
        )
        endpoints = queries.endpoints_by_id(uow, [claim.endpoint_id for claim in claims]) if claims else {}
        return [Try(claim, endpoints[claim.endpoint_id]) for claim in claims]

    def _send(self, attempt: Try) -> Sent:
        """Sign and send; runs in a thread, without a transaction."""
        now = self.clock.now()
        keys = signing_keys(attempt.endpoint, self.sealer, now)
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": USER_AGENT,
            **signing_headers(
                public_id("evt", attempt.claim.event_id),
                int(now.timestamp()),
                attempt.claim.body,
                secrets=keys.secrets,
                signers=(keys.signer,),
            ),
        }
        return Sent(attempt, now, self.outbound.post(attempt.endpoint.url, headers, attempt.claim.body))

    def _result(self, flight: Future[Sent], attempt: Try) -> Sent:
        failure = flight.exception()
        if failure is None:
            return flight.result()
        # A secret that can not be opened, a key missing: ours to repair; the delivery waits like any other.
        log.error(
            "webhooks.not_sent",
            exc_info=failure,
            extra={"delivery": str(attempt.claim.delivery_id), "portal": attempt.endpoint.portal_code},
        )
        return Sent(attempt, self.clock.now(), Answer(None, "not_sent", None, 0))

    def _record(self, uow: UnitOfWork, sent: Sent) -> None:
        claim, endpoint = sent.attempt.claim, sent.attempt.endpoint
        queries.insert_attempt(
            uow,
            delivery_id=claim.delivery_id,
            number=claim.number,
            sent_at=sent.sent_at,
            answer=sent.answer,
            body_hash=body_hash(claim.body),
        )
        ruling = rule(
            sent.answer,
            delivery_id=claim.delivery_id,
            number=claim.number,
            created_at=claim.created_at,
            now=uow.now,
        )
        if ruling.fate is Fate.DELIVERED:
            queries.mark_delivered(uow, claim.delivery_id)
            queries.forget_failures(uow, endpoint.id)
            self.tally.delivered += 1
            return
        self.tally.failed += 1
        queries.count_failure(uow, endpoint.id)
        if ruling.next_attempt_at is not None:
            queries.mark_again(uow, claim.delivery_id, claim.number, ruling.next_attempt_at)
        elif ruling.fate is Fate.ENDPOINT_GONE:
            self.tally.parked += disable_endpoint(uow, endpoint.id, reason="answered_410")
            log.error("webhooks.endpoint_disabled", extra={"portal": endpoint.portal_code})
        elif queries.mark_parked(uow, claim.delivery_id, claim.number):
            self._tell_parked(uow, sent)

    def _tell_parked(self, uow: UnitOfWork, sent: Sent) -> None:
        """An event that could not be delivered in two weeks is a matter for people."""
        claim, endpoint = sent.attempt.claim, sent.attempt.endpoint
        self.tally.parked += 1
        audit.record(
            uow,
            actor_type="system",
            actor="payclear",
            action="webhook_delivery.parked",
            object_type="webhook_delivery",
            object_id=str(claim.delivery_id),
            facts={"event": public_id("evt", claim.event_id), "attempts": claim.number},
        )
        log.error(
            "webhooks.parked",
            extra={"delivery": str(claim.delivery_id), "portal": endpoint.portal_code},
        )
