import base64
import json
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from payclear.kernel.clock import FixedClock
from payclear.kernel.money import Money
from payclear.kernel.secret import Secret
from providers.ninepay import mapping, provider
from providers.ninepay.client import NinepayClient
from tests.providers.canned import Canned
from tests.providers.factories import checkout
from tests.providers.ninepay.account import ninepay_account

VECTORS = {
    vector["case"]: vector
    for vector in json.loads((Path(__file__).parents[2] / "golden" / "ninepay.json").read_text("utf-8"))
}
ENDPOINT = "https://sand-payment.9pay.vn"
STAMP = 1795231800
CREATE, INQUIRE = VECTORS["portal-create"], VECTORS["inquire-header"]


def test_every_vector_is_used():
    assert set(VECTORS) == {"portal-create", "inquire-header"}


def test_portal_url_of_the_vector_is_the_very_url():
    given = CREATE["input"]
    assert (
        mapping.signing_string("POST", f"{ENDPOINT}/payments/create", given["time"], given)
        == CREATE["canonical"]
    )
    assert mapping.sign(Secret(CREATE["secret"]), CREATE["canonical"]) == CREATE["signature"]
    assert mapping.portal_url(ENDPOINT, given, Secret(CREATE["secret"])) == CREATE["extra"]["redirect_url"]


def test_start_checkout_holds_the_fields_of_the_vector():
    given = CREATE["input"]
    account = ninepay_account(
        options={"endpoint": ENDPOINT, "merchant_key": "MERCHANT01"},
        secrets={"secret_key": Secret(CREATE["secret"])},
    )
    request = checkout(
        attempt_ref=given["invoice_no"],
        amount=Money(int(given["amount"])),
        memo=given["description"],
        return_url=given["return_url"],
        created_at=datetime.fromtimestamp(STAMP, UTC),
        expires_at=datetime.fromtimestamp(STAMP + 900, UTC),
    )
    url = provider.start_checkout(account, request).redirect_url
    sent = json.loads(base64.b64decode(parse_qs(url.partition("?")[2])["baseEncode"][0]))
    ours = {"back_url": given["return_url"], "currency": "VND", "lang": "vi", "expires_time": 15}
    assert sent == {**given, **ours}


def test_inquire_headers_are_those_of_the_vector():
    account = ninepay_account(
        options={"endpoint": ENDPOINT, "merchant_key": "MERCHANT01"},
        secrets={"secret_key": Secret(INQUIRE["secret"])},
    )
    transport = Canned(status=500)
    clock = FixedClock(datetime.fromtimestamp(STAMP, UTC))
    with pytest.raises(Exception, match="HTTP error"):
        NinepayClient(transport, clock).inquire(account, "987654321")
    method, url, headers, body = transport.sent[0]
    assert (method, url, body) == (INQUIRE["input"]["method"], INQUIRE["input"]["url"], b"")
    assert headers == INQUIRE["extra"]["headers"]
