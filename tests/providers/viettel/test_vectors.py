import json
from pathlib import Path
from urllib.parse import parse_qsl

import pytest

from payclear.contract.outcomes import CallbackVerdict
from payclear.kernel.money import Money
from payclear.kernel.secret import Secret
from providers.viettel import mapping, provider
from providers.viettel.mapping import KeyPair
from tests.providers.factories import checkout, inbound
from tests.providers.viettel.account import viettel_account

VECTORS = {
    vector["case"]: vector
    for vector in json.loads((Path(__file__).parents[2] / "golden" / "viettel.json").read_text("utf-8"))
}
FIELDS = {
    "pg2-payment-redirect": mapping.PAY,
    "pg2-verify-data-callback": mapping.VERIFY,
    "pg2-result-callback-reply": mapping.REPLY,
    "pg2-inquiry": mapping.INQUIRY,
    "pg2-refund": mapping.REFUND,
}


def pair_of(vector):
    return KeyPair("k", Secret(vector["input"]["access_code"]), Secret(vector["secret"]))


def test_every_vector_is_used():
    assert set(VECTORS) == set(FIELDS)


@pytest.mark.parametrize("case", sorted(FIELDS))
def test_sign_agrees_with_the_vector(case):
    vector = VECTORS[case]
    assert "".join(vector["input"][name] for name in FIELDS[case]) == vector["canonical"]
    assert mapping.sign(pair_of(vector), vector["input"], FIELDS[case]) == vector["signature"]


def test_start_checkout_is_signed_as_the_vector_is():
    vector = VECTORS["pg2-payment-redirect"]
    given = vector["input"]
    account = viettel_account(
        options={"merchant_code": given["merchant_code"]},
        secrets={"access_code": Secret(given["access_code"]), "hash_key": Secret(vector["secret"])},
    )
    request = checkout(attempt_ref=given["order_id"], amount=Money(int(given["trans_amount"])))
    fields = dict(parse_qsl(provider.start_checkout(account, request).redirect_url.partition("?")[2]))
    assert {**fields, **given, "billcode": ""} == {
        **fields,
        "access_code": given["access_code"],
        "billcode": "",
    }
    assert fields["check_sum"] == mapping.sign(pair_of(vector), fields, mapping.PAY)


def test_acknowledge_reply_is_signed_as_the_vector_is():
    vector = VECTORS["pg2-result-callback-reply"]
    given = vector["input"]
    account = viettel_account(
        options={"merchant_code": given["merchant_code"]},
        secrets={"access_code": Secret(given["access_code"]), "hash_key": Secret(vector["secret"])},
    )
    fields = {
        "billcode": mapping.bill_code(given["order_id"], Money(150_000)),
        "merchant_code": given["merchant_code"],
        "order_id": given["order_id"],
        "payment_status": "1",
        "trans_amount": "150000",
        "vt_transaction_id": "1",
        "error_code": "00",
    }
    fields["check_sum"] = mapping.sign(pair_of(vector), fields, mapping.RESULT).replace("+", "%2B")
    body = "&".join(f"{name}={value}" for name, value in fields.items()).encode()
    answer = provider.acknowledge(account, CallbackVerdict.ACCEPTED, inbound(method="POST", body=body))
    assert json.loads(answer.body) == {
        "error_code": "00",
        "merchant_code": "DVCTEST",
        "order_id": "4401",
        "return_url": "",
        "return_bill_code": "",
        "return_other_info": "",
        "check_sum": vector["signature"],
    }
