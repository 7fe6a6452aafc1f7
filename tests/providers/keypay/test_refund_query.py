"""What KeyPay says of a refund when it is asked by KeyPay's own number of it."""

import json

import pytest

from payclear.contract.errors import OutcomeUnknown, SignatureInvalid
from payclear.kernel.secret import Secret
from providers.keypay import mapping
from providers.keypay.client import KeypayClient
from providers.keypay.provider import KeypayProvider
from tests.providers.canned import Canned
from tests.providers.factories import refund_query
from tests.providers.keypay.account import KEY_2, keypay_account

ACCOUNT = keypay_account(options={"refund_refusal_statuses": "5"})
ASKED = {"client_id": "DEMOKP", "command": "REFUND_DETAIL", "transaction_refund_code": "R1"}


def asked(key=KEY_2, provider_ref="R1", **changes):
    check_sum = mapping.check_sum(Secret(key), ASKED, mapping.REFUND_DETAIL)
    data = {"transaction_refund_code": "R1", "status": 0}
    answer = {"error": "0", "data": data, "check_sum": check_sum} | changes
    adapter = KeypayProvider(KeypayClient(Canned(json.dumps(answer).encode())))
    return adapter.query_refund(ACCOUNT, refund_query(provider_ref=provider_ref))


@pytest.mark.parametrize(
    ("status", "outcome"), [(0, "confirmed"), (5, "rejected"), (3, "unknown"), ("", "unknown")]
)
def test_refund_query_status_is_mapped_and_only_what_is_agreed_refuses(status, outcome):
    result = asked(data={"transaction_refund_code": "R1", "status": status})
    assert (result.outcome.value, result.provider_ref) == (outcome, "R1")


@pytest.mark.parametrize("provider_ref", [None, "", "a b"])
def test_refund_query_without_keypays_number_leaves_doubt(provider_ref):
    with pytest.raises(OutcomeUnknown):
        asked(provider_ref=provider_ref)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"key": "another"}, SignatureInvalid),
        ({"check_sum": ""}, SignatureInvalid),
        ({"error": "14"}, OutcomeUnknown),
        ({"data": {"transaction_refund_code": "R2", "status": 0}}, OutcomeUnknown),
        ({"client_id": "OTHER"}, OutcomeUnknown),
    ],
)
def test_refund_query_answer_that_proves_nothing_raises(changes, error):
    with pytest.raises(error):
        asked(**changes)
