"""Asks a provider what became of an attempt: intent, call, result, each in its place; no transaction is open during the call.

Called by the query job, by the return page and before an order is given up. Silence never becomes failure, and a
question that could not be put is no silence: the attempt's schedule stays.
"""

import logging
import secrets
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from payclear.contract.errors import OperationUnsupported, ProviderError
from payclear.contract.evidence import Evidence
from payclear.contract.messages import StatusQuery
from payclear.contract.outcomes import EvidenceSource, Outcome
from payclear.contract.registry import ProviderLine
from payclear.db.uow import UnitOfWork
from payclear.gateway.domain import Operation
from payclear.gateway.errors import NotCalled
from payclear.gateway.service import Place, place, questions_now
from payclear.jobs.queue import defer
from payclear.orders import queries
from payclear.orders.checkout import get_attempt
from payclear.orders.domain import next_query_at
from payclear.orders.evidence import Applied, apply_evidence
from payclear.orders.records import AttemptView
from payclear.runtime import Runtime

log = logging.getLogger(__name__)

QUERY_JOB: Final = "orders.query_attempt"
BATCH: Final = 100  # attempts of one account in one look
LEASE: Final = timedelta(minutes=2)
LOOK_AGAIN: Final = timedelta(seconds=20)  # however often a citizen looks, the provider is asked this seldom
BUSY_PAUSE: Final = timedelta(seconds=10)


def ask_provider(runtime: Runtime, attempt_id: UUID, *, counts: bool = True) -> Applied | None:
    """Query the provider about an attempt and apply its answer; None when nothing was asked.

    Nothing is asked about a decided attempt that is not watched, nor while the account's places are taken or its circuit
    is open. A query on the fly (`counts` false: somebody looks) leaves the schedule of the others as it is.
    """
    with runtime.database.begin() as uow:
        attempt = get_attempt(uow, attempt_id)
    if attempt.next_query_at is None:
        return None
    line = runtime.providers.get(attempt.provider_account)
    try:
        with place(runtime, line, Operation.QUERY) as held:
            asked_at = _note_asked(runtime, attempt, counts=counts)
            if asked_at is None:
                return None
            evidence = _ask(held, line, attempt, asked_at)
    except NotCalled as held_back:
        if counts:
            _hold_back(runtime, attempt, held_back)
        return None
    with runtime.database.begin() as uow:
        applied = apply_evidence(
            uow,
            evidence,
            asked_at=asked_at,
            attempts_max=runtime.settings.orders.attempts_max,
            watch=timedelta(hours=line.provider.manifest.watch_hours),
        )
        uow.commit()
    log.info(
        "orders.queried",
        extra={"attempt_ref": attempt.attempt_ref, "outcome": evidence.outcome, "effect": applied.effect},
    )
    return applied


def bring_forward(uow: UnitOfWork, attempt: AttemptView) -> bool:
    """Have the provider asked now, after this commit and outside the schedule, unless it was asked just before.

    Called when a citizen or an operator looks at an attempt without an outcome. False when nothing will be asked.
    """
    values = {"id": attempt.id, "at": uow.now, "before": uow.now - LOOK_AGAIN}
    if uow.run(queries.BRING_FORWARD, values).fetchone() is None:
        return False
    defer(uow, QUERY_JOB, attempt_id=str(attempt.id), counts=False)
    return True


def hand_out_due(runtime: Runtime) -> int:
    """Hand every attempt whose time has come to a job of its own; returns how many.

    Each account has its share, so that the doubts of one do not delay another's; while its circuit is open, that is
    one question for each probe.
    """
    handed = 0
    with runtime.database.begin() as uow:
        for line in runtime.providers:
            share = questions_now(runtime, line, at_most=BATCH)
            if not share:
                continue
            due = uow.run(queries.CLAIM_DUE_QUERIES, (line.code, uow.now, share, uow.now + LEASE)).fetchall()
            for (attempt_id,) in due:
                defer(uow, QUERY_JOB, attempt_id=str(attempt_id))
            handed += len(due)
        uow.commit()
    return handed


def _note_asked(runtime: Runtime, attempt: AttemptView, *, counts: bool) -> datetime | None:
    """Commit that the provider is asked now, and when to ask again should no answer come; None: it was decided."""
    with runtime.database.begin() as uow:
        next_at = next_query_at(asked=attempt.queries + 1, now=uow.now) if counts else None
        asked_at = uow.now
        values = {"id": attempt.id, "at": asked_at, "counts": counts, "next_at": next_at}
        if uow.run(queries.NOTE_ASKED, values).fetchone() is None:
            return None
        uow.commit()
    return asked_at


def _hold_back(runtime: Runtime, attempt: AttemptView, held_back: NotCalled) -> None:
    """Put a question off that could not be put; it was no question, so it is not counted."""
    pause = max(BUSY_PAUSE, timedelta(seconds=held_back.retry_after_s))
    with runtime.database.begin() as uow:
        uow.run(queries.PUT_OFF_QUERY, (uow.now + pause, attempt.id))
        uow.commit()


def _ask(held: Place, line: ProviderLine, attempt: AttemptView, asked_at: datetime) -> Evidence:
    query = StatusQuery(
        attempt_ref=attempt.attempt_ref,
        provider_ref=attempt.provider_ref,
        amount=attempt.money,
        created_at=attempt.created_at,
        expires_at=attempt.expires_at,
        asked_at=asked_at,
        request_id=secrets.token_hex(16),
    )
    unknown = Evidence(
        source=EvidenceSource.STATUS_QUERY,
        outcome=Outcome.UNKNOWN,
        provider_account=attempt.provider_account,
        attempt_ref=attempt.attempt_ref,
    )
    try:
        return held.call(lambda: line.provider.query_status(line.account, query))
    except OperationUnsupported:
        return unknown
    except ProviderError as error:
        # Our question failed; that says nothing about the payment, not even when no byte was sent.
        log.warning(
            "orders.query_failed",
            extra={"attempt_ref": attempt.attempt_ref, "code": error.code},
        )
        return unknown
