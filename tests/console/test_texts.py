"""Every state, kind and reason that a page may have to name has its words in both languages."""

import pytest

from payclear.callbacks.models import CallbackStatus
from payclear.catalogue.domain import FeeBearer, Method
from payclear.checkout.domain import PageKind
from payclear.checkout.routing import Refusal
from payclear.console.doubt.domain import NEXT_STEPS, AgeBand, DoubtKind
from payclear.contract.outcomes import EvidenceSource, Outcome
from payclear.gateway.domain import HealthReason, HealthState, Operation
from payclear.gateway.report_file import DEFINITIONS
from payclear.i18n.texts import has_text
from payclear.obligations.domain import LineType, ObligationKind
from payclear.orders.domain import AttemptState, CaseKind, Effect, OrderState, PublicStatus
from payclear.orders.models import TransitionObject
from payclear.refunds.domain import RefundState

NAMED = [
    *(f"console.state_{each}" for each in (*OrderState, *AttemptState, *PublicStatus)),
    *(f"console.source_{each}" for each in EvidenceSource),
    *(f"console.outcome_{each}" for each in Outcome),
    *(f"console.effect_{each}" for each in Effect),
    *(f"console.case_{each}" for each in CaseKind),
    *(f"console.object_{each}" for each in TransitionObject),
    *(f"console.state_{each}" for each in RefundState),
    *(f"console.doubt_kind_{each}" for each in DoubtKind),
    *(f"console.band_{each}" for each in AgeBand),
    *(f"console.callback_{each}" for each in CallbackStatus if each is not CallbackStatus.PROCESSED),
    *(f"console.next_{each}" for each in NEXT_STEPS),
    *(f"console.health_{each}" for each in HealthState),
    *(f"console.health_reason_{each}" for each in HealthReason),
    *(f"console.operation_{each}" for each in Operation),
    *(f"console.health_{part}_{each}" for each in DEFINITIONS for part in ("word", "means")),
    *(f"checkout.title_{each}" for each in PageKind),
    *(f"checkout.refusal_{each}" for each in Refusal),
    *(f"checkout.method_{each}" for each in Method),
    *(f"checkout.health_{each}" for each in HealthState),
    *(f"checkout.borne_by_{each.lower()}" for each in FeeBearer),
    *(f"checkout.line_{each}" for each in LineType),
    *(f"checkout.document_{each}" for each in ObligationKind),
    *(f"checkout.document_on_{each}" for each in ObligationKind),
    *(f"checkout.heading_{each}" for each in ObligationKind),
    *(f"checkout.last_{each}" for each in (AttemptState.FAILED, AttemptState.EXPIRED)),
]


@pytest.mark.parametrize("key", sorted(set(NAMED)))
def test_member_that_a_page_names_has_its_words(key: str) -> None:
    assert has_text(key)
