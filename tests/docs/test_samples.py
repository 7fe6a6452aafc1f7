"""The samples of the documents run: what a reader copies works."""

import json
import shlex
import time
from datetime import date
from itertools import count

import pytest
from click.testing import CliRunner

from payclear import cli
from payclear.identity.service import authenticate_portal
from payclear.kernel.secret import Secret
from payclear.operations import demo
from payclear.orders.schemas import OrderSchema
from payclear.security.standard_webhooks import new_secret, signing_headers
from tests.docs.pages import DOCS, page

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
    shown = [json.loads(block) for block in PORTALS.blocks("json")]
    by_kind = {body["kind"]: body for body in reversed(shown) if "kind" in body}
    (order,) = (body for body in shown if "portal_ref" in body and "obligations" in body)
    fee, fine = by_kind.pop("dossier_fee"), by_kind.pop("traffic_fine")
    owed = {
        kind: post(runtime, client, "/v1/obligations", body)["quote"]["total"]["amount"]
        for kind, body in by_kind.items()
    }
    assert owed == {
        "household_health_insurance": 1_366_200 + 717_255 + 245_916,
        "voluntary_social_insurance": 594_000,
        "tax": 2_500_000,
    }
    fee_id = post(runtime, client, "/v1/obligations", fee)["id"]
    fine_id = post(runtime, client, "/v1/obligations", fine)["id"]
    made = post(runtime, client, "/v1/payment-orders", order | {"obligations": [fee_id, fine_id]})
    assert made["status"] == "open"
    assert made["amount"]["amount"] > 1_150_000  # the fine is late: the surcharge is ours to add
    assert set(made) == set(OrderSchema().fields)


def test_later_words_about_a_fine_are_taken_by_the_api(runtime, client):
    demo.load(runtime)
    (fine,) = (
        body for block in PORTALS.blocks("json") if (body := json.loads(block)).get("kind") == "traffic_fine"
    )
    said = [block.split("\n", 1) for block in PORTALS.blocks("http") if "/obl_" in block]
    bodies = {address.rpartition("/")[2]: json.loads(body) for address, body in said}
    assert set(bodies) == {"versions", "instalment-plan", "paid-elsewhere"}
    reduced = post(runtime, client, "/v1/obligations", fine)["id"]
    told = post(runtime, client, f"/v1/obligations/{reduced}/versions", bodies["versions"], status=200)
    assert told["versions"][-1]["amount"]["amount"] == 600_000
    due = date.fromisoformat(bodies["instalment-plan"]["granted_on"])
    fine["document"] |= {"decision_no": "0012346/QĐ-XPHC", "decided_on": str(due), "served_on": str(due)}
    fine["lines"][0]["amount"] = 20_000_000
    large = post(runtime, client, "/v1/obligations", fine)["id"]
    told = post(
        runtime, client, f"/v1/obligations/{large}/instalment-plan", bodies["instalment-plan"], status=200
    )
    assert told["plan"]["state"] == "kept"
    body = {
        "portal_ref": "part-1",
        "obligations": [large],
        "return_url": "http://127.0.0.1:8200/return/0007",
        "instalments": [{"obligation": large, "instalment_no": 1}],
    }
    assert post(runtime, client, "/v1/payment-orders", body)["amount"]["amount"] == 8_000_000
    address = f"/v1/obligations/{large}/paid-elsewhere"
    told = post(runtime, client, address, bodies["paid-elsewhere"], status=200)
    assert told["paid_elsewhere"]["proof_ref"] == bodies["paid-elsewhere"]["proof_ref"]


def test_shown_problem_is_what_the_api_answers(runtime, client):
    demo.load(runtime)
    bodies = [json.loads(block) for block in PORTALS.blocks("json")]
    fee, shown = bodies[0], bodies[-1]
    fee["fee"]["declared_total"] = 0.5
    answer = post(runtime, client, "/v1/obligations", fee, status=422)
    assert {**answer, "request_id": ""} == {**shown, "type": answer["type"], "request_id": ""}
    assert answer["type"].endswith("/docs#error-invalid_request")


def test_demo_key_of_the_page_is_the_demo_portal_s(runtime):
    demo.load(runtime)
    (shell,) = [each for each in PORTALS.blocks("sh") if "KEY=" in each]
    key = shell.split("KEY=")[1].split("\n")[0]
    with runtime.database.begin() as uow:
        assert authenticate_portal(uow, f"Bearer {key}").portal_code == demo.PORTAL


def test_registration_by_the_commands_of_the_operators_page_works(postgres, runtime):
    demo.load(runtime)
    (block,) = [each for each in page(DOCS / "operators.md").blocks("sh") if "payclear portal create" in each]
    environ = {"PAYCLEAR_ENVIRONMENT": "test", "PAYCLEAR_DATABASE_URL": postgres.app_url}
    said = ""
    for line in block.replace("\\\n", " ").splitlines():
        if not line.strip():
            continue
        done = CliRunner().invoke(
            cli.main, shlex.split(line)[1:], input="a long enough password\n" * 2, env=environ
        )
        assert done.exit_code == 0, f"{line}: {done.output}"
        said += done.output
    assert "whsec_" in said
    key = said.split("API key: ")[1].split()[0]
    with runtime.database.begin() as uow:
        principal = authenticate_portal(uow, f"Bearer {key}")
    assert (principal.portal_code, principal.may_collect) == ("tinh-mau", True)


@pytest.mark.parametrize(("name", "least"), [("operators.md", 5), ("khan-cap.md", 4)])
def test_statements_of_the_operators_pages_are_of_this_schema(runtime, name: str, least: int):
    statements = [
        statement
        for block in page(DOCS / name).blocks("sql")
        for statement in block.split(";\n")
        if statement.lstrip().startswith(("SELECT", "UPDATE"))
    ]
    assert len(statements) >= least
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
