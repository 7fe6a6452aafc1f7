"""What ZaloPay says of a refund when it is asked by the reference of the day on which it was first sent."""

import json
from datetime import timedelta

import pytest

from payclear.contract.errors import OutcomeUnknown, ProviderRefused
from payclear.contract.outcomes import Outcome
from providers.zalopay.client import ZaloPayClient
from providers.zalopay.provider import ZaloPayProvider
from tests.providers.canned import Canned
from tests.providers.factories import NOW, refund_query
from tests.providers.zalopay.account import zalopay_account

ACCOUNT = zalopay_account(options={"refund_not_found_code": "-21"})


def asked(codes, account=ACCOUNT, status=200, **changes):
    answer = {"return_code": codes[0], "sub_return_code": codes[1]}
    canned = Canned(json.dumps(answer).encode(), status)
    return ZaloPayProvider(ZaloPayClient(canned)).query_refund(account, refund_query(**changes)), canned


def test_refund_query_on_a_later_day_names_the_day_of_the_first_call():
    _, canned = asked((1, 1), asked_at=NOW + timedelta(days=2))
    sent = json.loads(canned.sent[0][3])
    assert sent["m_refund_id"].startswith("261121_2554_RFD")
    assert sent["timestamp"] == 1_795_404_600_000


@pytest.mark.parametrize(
    ("codes", "outcome"),
    [
        ((1, 1), "confirmed"),
        ((3, 0), "pending"),
        ((2, -13), "rejected"),
        ((2, -21), "not_sent"),
        ((2, -500), "unknown"),
        ((2, -4242), "unknown"),
    ],
)
def test_refund_query_codes_are_mapped(codes, outcome):
    assert asked(codes)[0].outcome.value == outcome


@pytest.mark.parametrize("options", [{}, {"refund_not_found_code": ""}, {"refund_not_found_code": "x"}])
def test_refund_query_not_found_is_doubt_until_its_code_is_agreed(options):
    assert asked((2, -21), zalopay_account(options=options))[0].outcome is Outcome.UNKNOWN


@pytest.mark.parametrize(
    ("codes", "status", "error"),
    [((1, 1), 500, OutcomeUnknown), ((9, 1), 200, OutcomeUnknown), ((2, -403), 200, ProviderRefused)],
)
def test_refund_query_answer_that_proves_nothing_raises(codes, status, error):
    with pytest.raises(error):
        asked(codes, status=status)
