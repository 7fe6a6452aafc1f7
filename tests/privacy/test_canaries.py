"""Whatever door a person comes through, nothing that we keep, log or send on says who they are or what they did."""

import base64
import io
import json
import logging
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, quote_plus
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient

from payclear.audit.jobs import seal_whole_trail
from payclear.i18n.memos import strip_accents
from payclear.kernel.logs import install_logging
from payclear.kernel.money import Money
from payclear.obligations.obligors import factor_index_of
from payclear.privacy.reading import read_subject
from payclear.receipts.jobs import issue
from payclear.refunds.service import request_refund
from payclear.webhooks.service import register_endpoint
from tests.callbacks.vnpay_messages import ipn_query
from tests.collection.bank import Bank
from tests.database import TestServer
from tests.obligations.test_api import FEE, FINE
from tests.portal_api import PortalApi
from tests.privacy.conftest import OFFICER
from tests.scenes import VNPAY, Scene

NAME, ID_NO = "TRỊNH CÔNG HOÀNG YẾN KHUÊ", "079188123987"
PLATE, PHONE = "51K-987.65", "0987123654"
LICENCE, INSURANCE, ADDRESS = "790188444555", "7901886666", "Số 7 ngõ Cây Bông Gạo"
OFFENCE = "vượt đèn đỏ tại ngã tư Bảy Hiền"
CANARIES = {
    "name": NAME,
    "id_no": ID_NO,
    "plate": PLATE,
    "plate key": "51K98765",
    "phone": PHONE,
    "licence": LICENCE,
    "insurance": INSURANCE,
    "address": ADDRESS,
    "offence": OFFENCE,
}
WHO = {
    "name": NAME,
    "citizen_id": ID_NO,
    "phone": PHONE,
    "plate": PLATE,
    "plate_colour": "white",
    "licence_no": LICENCE,
    "insurance_code": INSURANCE,
    "address": ADDRESS,
}


@dataclass(frozen=True)
class Asked:
    """What the provider's callback must repeat of an attempt."""

    id: UUID
    attempt_ref: str
    amount: int


def forms(text: str) -> set[bytes]:
    """The ways in which a text may lie about: spelling, case, without marks, composed or not, hex, base64, in an address."""
    spelled = {text, strip_accents(text)}
    spelled |= {unicodedata.normalize("NFD", each) for each in spelled}
    spelled |= (
        {each.upper() for each in spelled}
        | {each.lower() for each in spelled}
        | {each.title() for each in spelled}
    )
    found: set[bytes] = set()
    for each in spelled:
        raw = each.encode()
        found |= {
            raw,
            raw.hex().encode(),
            raw.hex().upper().encode(),
            each.encode("utf-16-le"),
            each.encode("utf-16-be"),
        }
        found |= {quote(each).encode(), quote_plus(each).encode(), json.dumps(each)[1:-1].encode()}
        found.add(each.encode("unicode_escape"))
        # base64 of a text within a longer one, at each of the three offsets: the characters that it decides alone.
        for shift in range(3):
            whole = base64.b64encode(b"\0" * shift + raw)
            found.add(whole[-(-8 * shift // 6) : 8 * (shift + len(raw)) // 6])
    return {form for form in found if len(form) >= 6}


def leaks(place: str, content: bytes) -> list[str]:
    return [
        f"{place}: {name}" for name, text in CANARIES.items() if any(form in content for form in forms(text))
    ]


def database_dump(postgres: TestServer) -> dict[str, bytes]:
    """Every row of every table, those of the queue too: as text, and each bytea as it is."""
    with postgres.superuser() as connection:
        names = connection.execute(
            "SELECT quote_ident(table_schema) || '.' || quote_ident(table_name) FROM information_schema.tables"
            " WHERE table_type = 'BASE TABLE' AND table_schema NOT IN ('pg_catalog', 'information_schema')"
        ).fetchall()
        dump = {}
        for (name,) in names:
            cursor = connection.execute(f"SELECT * FROM {name} AS t")
            rows = cursor.fetchall()
            raw = b"\n".join(
                bytes(cell) for row in rows for cell in row if isinstance(cell, bytes | memoryview)
            )
            text = connection.execute(
                f"SELECT coalesce(string_agg(t::text, E'\\n'), '') FROM {name} AS t"
            ).fetchone()[0]
            dump[name] = raw + b"\n" + text.encode()
        return dump


@contextmanager
def every_line() -> Iterator[io.StringIO]:
    """All that is logged at DEBUG, as our own processes write it."""
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    stream = io.StringIO()
    try:
        install_logging(level="DEBUG", form="json", stream=stream)
        yield stream
    finally:
        root.handlers[:] = before
        root.setLevel(level)


def careless(body: dict[str, Any], number: str, line_name: str) -> dict[str, Any]:
    """A registration by a portal that writes what it should not into the name of a line."""
    document = dict(body["document"])
    document["dossier_code" if "dossier_code" in document else "decision_no"] = number
    lines = [body["lines"][0] | {"name": line_name}, *body["lines"][1:]]
    return body | {"document": document, "obligor": WHO, "lines": lines}


@pytest.mark.parametrize(
    "line_name",
    [
        f"Phí của {NAME}",
        f"phi cua {strip_accents(NAME).lower()}",
        f"Phí {unicodedata.normalize('NFD', NAME)}",
        f"CCCD {ID_NO[:3]} {ID_NO[3:6]} {ID_NO[6:]}",
        "Phí đăng ký xe 51K 98765",
        f"Phí, liên hệ {PHONE}",
    ],
)
def test_line_that_names_who_owes_is_refused(app: Flask, people: Scene, line_name: str) -> None:
    answer = PortalApi.of(app, people).post(
        "/obligations", careless(FEE, FEE["document"]["dossier_code"], line_name)
    )
    assert (answer.status_code, answer.json["code"]) == (422, "personal_data_in_text")
    assert NAME not in answer.text


def test_line_that_only_sounds_like_a_name_is_taken(app: Flask, people: Scene) -> None:
    named = careless(FEE, FEE["document"]["dossier_code"], "Phí mai táng") | {"obligor": {"name": "MAI"}}
    assert PortalApi.of(app, people).post("/obligations", named).status_code == 201


def test_nothing_kept_logged_or_sent_says_who_owes_or_what_they_did(
    app: Flask, people: Scene, client: FlaskClient, postgres: TestServer
) -> None:
    runtime = people.runtime
    sent: dict[str, bytes] = {}
    with runtime.database.begin() as uow:
        register_endpoint(
            uow,
            runtime.sealer,
            people.portal_code,
            "https://portal.example/hooks",
            ["payment_order.created", "payment_order.paid", "payment_order.reversed"],
            allow_hosts=("portal.example",),
        )
        uow.commit()
    with every_line() as lines:
        portal = PortalApi.of(app, people)
        registered = []
        for number in ("0012345/QĐ-XPHC", "0012346/QĐ-XPHC"):
            answer = portal.post("/obligations", careless(FINE, number, f"Phạt {NAME}: {OFFENCE}"))
            assert answer.status_code == 201, answer.text
            registered.append(answer)
            sent[f"answer {number}"] = answer.data
            sent[f"read {number}"] = portal.get(f"/obligations/{answer.json['id']}").data
        waiting = portal.post("/obligations", careless(FEE, "K-CU-0007", "Phí mẫu"))
        assert waiting.status_code == 202, waiting.text
        sent["quarantine"] = waiting.data
        refused = portal.post(
            "/obligations", FEE | {"obligor": WHO | {"citizen_id": NAME, "offence": OFFENCE}}
        )
        assert refused.status_code == 422
        sent["refusal"] = refused.data

        order = portal.order(obligations=[registered[0].json["id"]])
        sent["order"] = json.dumps(order).encode()
        token = order["pay_url"].rpartition("/")[2]
        page = client.get(f"/pay/{token}")
        assert page.status_code == 200
        sent["pay page"] = page.data
        form_token = page.text.partition('name="csrf_token" value="')[2].partition('"')[0]
        asked = client.post(
            f"/pay/{token}/attempts", data={"csrf_token": form_token, "provider_account": VNPAY, "lang": "vi"}
        )
        assert asked.status_code == 303, asked.text
        sent["request of the provider"] = asked.headers["Location"].encode()
        with runtime.database.begin() as uow:
            attempt = uow.rows(
                Asked,
                "SELECT id, attempt_ref, amount FROM payment_attempt WHERE provider_account = %s",
                (VNPAY,),
            )[0]
        query = ipn_query(runtime, attempt, vnp_OrderInfo=f"{NAME} {ID_NO} {OFFENCE}")
        forged = ipn_query(runtime, attempt, key="no", vnp_OrderInfo=NAME)
        assert client.get(f"/callbacks/{VNPAY}?{forged}").json["RspCode"] == "97"
        told = client.get(f"/callbacks/{VNPAY}?{query}")
        assert told.json["RspCode"] == "00"
        sent["acknowledgement"] = told.data

        bank = Bank(app, runtime.clock)
        bill = bank.bill("0012346/QĐ-XPHC")
        sent["bill at a counter"] = json.dumps(
            {name: value for name, value in bill.items() if name != "payer_name"}
        ).encode()
        paid = bank.pay(bill, payer_name=NAME, payer_phone=PHONE, note=OFFENCE)
        sent["counter"] = json.dumps(paid.body).encode()

        issue()
        sent["receipt"] = client.get(f"/pay/{token}/receipt").data
        with runtime.database.begin() as uow:
            request_refund(
                uow,
                providers=runtime.providers,
                attempt_ref=attempt.attempt_ref,
                amount=Money(1_000),
                reason="nộp thừa",
                requested_by="canbo",
            )
            uow.commit()
        looked = portal.post("/lookups", {"document_no": "0012345/QĐ-XPHC", "second_factor": ID_NO[-4:]})
        assert looked.status_code == 200, looked.text
        sent["look-up"] = looked.data
        portal.post("/lookups", {"document_no": f"{NAME} {ID_NO}"[:60], "second_factor": PLATE})
        portal.get("/clearance", headers={"Clearance-Subject": f'citizen-id="{ID_NO}"'})
        with runtime.database.begin() as uow:
            subject = uow.one("SELECT id FROM obligor ORDER BY id LIMIT 1")[0]
            read_subject(uow, subject, purpose="complaint", reader=OFFICER, sealer=runtime.sealer)
            uow.commit()
        seal_whole_trail()

    found = [leak for place, content in sent.items() for leak in leaks(place, content)]
    found += leaks("log", lines.getvalue().encode())
    dump = database_dump(postgres)
    found += [leak for place, content in dump.items() for leak in leaks(f"table {place}", content)]
    assert found == []
    # The dump is whole, and what we looked for is what was told.
    assert len(dump["public.webhook_delivery"]) > 2
    assert b"0012345" in dump["public.obligation"]
    assert len(lines.getvalue()) > 1_000
    with runtime.database.begin() as uow:
        index = factor_index_of(runtime.blind_index, "0012345/QĐ-XPHC", f"id:{ID_NO[-4:]}")
        assert uow.one("SELECT count(*) FROM obligor_field WHERE index = %s", (index,)) == (1,)


@pytest.mark.parametrize("text", CANARIES.values())
def test_net_catches_a_canary_in_each_of_its_forms(text: str) -> None:
    for form in forms(text):
        assert leaks("here", b"xx" + form + b"yy")
    for around in ("", "a", "ab"):
        whole = base64.b64encode(f"{around}{text} and more".encode())
        assert leaks("here", whole), whole
    assert leaks("here", f"x{text}y".encode().hex().encode())
    assert not leaks("here", b"nothing of the kind")
