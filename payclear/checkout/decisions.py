"""Brings the facts to `routing`, keeps what it decided and why, and ties an attempt to the decision it came from.

Called by the payment page and by `checkout.service`, so that what is shown and what is accepted are one decision.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, time
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from payclear.catalogue.domain import FeeProgramme, Rule
from payclear.catalogue.service import fee_programmes, is_business_day_for, routing_rules
from payclear.checkout import queries
from payclear.checkout.routing import Candidate, Choice, OrderFacts, is_online, method_of, route
from payclear.contract.manifest import Capability
from payclear.contract.registry import ProviderLine
from payclear.db.uow import UnitOfWork
from payclear.gateway.domain import HealthState
from payclear.gateway.health import snapshot
from payclear.kernel.clock import vietnam_date
from payclear.kernel.ids import new_uuid
from payclear.obligations.domain import ObligationKind
from payclear.obligations.fees.collection import collections
from payclear.obligations.fees.pricing import procedures_behind
from payclear.orders.domain import AttemptState
from payclear.orders.records import AttemptView, OrderView
from payclear.runtime import Runtime


@dataclass(frozen=True, slots=True, kw_only=True)
class Routing:
    """Every account's choice, those offered first, and the digest of the rules and programmes it came from."""

    choices: tuple[Choice, ...]
    rules_digest: str

    def of(self, provider_account: str) -> Choice | None:
        """The choice of one account."""
        return next((choice for choice in self.choices if choice.account == provider_account), None)


def decide(runtime: Runtime, uow: UnitOfWork, order: OrderView) -> Routing:
    """Which accounts take an order now, by the rules in force today."""
    on = vietnam_date(uow.now)
    rules, programmes = routing_rules(uow, on), fee_programmes(uow, on)
    lines = list(runtime.providers)
    healths = snapshot(runtime, uow)
    business_days = is_business_day_for(uow, [line.code for line in lines], on)
    candidates = [
        candidate_of(line, health=healths[line.code].state, is_business_day=business_days[line.code])
        for line in lines
    ]
    procedures = procedures_of(uow, order) if any(rule.procedure_code for rule in rules) else frozenset({""})
    facts = replace(facts_of(order, procedures), is_counter_only=is_counter_only(uow, order, on))
    choices = route(facts, candidates, rules, programmes, now=uow.now)
    return Routing(choices=choices, rules_digest=digest(rules, programmes))


def candidate_of(
    line: ProviderLine, *, health: HealthState = HealthState.GOOD, is_business_day: bool = True
) -> Candidate:
    """An account as routing sees it."""
    manifest = line.provider.manifest
    return Candidate(
        account=line.code,
        method=method_of(manifest),
        is_online=is_online(manifest),
        collects=Capability.COLLECTION in manifest.capabilities,
        amount_min=manifest.amount_min,
        amount_max=manifest.amount_max,
        cut_off=time.fromisoformat(line.cut_off),
        health=health,
        is_business_day=is_business_day,
    )


def procedures_of(uow: UnitOfWork, order: OrderView) -> frozenset[str]:
    """The national procedures of an order's dossiers, "" for what is no dossier; asked only where a rule names one."""
    return frozenset(procedures_behind(uow, [document.obligation_id for document in order.documents]))


def is_counter_only(uow: UnitOfWork, order: OrderView, on: date) -> bool:
    """Whether the order holds a dossier's fee that is taken at counters only."""
    dossiers = [each.obligation_id for each in order.documents if each.kind == ObligationKind.DOSSIER_FEE]
    return bool(dossiers) and any(each.is_counter_only for each in collections(uow, dossiers, on).values())


def facts_of(order: OrderView, procedures: frozenset[str]) -> OrderFacts:
    """What rules may know of an order."""
    failed = [attempt.provider_account for attempt in order.attempts if attempt.state == AttemptState.FAILED]
    return OrderFacts(
        amount=order.amount,
        kinds=frozenset(document.kind for document in order.documents),
        agencies=frozenset(document.agency_code for document in order.documents),
        portal=order.portal_code,
        procedures=procedures,
        refused=Counter(failed),
    )


def keep(uow: UnitOfWork, order_id: UUID, routing: Routing) -> UUID:
    """Store a decision unless it is the last one again; returns its id."""
    choices = [record_of(choice) for choice in routing.choices]
    last = queries.last_decision(uow, order_id)
    if last is not None and (last.rules_digest, last.choices) == (routing.rules_digest, choices):
        return last.id
    decision_id = new_uuid()
    values = (decision_id, order_id, uow.now, routing.rules_digest, Jsonb(choices))
    uow.run(queries.INSERT_DECISION, values)
    return decision_id


def tie(uow: UnitOfWork, attempt: AttemptView, decision_id: UUID, choice: Choice) -> None:
    """Keep with a new attempt the decision that offered it, and its service fee."""
    uow.run(queries.INSERT_ATTEMPT_ROUTING, (attempt.id, decision_id))
    if choice.fee is not None:
        programme, fee = choice.fee.programme, choice.fee.amount
        uow.run(
            queries.INSERT_FEE,
            (attempt.id, programme.code, programme.valid_from, programme.borne_by, fee.amount, fee.currency),
        )


def record_of(choice: Choice) -> dict[str, Any]:
    """A choice as it is stored: codes and numbers only; the texts are those of the rule it names."""
    rule, preferred, fee = choice.rule, choice.preferred_by, choice.fee
    return {
        "account": choice.account,
        "method": choice.method.value,
        "offered": choice.is_offered,
        "refusal": choice.refusal.value if choice.refusal else None,
        "limit": choice.limit.amount if choice.limit else None,
        "rule": rule.code if rule else None,
        "rule_from": rule.valid_from.isoformat() if rule else None,
        "reason_vi": rule.reason_vi if rule else None,
        "reason_en": rule.reason_en if rule else None,
        "preferred_by": preferred.code if preferred else None,
        "health": choice.health.value,
        "refused_before": choice.refused_before,
        "fee": fee.amount.amount if fee else None,
        "borne_by": fee.borne_by.value if fee else None,
        "programme": fee.programme.code if fee else None,
    }


def digest(rules: Iterable[Rule], programmes: Sequence[FeeProgramme]) -> str:
    """One value for one set of rules and programmes: SHA-256 over their canonical JSON."""
    plain = [[asdict(each) for each in rules], [asdict(each) for each in programmes]]
    text = json.dumps(plain, default=str, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()
