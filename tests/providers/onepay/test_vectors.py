import json
from pathlib import Path
from urllib.parse import parse_qsl

from payclear.contract.outcomes import Outcome
from payclear.kernel.money import Money
from payclear.kernel.secret import Secret
from providers.onepay import mapping, provider
from tests.providers.factories import checkout, inbound
from tests.providers.onepay.account import onepay_account

VECTORS = {
    vector["case"]: vector
    for vector in json.loads((Path(__file__).parents[2] / "golden" / "onepay.json").read_text("utf-8"))
}
CHECKOUT, RETURN = VECTORS["domestic-checkout"], VECTORS["domestic-return"]
SECRET = Secret(CHECKOUT["secret"])


def test_every_vector_is_used():
    assert set(VECTORS) == {"domestic-checkout", "domestic-return"}


def test_signed_query_gives_the_very_url():
    fields = dict(parse_qsl(CHECKOUT["extra"]["url"].partition("?")[2]))
    assert fields.pop("vpc_SecureHash") == CHECKOUT["signature"]
    assert mapping.canonical(fields) == CHECKOUT["canonical"]
    assert mapping.sign(SECRET, CHECKOUT["canonical"]) == CHECKOUT["signature"]
    assert CHECKOUT["extra"]["url"].partition("?")[2] == mapping.signed_query(fields, SECRET)


def test_start_checkout_sends_the_fields_of_the_vector_but_for_the_customer():
    given = CHECKOUT["input"]
    account = onepay_account(
        options={
            "merchant": "ONEPAY",
            "access_code": "D67342C2",
            "pay_url": "https://mtf.onepay.vn/onecomm-pay/vpc.op",
            "title": given["title"],
        },
        secrets={"hash_secret": SECRET},
    )
    request = checkout(
        attempt_ref=given["transactionId"],
        order_ref=given["orderId"],
        amount=Money(given["amount"]),
        payer_ip=given["clientIp"],
        return_url=given["returnUrl"],
    )
    url = provider.start_checkout(account, request).redirect_url
    base, _, query = url.partition("?")
    got, wanted = dict(parse_qsl(query)), dict(parse_qsl(CHECKOUT["extra"]["url"].partition("?")[2]))
    assert base == "https://mtf.onepay.vn/onecomm-pay/vpc.op"
    assert {name for name in wanted if name not in got} == {"vpc_Customer_Id", "vpc_Customer_Phone"}
    changed = {name for name in got if got[name] != wanted[name]}
    assert changed == {"vpc_SecureHash"}


def test_verify_callback_of_the_return_vector_is_a_confirmed_payment():
    fields = {**RETURN["input"], "vpc_SecureHash": RETURN["signature"]}
    assert mapping.canonical(fields) == RETURN["canonical"]
    query = "&".join(f"{name}={value}" for name, value in fields.items())
    account = onepay_account(secrets={"hash_secret": Secret(RETURN["secret"])})
    got = provider.verify_callback(account, inbound(query))
    assert got.evidence.outcome is Outcome.CONFIRMED
    assert got.evidence.amount == Money(1_250_000)
    assert got.evidence.attempt_ref == "T20261121103000"
    assert got.evidence.provider_ref == "1625746"
    assert got.evidence.merchant_account == "ONEPAY"
    assert got.dedupe_key == "T20261121103000:1625746:0"


def test_response_code_7_is_verified_like_any_other():
    account = onepay_account(secrets={"hash_secret": Secret(RETURN["secret"])})
    fields = {**RETURN["input"], "vpc_TxnResponseCode": "7"}
    query = mapping.signed_query(fields, Secret(RETURN["secret"]))
    assert provider.verify_callback(account, inbound(query)).evidence.outcome is Outcome.UNKNOWN
