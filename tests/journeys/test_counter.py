"""A bank's counter over real processes: the example script pays a dossier, and a crash at any commit loses and doubles nothing."""

import json
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from payclear.kernel.ids import new_token
from payclear.kernel.secret import Secret
from payclear.security.http_signatures import HttpRequest, content_digest, sign
from payclear.security.signatures import Ed25519Signer
from tests.journeys.test_crashes import MOMENTS, crashes, finishes, insist
from tests.journeys.test_journeys import new_order, today
from tests.journeys.town import Town

pytestmark = pytest.mark.xdist_group("town")

BANK = Path(__file__).parents[2] / "examples" / "bank"
POINTS = [
    f"payclear.collection.service.{place}:{moment}:{times}"
    # The bill, the message as it came, and the payment: order, books, event, receipt in one commit.
    for place, times in (("_attempt_call", 1), ("_keep", 1), ("_attempt_call", 2))
    for moment in MOMENTS
]


def say(town: Town, operation: str, message: dict[str, Any]) -> dict[str, Any]:
    """Send a signed message to the collection account of the demonstration."""
    body = json.dumps(message).encode()
    host, path = town.web.removeprefix("http://"), f"/collection/collection-demo/{operation}"
    fields = {"content-type": "application/json", "content-digest": content_digest(body)}
    signature = sign(
        HttpRequest(method="POST", authority=host, path=path, fields=fields),
        components=[f'"{name}"' for name in ("@method", "@authority", "@path", *fields)],
        signer=Ed25519Signer.from_pem(Secret((BANK / "demo_only_key.pem").read_text())),
        key_id="bank-demo-1",
        created=datetime.now(UTC),
        tag="payclear-collection",
        nonce=new_token(),
    )
    answer = requests.post(f"{town.web}{path}", data=body, headers=fields | signature, timeout=20)
    assert answer.status_code in (200, 409), answer.text
    return answer.json()


def at_the_counter(town: Town, number: str) -> subprocess.CompletedProcess[str]:
    """Run the example script as a reader of the guide does."""
    return subprocess.run(
        ["sh", str(BANK / "pay_at_counter.sh"), number, town.web],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_script_of_a_counter_pays_an_order_by_its_payment_code(calm: Town) -> None:
    order = new_order(calm)
    ran = at_the_counter(calm, order["payment_code"])
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert '"result":"accepted"' in ran.stdout
    finishes(calm, order)
    again = at_the_counter(calm, order["payment_code"])
    assert again.returncode != 0
    assert '"code":"already_paid"' in again.stdout


def test_script_of_a_counter_pays_a_fine_that_nobody_ordered(calm: Town) -> None:
    number = f"{int(datetime.now(UTC).timestamp()) % 10_000_000:07d}/QĐ-XPHC"
    fine = calm.api(
        "POST",
        "/v1/obligations",
        headers={"Idempotency-Key": number.partition("/")[0] + "-fine"},
        json={
            "kind": "traffic_fine",
            "agency_code": "A00.01",
            "document": {
                "decision_no": number,
                "decided_on": today(),
                "served_on": today(),
                "served_method": "handed",
            },
            "surcharge": {
                "beneficiary_account": "TK-A00-CHAMNOP",
                "chapter": "000",
                "sub_item": "0000",
            },
            "obligor": {"name": "NGUYỄN VĂN MẪU", "citizen_id": "000000000001"},
            "lines": [
                {
                    "type": "fine",
                    "name": "Tiền phạt",
                    "amount": 1_000_000,
                    "beneficiary_account": "TK-A00-PHAT",
                    "chapter": "000",
                    "sub_item": "0000",
                }
            ],
            "currency": "VND",
        },
    )
    assert fine.status_code == 201, fine.text
    ran = at_the_counter(calm, number)
    assert '"payer_name":"NGUYEN V. M."' in ran.stdout, ran.stdout + ran.stderr
    assert ran.returncode == 0, ran.stdout + ran.stderr
    ((order_ref,),) = calm.rows(
        "SELECT order_ref FROM payment_order o JOIN payment_order_obligation l ON l.order_id = o.id"
        " JOIN obligation b ON b.id = l.obligation_id WHERE b.document_no = %s",
        number,
    )
    finishes(calm, {"order_ref": order_ref})


@pytest.mark.parametrize(
    "crash_at", POINTS, ids=lambda point: point.removeprefix("payclear.collection.service.")
)
def test_crash_at_a_counter_loses_and_doubles_nothing(calm: Town, crash_at: str) -> None:
    order = new_order(calm)
    died_before = crashes(calm, "web", crash_at)
    calm.restart("web", crash_at=crash_at)
    calm.wait_until_up()
    inquiry = {"message_id": "INQ-1", "document_no": order["payment_code"]}
    (bill,) = insist(calm, lambda: say(calm, "bills/inquire", inquiry))["bills"]
    payment = {
        "bank_ref": f"FT-{order['order_ref']}",
        "bill_id": bill["bill_id"],
        "amount": bill["amount"],
        "currency": "VND",
        "paid_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "channel": "COUNTER_BRANCH",
        "instrument": "CASH",
    }
    said = insist(calm, lambda: say(calm, "payments", payment))
    assert said["result"] in ("accepted", "already_known")
    assert crashes(calm, "web", crash_at) == died_before + 1
    booked = calm.rows(
        "SELECT count(*) FROM journal_entry WHERE natural_key = %s",
        f"money-in:collection-demo:{payment['bank_ref']}",
    )
    assert booked == [(1,)]
    finishes(calm, order)
