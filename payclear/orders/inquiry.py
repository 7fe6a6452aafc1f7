"""Asks a provider what became of an attempt: intent, call, result, each in its place; no transaction is open during the call.

Called by the query job, by the return page and before an order is given up. Silence never becomes failure.
"""

import logging
import secrets
from uuid import UUID

from payclear.contract.errors import OperationUnsupported, ProviderError
from payclear.contract.evidence import Evidence
from payclear.contract.messages import StatusQuery
from payclear.contract.outcomes import EvidenceSource, Outcome
from payclear.orders import queries
from payclear.orders.checkout import get_attempt
from payclear.orders.domain import next_query_at
from payclear.orders.evidence import Applied, apply_evidence
from payclear.orders.records import AttemptView
from payclear.runtime import Runtime

log = logging.getLogger(__name__)


def ask_provider(runtime: Runtime, attempt_id: UUID, *, counts: bool = True) -> Applied | None:
    """Query the provider about an attempt and apply its answer; None when the attempt is decided and nothing was asked.

    A query on the fly (`counts` false: a citizen looks) leaves the schedule of the others as it is.
    """
    with runtime.database.begin() as uow:
        attempt = get_attempt(uow, attempt_id)
        asked_at = uow.now
        if attempt.next_query_at is None:
            return None
        if counts:
            next_at = next_query_at(asked=attempt.queries + 1, now=asked_at)
            if uow.run(queries.COUNT_QUERY, (next_at, attempt_id)).fetchone() is None:
                return None
            uow.commit()
    query = StatusQuery(
        attempt_ref=attempt.attempt_ref,
        provider_ref=attempt.provider_ref,
        amount=attempt.money,
        created_at=attempt.created_at,
        expires_at=attempt.expires_at,
        asked_at=asked_at,
        request_id=secrets.token_hex(16),
    )
    evidence = _ask(runtime, attempt, query)
    with runtime.database.begin() as uow:
        applied = apply_evidence(
            uow, evidence, asked_at=asked_at, attempts_max=runtime.settings.orders.attempts_max
        )
        uow.commit()
    log.info(
        "orders.queried",
        extra={"attempt_ref": attempt.attempt_ref, "outcome": evidence.outcome, "effect": applied.effect},
    )
    return applied


def _ask(runtime: Runtime, attempt: AttemptView, query: StatusQuery) -> Evidence:
    unknown = Evidence(
        source=EvidenceSource.STATUS_QUERY,
        outcome=Outcome.UNKNOWN,
        provider_account=attempt.provider_account,
        attempt_ref=attempt.attempt_ref,
    )
    try:
        line = runtime.providers.get(attempt.provider_account)
        return line.provider.query_status(line.account, query)
    except OperationUnsupported:
        return unknown
    except ProviderError as error:
        # Our question failed; that says nothing about the payment, not even when no byte was sent.
        log.warning(
            "orders.query_failed",
            extra={"attempt_ref": attempt.attempt_ref, "code": error.code},
        )
        return unknown
