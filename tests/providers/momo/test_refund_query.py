"""What MoMo says of a refund when it is asked by the refund's own order id."""

import json

import pytest

from payclear.contract.errors import OutcomeUnknown, ProviderRefused
from payclear.contract.outcomes import Outcome
from providers.momo.client import MomoClient
from providers.momo.provider import MomoProvider
from tests.providers.canned import Canned
from tests.providers.factories import refund_query
from tests.providers.momo.account import momo_account

ACCOUNT = momo_account()
QUERY = refund_query()
LINE = {"orderId": QUERY.refund.refund_ref, "amount": 150_000, "resultCode": 0, "transId": 777}


def asked(lines=(LINE,), status=200, **changes):
    answer = {
        "partnerCode": "MOMO",
        "orderId": QUERY.refund.refund_ref,
        "requestId": QUERY.request_id,
        "resultCode": 0,
        "refundTrans": list(lines),
    }
    canned = Canned(json.dumps(answer | changes).encode(), status)
    return MomoProvider(MomoClient(canned)).query_refund(ACCOUNT, QUERY), canned


def test_refund_query_that_lists_our_refund_says_what_became_of_it():
    result, canned = asked()
    assert (result.outcome, result.provider_ref, result.detail_code) == (Outcome.CONFIRMED, "777", "0")
    _, url, _, body = canned.sent[0]
    assert url.endswith("/refund/query")
    assert json.loads(body)["orderId"] == QUERY.refund.refund_ref


@pytest.mark.parametrize(
    ("code", "outcome"), [(7002, "pending"), (1088, "rejected"), (1080, "unknown"), (4242, "unknown")]
)
def test_refund_query_line_with_another_code_is_mapped(code, outcome):
    assert asked([LINE | {"resultCode": code}])[0].outcome.value == outcome


@pytest.mark.parametrize(
    "lines",
    [
        [],
        [LINE | {"orderId": "OTHER"}],
        [LINE | {"amount": 149_999}],
        [LINE | {"amount": None}],
        [LINE, LINE],
        [LINE | {"resultCode": "0.0"}],
        ["x"],
    ],
)
def test_refund_query_that_does_not_name_our_refund_leaves_doubt(lines):
    assert asked(lines)[0].outcome is Outcome.UNKNOWN


@pytest.mark.parametrize(
    ("changes", "outcome"),
    [
        ({"resultCode": 42}, Outcome.NOT_SENT),
        ({"resultCode": 7000}, Outcome.PENDING),
        ({"resultCode": 99}, Outcome.UNKNOWN),
        ({"refundTrans": {"orderId": "x"}}, Outcome.UNKNOWN),
    ],
)
def test_refund_query_answer_without_lines(changes, outcome):
    assert asked(**changes)[0].outcome is outcome


@pytest.mark.parametrize(
    ("changes", "status", "error"),
    [
        ({"orderId": "OTHER"}, 200, OutcomeUnknown),
        ({"requestId": "OTHER"}, 200, OutcomeUnknown),
        ({"resultCode": None}, 200, OutcomeUnknown),
        ({}, 502, OutcomeUnknown),
        ({"resultCode": 13}, 400, ProviderRefused),
    ],
)
def test_refund_query_answer_about_something_else_raises(changes, status, error):
    with pytest.raises(error):
        asked(status=status, **changes)
