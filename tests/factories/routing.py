"""Routing rules and service fee programmes, as rows and as values."""

from datetime import date
from typing import Any

import factory

from payclear.catalogue.domain import FeeBearer, FeeProgramme, Rule, RuleEffect
from payclear.catalogue.models import RoutingRule, ServiceFeeProgramme
from tests.factories.base import ModelFactory

NEW_YEAR = date(2026, 1, 1)


def rule(code: str, effect: RuleEffect = RuleEffect.OFFER, rank: int = 100, **conditions: Any) -> Rule:
    """A rule with these conditions only."""
    known = {
        "valid_from": NEW_YEAR,
        "reason_vi": "Lý do thử",
        "reason_en": "A reason",
        "legal_basis": "test",
    } | conditions
    return Rule(code=code, effect=effect, rank=rank, **known)


def programme(
    code: str, account: str = "a", borne_by: FeeBearer = FeeBearer.PAYER, **terms: Any
) -> FeeProgramme:
    """A programme with these terms only."""
    known = {"valid_from": NEW_YEAR, "legal_basis": "test"} | terms
    return FeeProgramme(code=code, provider_account=account, borne_by=borne_by, **known)


class RoutingRuleFactory(ModelFactory):
    class Meta:
        model = RoutingRule

    code = factory.Sequence(lambda n: f"rule-{n}")
    valid_from = NEW_YEAR
    rank = 100
    effect = "offer"
    reason_vi = "Lý do thử"
    reason_en = "A reason"
    legal_basis = "test"


class ServiceFeeProgrammeFactory(ModelFactory):
    class Meta:
        model = ServiceFeeProgramme

    code = factory.Sequence(lambda n: f"fee-{n}")
    valid_from = NEW_YEAR
    provider_account = "a"
    borne_by = "PAYER"
    fixed = 1_100
    per_million = 0
    vat_inclusive = True
    vat_per_mille = 0
    legal_basis = "test"
