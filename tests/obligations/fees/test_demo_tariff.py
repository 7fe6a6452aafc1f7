"""The fees of the demonstration's catalogue, and the worked examples of the portals' page, through the API."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from payclear.identity.service import ALL_SCOPES, issue_api_key
from payclear.operations import demo
from payclear.runtime import Runtime
from tests.obligations.fees.conftest import told
from tests.portal_api import PortalApi
from tests.scenes import Scene

POWER_LINE = {
    "type": "other_service",
    "code": "CAP-DIEN",
    "name": "Chi phí đấu nối",
    "amount": 1_250_000,
    "beneficiary_account": "TK-DIENLUC",
    "rule": "BANG-GIA-MAU-2026",
    "legal_basis": "Bảng giá thử nghiệm của điện lực",
}
PORTALS = Path(__file__).parents[3] / "docs" / "portals.md"


@pytest.fixture
def demo_portal(app: Flask, runtime: Runtime) -> PortalApi:
    demo.load(runtime)
    scene = Scene(runtime, portal_code=demo.PORTAL)
    with runtime.database.begin() as uow:
        key = issue_api_key(uow, demo.PORTAL, scopes=ALL_SCOPES).full_text
        uow.commit()
    return PortalApi(app, scene, key)


@pytest.fixture
def catalogue() -> None:
    """The demonstration's catalogue in place of the tests' own."""


@pytest.mark.parametrize(
    ("changes", "amounts"),
    [
        ({"procedure": "1.009999"}, [200_000]),
        ({"procedure": "1.009999", "channel": "online"}, [150_000]),
        ({"procedure": "1.009999.000.00.00.H00", "channel": "online"}, [150_000]),
        (
            {"procedure": "1.009999.01", "claim": {"payer_class": "poor_household", "evidence_ref": "A1"}},
            [0],
        ),
        ({"procedure": "2.009998", "items": [{"item_code": "le_phi", "quantity": 3}]}, [24_000]),
        (
            {"procedure": "1.009997", "items": [{"item_code": "phi_duy_tri", "years": 2}]},
            [100_000, 1_400_000],
        ),
        ({"procedure": "1.009996"}, [0]),
        ({"procedure": "2.009998", "items": [{"item_code": "courier"}]}, [13_000, 8_000]),
        ({"procedure": "2.009993", "items": [{"item_code": "le_phi", "quantity": 5}]}, [10_000]),
        ({"procedure": "1.009994", "agency_code": "E00.01", "charges": [POWER_LINE]}, [1_250_000]),
    ],
)
def test_demonstration_prices_what_its_catalogue_says(
    demo_portal: PortalApi, changes: dict[str, Any], amounts: list[int]
) -> None:
    agency = {name: changes[name] for name in ("agency_code",) if name in changes}
    facts = {name: value for name, value in changes.items() if name not in agency}
    answer = demo_portal.post("/obligations", told(**facts) | agency)
    assert answer.status_code == 201, answer.text
    assert [line["amount"]["amount"] for line in answer.json["lines"]] == amounts


def test_procedure_of_the_past_is_not_in_force(demo_portal: PortalApi) -> None:
    answer = demo_portal.post("/obligations", told(procedure="1.009995"))
    assert (answer.status_code, answer.json["code"]) == (422, "procedure_not_in_force")


def test_worked_examples_of_the_portals_page_come_true(demo_portal: PortalApi) -> None:
    text = PORTALS.read_text("utf-8")
    blocks = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", text, re.DOTALL)]
    simple, full = (body for body in blocks if body.get("kind") == "dossier_fee")
    assert demo_portal.post("/obligations", simple).json["principal"]["amount"] == 150_000
    shown = demo_portal.post("/obligations", full).json
    lines = zip(shown["lines"], shown["pricing"]["lines"], strict=True)
    assert [
        (why["item_code"], why["rule"], line["amount"]["amount"], line["beneficiary_account"])
        for line, why in lines
    ] == [
        ("le_phi", "LLTP-LEPHI", 10_000, "TK-H00-LEPHI"),
        ("phi", "LLTP-PHI-HO-NGHEO", 0, "TK-H00-PHI"),
        ("BCCI", "BANG-GIA-MAU-2026", 26_000, "TK-BUUCHINH"),
    ]
