"""Every state, kind and reason that a page may have to name has its words in both languages."""

import pytest

from payclear.checkout.domain import PageKind, Refusal
from payclear.contract.outcomes import EvidenceSource, Outcome
from payclear.i18n.texts import has_text
from payclear.obligations.domain import LineType, ObligationKind
from payclear.orders.domain import AttemptState, CaseKind, Effect, OrderState, PublicStatus
from payclear.orders.models import TransitionObject

NAMED = [
    *(f"console.state_{each}" for each in (*OrderState, *AttemptState, *PublicStatus)),
    *(f"console.source_{each}" for each in EvidenceSource),
    *(f"console.outcome_{each}" for each in Outcome),
    *(f"console.effect_{each}" for each in Effect),
    *(f"console.case_{each}" for each in CaseKind),
    *(f"console.object_{each}" for each in TransitionObject),
    *(f"checkout.title_{each}" for each in PageKind),
    *(f"checkout.refusal_{each}" for each in Refusal),
    *(f"checkout.line_{each}" for each in LineType),
    *(f"checkout.document_{each}" for each in ObligationKind),
    *(f"checkout.document_on_{each}" for each in ObligationKind),
    *(f"checkout.heading_{each}" for each in ObligationKind),
    *(f"checkout.last_{each}" for each in (AttemptState.FAILED, AttemptState.EXPIRED)),
]


@pytest.mark.parametrize("key", sorted(set(NAMED)))
def test_member_that_a_page_names_has_its_words(key: str) -> None:
    assert has_text(key)
