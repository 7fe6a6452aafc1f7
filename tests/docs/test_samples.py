"""The samples of the documents run: what a reader copies works."""

import json
import os
import subprocess
import sys
import time
from itertools import count

import pytest

from payclear.identity.service import authenticate_portal
from payclear.kernel.secret import Secret
from payclear.operations import demo
from payclear.orders.schemas import OrderSchema
from payclear.security.standard_webhooks import new_secret, signing_headers
from tests.docs.pages import DOCS, ROOT, page

NUMBERS = count(1)
PORTALS = page(DOCS / "portals.md")
BODY = '{"id":"evt_1","type":"payment_order.paid","data":{"portal_ref":"Đ-1"}}'.encode()


@pytest.fixture(scope="module")
def verified_event():
    (sample,) = PORTALS.blocks("python")
    names: dict = {}
    exec(compile(sample, "portals.md", "exec"), names)
    return names["verified_event"]


def signed(*secrets: Secret, at: float | None = None, body: bytes = BODY) -> dict[str, str]:
    return signing_headers("evt_1", int(time.time() if at is None else at), body, secrets=secrets)


def test_sample_refuses_another_body(verified_event):
    secret = new_secret()
    with pytest.raises(ValueError, match="no signature"):
        verified_event(signed(secret), BODY + b" ", secret.reveal())


def test_sample_refuses_another_secret(verified_event):
    with pytest.raises(ValueError, match="no signature"):
        verified_event(signed(new_secret()), BODY, new_secret().reveal())


@pytest.mark.parametrize("age_s", [-400, 400])
def test_sample_refuses_what_is_not_fresh(verified_event, age_s):
    secret = new_secret()
    with pytest.raises(ValueError, match="too old"):
        verified_event(signed(secret, at=time.time() - age_s), BODY, secret.reveal())


@pytest.mark.parametrize("missing", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_sample_refuses_a_message_without_a_header(verified_event, missing):
    secret = new_secret()
    headers = {name: value for name, value in signed(secret).items() if name != missing}
    with pytest.raises(ValueError, match="no "):
        verified_event(headers, BODY, secret.reveal())


def test_sample_takes_a_good_message(verified_event):
    secret = new_secret()
    assert verified_event(signed(secret), BODY, secret.reveal())["data"] == {"portal_ref": "Đ-1"}


def test_sample_takes_a_message_while_secrets_change(verified_event):
    old, new = new_secret(), new_secret()
    assert verified_event(signed(new, old), BODY, old.reveal())["id"] == "evt_1"


def test_bodies_of_the_portal_page_are_taken_by_the_api(runtime, client):
    demo.load(runtime)
    fee, fine, order, _problem = (json.loads(block) for block in PORTALS.blocks("json"))
    fee_id = post(runtime, client, "/v1/obligations", fee)["id"]
    fine_id = post(runtime, client, "/v1/obligations", fine)["id"]
    made = post(runtime, client, "/v1/payment-orders", order | {"obligations": [fee_id, fine_id]})
    assert made["status"] == "open"
    assert made["amount"]["amount"] > 1_150_000  # the fine is late: the surcharge is ours to add
    assert set(made) == set(OrderSchema().fields)


def test_shown_problem_is_what_the_api_answers(runtime, client):
    demo.load(runtime)
    fee, *_, shown = (json.loads(block) for block in PORTALS.blocks("json"))
    fee["lines"][0]["amount"] = 0.5
    answer = post(runtime, client, "/v1/obligations", fee, status=422)
    assert {**answer, "request_id": ""} == {**shown, "type": answer["type"], "request_id": ""}
    assert answer["type"].endswith("/docs#error-invalid_request")


def test_demo_key_of_the_page_is_the_demo_portal_s(runtime):
    demo.load(runtime)
    (shell,) = PORTALS.blocks("sh")
    key = shell.split("KEY=")[1].split("\n")[0]
    with runtime.database.begin() as uow:
        assert authenticate_portal(uow, f"Bearer {key}").portal_code == demo.PORTAL


def test_registration_script_of_the_operators_page_runs(postgres, runtime):
    (script,) = page(DOCS / "operators.md").blocks("python")
    environ = {**os.environ, "PAYCLEAR_ENVIRONMENT": "test", "PAYCLEAR_DATABASE_URL": postgres.app_url}
    asked = 'getpass.getpass("Password, 15 characters or more: ")'
    assert asked in script
    done = subprocess.run(
        [sys.executable, "-"],
        input=script.replace(asked, '"a long enough password"'),
        cwd=ROOT,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    key = done.stdout.split("API key:")[1].split()[0]
    with runtime.database.begin() as uow:
        assert authenticate_portal(uow, f"Bearer {key}").portal_code == "tinh-mau"


def test_statements_of_the_operators_page_are_of_this_schema(runtime):
    statements = [
        statement
        for block in page(DOCS / "operators.md").blocks("sql")
        for statement in block.split(";\n")
        if statement.lstrip().startswith(("SELECT", "UPDATE"))
    ]
    assert len(statements) >= 5
    for statement in statements:
        with runtime.database.begin() as uow:
            uow.run(statement.strip().rstrip(";"))


def post(runtime, client, path: str, body: dict, *, status: int | None = None) -> dict:
    key = runtime.settings.portal_example.api_key.reveal()
    answer = client.post(
        path,
        json=body,
        headers={"Authorization": f"Bearer {key}", "Idempotency-Key": f"sample-{next(NUMBERS)}"},
    )
    assert answer.status_code == (status or 201), answer.get_data(as_text=True)
    return answer.get_json()
