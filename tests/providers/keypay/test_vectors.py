import json
from pathlib import Path

from payclear.contract.outcomes import CallbackVerdict
from payclear.kernel.money import Money
from payclear.kernel.secret import Secret
from providers.keypay import mapping, provider
from providers.keypay.client import KeypayClient
from providers.keypay.provider import KeypayProvider
from tests.providers.canned import Canned
from tests.providers.factories import checkout, inbound
from tests.providers.keypay.account import keypay_account

VECTORS = {
    vector["case"]: vector
    for vector in json.loads((Path(__file__).parents[2] / "golden" / "keypay.json").read_text("utf-8"))
}
CREATE, CALLBACK = VECTORS["v3-create-transaction"], VECTORS["v3-callback"]
ACCOUNT = keypay_account(
    options={"client_id": "CLIENT01"},
    secrets={"client_key_1": Secret(CREATE["secret"]), "client_key_2": Secret(CALLBACK["secret"])},
)


def test_every_vector_is_used():
    assert set(VECTORS) == {"v3-create-transaction", "v3-callback"}


def test_start_checkout_sends_the_fields_and_the_checksum_of_the_vector():
    given = CREATE["input"]
    assert "|".join(given[name] for name in mapping.PAYMENT) == CREATE["canonical"]
    transport = Canned(b'{"error":"0","payment_url":"https://keypay.example.vn/pay/1"}')
    request = checkout(attempt_ref=given["transaction_id"], amount=Money(int(given["trans_amount"])))
    KeypayProvider(KeypayClient(transport)).start_checkout(ACCOUNT, request)
    sent = json.loads(transport.sent[0][3])
    assert {name: sent[name] for name in given} == given
    assert sent["check_sum"] == CREATE["signature"]


def test_verify_callback_of_the_vector_holds_and_is_answered_as_expected():
    message = {
        **CALLBACK["input"],
        "status": "0",
        "transaction_code": "KP1",
        "check_sum": CALLBACK["signature"],
    }
    request = inbound(method="POST", body=json.dumps(message).encode())
    got = provider.verify_callback(ACCOUNT, request)
    assert (got.confirm_by_query, got.evidence.amount) == (True, Money(150_000))
    answer = provider.acknowledge(ACCOUNT, CallbackVerdict.ACCEPTED, request)
    assert (answer.status, json.loads(answer.body)) == (200, CALLBACK["extra"]["expected_reply"])
