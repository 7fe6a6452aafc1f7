"""A portal sends the facts of a dossier and gets its fee, by the tariff of the filing date; refusals first."""

from datetime import date
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from payclear.kernel.ids import parse_public_id
from payclear.obligations.service import find_many, quote
from payclear.operations.verify import verify
from payclear.runtime import Runtime
from tests.factories.base import use
from tests.factories.catalogue import ProcedureFactory, TariffFactory
from tests.obligations.fees.conftest import (
    BIRTH,
    CLAIM,
    COPIES,
    COURIER,
    GONE_BY,
    LAND,
    PATENT,
    RECORD,
    told,
)
from tests.portal_api import PortalApi

LINE = {
    "type": "fee_phi",
    "name": "Phí mẫu",
    "amount": 1,
    "beneficiary_account": "TK-PHI",
    "chapter": "000",
    "sub_item": "0000",
}


def counted(runtime: Runtime) -> int:
    with runtime.database.begin() as uow:
        return int(uow.one("SELECT (SELECT count(*) FROM obligation) + (SELECT count(*) FROM fee_line)")[0])


def offences(runtime: Runtime) -> list[str]:
    return [finding.check.id for finding in verify(runtime.database) if not finding.holds]


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"procedure": "1.000001"}, 422, "unknown_procedure"),
        ({"procedure": GONE_BY}, 422, "procedure_not_in_force"),
        ({"procedure": f"{RECORD}.000.00.00.H00", "filed_on": "2025-12-31"}, 422, "procedure_not_in_force"),
        ({"items": [{"item_code": "P99"}]}, 422, "unknown_fee_item"),
        ({"items": [{"item_code": "P01", "quantity": 2}]}, 422, "invalid_fee_facts"),
        ({"items": [{"item_code": "P01"}, {"item_code": "P01"}]}, 422, "invalid_fee_facts"),
        ({"items": [{"item_code": "P01", "declared_value": 5}]}, 422, "invalid_fee_facts"),
        ({"procedure": LAND}, 422, "invalid_fee_facts"),
        ({"charges": [{**COURIER, "beneficiary_account": "TK-PHI"}]}, 422, "invalid_fee_facts"),
        ({"charges": [COURIER, COURIER]}, 422, "invalid_fee_facts"),
        ({"charges": [{**COURIER, "beneficiary_account": "TK-NONE"}]}, 422, "unknown_beneficiary_account"),
        ({"charges": [{**COURIER, "beneficiary_account": "TK-PHAT"}]}, 422, "beneficiary_account_refused"),
        ({"charges": [{**COURIER, "type": "fee_phi"}]}, 422, "invalid_request"),
        ({"claim": {"payer_class": "poor_household"}}, 422, "invalid_request"),
        ({"claim": {**CLAIM, "evidence_ref": "NGUYỄN VĂN A"}}, 422, "invalid_request"),
        ({"channel": "pigeon"}, 422, "invalid_request"),
        ({"declared_total": 199_999}, 409, "declared_total_differs"),
        ({"declared_total": 0}, 409, "declared_total_differs"),
        ({"filed_on": "2026-11-22"}, 422, "filing_date_refused"),
        ({"filed_on": "2001-01-01"}, 422, "filing_date_refused"),
    ],
)
def test_facts_that_can_not_be_priced_are_refused_and_nothing_is_kept(
    portal: PortalApi, runtime: Runtime, changes: dict[str, Any], status: int, code: str
) -> None:
    answer = portal.post("/obligations", told(**changes))
    assert (answer.status_code, answer.json["code"]) == (status, code), answer.text
    assert counted(runtime) == 0


@pytest.mark.parametrize(
    "changes",
    [
        {"charges": [{**COURIER, "name": "Giao hồ sơ cho Nguyễn Văn Mẫu"}]},
        {"claim": {**CLAIM, "evidence_ref": "CCCD-000000000001"}},
        {"code": "H00.14-NGUYỄN VĂN MẪU"},
    ],
)
def test_texts_that_name_the_payer_are_refused(
    portal: PortalApi, runtime: Runtime, changes: dict[str, Any]
) -> None:
    answer = portal.post("/obligations", told(**changes))
    assert answer.status_code == 422, answer.text
    assert counted(runtime) == 0


def test_fee_of_a_known_procedure_may_not_be_stated_by_the_portal(
    portal: PortalApi, runtime: Runtime
) -> None:
    body = told()
    del body["fee"]
    answer = portal.post("/obligations", {**body, "lines": [LINE]})
    assert (answer.status_code, answer.json["code"]) == (422, "stated_fee_refused"), answer.text
    both = portal.post("/obligations", {**told(), "lines": [LINE]})
    neither = portal.post("/obligations", body)
    assert [both.json["errors"][0]["code"], neither.json["errors"][0]["code"]] == [
        "not_allowed_here",
        "missing",
    ]
    assert counted(runtime) == 0


def test_procedure_without_a_price_on_the_filing_date_is_our_lack_and_says_so(
    portal: PortalApi, runtime: Runtime
) -> None:
    with runtime.database.begin() as uow:
        use(uow.session)
        ProcedureFactory(code="1.009990")
        TariffFactory(id="later", procedure_code="1.009990", valid_from=date(2026, 11, 22))
        uow.commit()
    answer = portal.post("/obligations", told(procedure="1.009990"))
    assert (answer.status_code, answer.json["code"]) == (503, "tariff_not_in_force"), answer.text
    assert counted(runtime) == 0


@pytest.mark.parametrize(
    ("changes", "amounts"),
    [
        ({}, {"P01": 200_000}),
        ({"channel": "online"}, {"P01": 150_000}),
        ({"channel": "online", "claim": CLAIM}, {"P01": 0}),
        ({"claim": {**CLAIM, "payer_class": "student"}}, {"P01": 200_000}),
        ({"items": [{"item_code": "L01", "quantity": 3}]}, {"L01": 15_000, "P01": 200_000}),
        ({"procedure": f"{RECORD}.01"}, {"P01": 200_000}),
        ({"procedure": f"{RECORD}.000.00.00.H00"}, {"P01": 200_000}),
        ({"procedure": f"{RECORD}.H00"}, {"P01": 200_000}),
        ({"procedure": COPIES, "items": [{"item_code": "L01", "quantity": 2}]}, {"L01": 16_000}),
        ({"procedure": PATENT, "items": [{"item_code": "P01", "years": 5}]}, {"P01": 3_500_000}),
        (
            {"procedure": PATENT, "items": [{"item_code": "P01", "years": 2, "quantity": 3}]},
            {"P01": 4_200_000},
        ),
        ({"procedure": LAND, "items": [{"item_code": "P01", "declared_value": 1}]}, {"P01": 100_000}),
        (
            {"procedure": LAND, "items": [{"item_code": "P01", "declared_value": 1_234_567_890}]},
            {"P01": 1_852_000},
        ),
        ({"procedure": LAND, "items": [{"item_code": "P01", "declared_value": 10**12}]}, {"P01": 5_000_000}),
        ({"procedure": BIRTH}, {"L01": 0}),
        ({"charges": [COURIER]}, {"P01": 200_000, "BCCI": 26_000}),
        ({"claim": CLAIM, "charges": [COURIER]}, {"P01": 0, "BCCI": 26_000}),
    ],
)
def test_facts_become_the_fee_of_the_tariff(
    portal: PortalApi, runtime: Runtime, changes: dict[str, Any], amounts: dict[str, int]
) -> None:
    total = sum(amounts.values())
    answer = portal.post("/obligations", told(**changes, declared_total=total))
    assert answer.status_code == 201, answer.text
    shown = answer.json
    explained = shown["pricing"]["lines"]
    assert {line["item_code"]: line["priced_amount"]["amount"] for line in explained} == amounts
    assert [line["amount"]["amount"] for line in shown["lines"]] == list(
        line["priced_amount"]["amount"] for line in explained
    )
    assert shown["principal"]["amount"] == total
    assert shown["status"] == ("open" if total else "exempted")
    assert all(line["rule"] and line["legal_basis"] for line in explained)
    assert offences(runtime) == []


def test_every_line_explains_itself_and_goes_to_its_own_beneficiary(portal: PortalApi) -> None:
    body = told(
        channel="online",
        items=[{"item_code": "L01", "quantity": 2}],
        charges=[COURIER],
        code="H00.14-261120-0007",
    )
    shown = portal.post("/obligations", body).json
    places = [
        (line["type"], line["beneficiary_account"], line["chapter"], line["sub_item"])
        for line in shown["lines"]
    ]
    assert places == [
        ("fee_le_phi", "TK-LEPHI", "018", "2752"),
        ("fee_phi", "TK-PHI", "018", "2107"),
        ("courier", "TK-BUUCHINH", "", ""),
    ]
    phi = shown["pricing"]["lines"][1]
    assert (phi["rule"], phi["discount"], phi["full_amount"]["amount"]) == ("T2", "1/4", 200_000)
    assert (phi["locality"], phi["collecting_agency"]) == ("00000", "0000000")
    courier = shown["pricing"]["lines"][2]
    assert (courier["rule"], courier["legal_basis"], courier["locality"]) == (
        "VNPOST-2026-01",
        "Bảng giá mẫu",
        "",
    )
    # The date within the code is not the filing date, and both are kept.
    assert (shown["pricing"]["code_on"], shown["pricing"]["filed_on"]) == ("2026-11-20", "2026-11-21")
    assert portal.get(f"/obligations/{shown['id']}").json["pricing"] == shown["pricing"]


def test_code_is_kept_as_written_and_compared_by_its_key(portal: PortalApi) -> None:
    first = portal.post("/obligations", told(code="h00.14 – 261121 – 0007"))
    assert first.json["document_no"] == "H00.14-261121-0007"
    assert first.json["pricing"]["dossier_code_as_sent"] == "h00.14 – 261121 – 0007"
    again = portal.post("/obligations", told())
    assert (again.status_code, again.json["id"]) == (200, first.json["id"])


@pytest.mark.parametrize(
    "changes",
    [
        {"channel": "online"},
        {"claim": CLAIM},
        {"items": [{"item_code": "L01"}]},
        {"charges": [COURIER]},
        {"filed_on": "2026-11-20"},
        {"procedure": COPIES},
    ],
)
def test_same_dossier_with_other_facts_is_refused(portal: PortalApi, changes: dict[str, Any]) -> None:
    assert portal.post("/obligations", told()).status_code == 201
    answer = portal.post("/obligations", told(**changes))
    assert (answer.status_code, answer.json["code"]) == (409, "document_already_registered"), answer.text
    other_total = portal.post("/obligations", told(declared_total=1))
    assert (other_total.status_code, other_total.json["code"]) == (409, "declared_total_differs")


def test_claim_that_no_row_rewards_is_named(portal: PortalApi) -> None:
    shown = portal.post("/obligations", told(claim={**CLAIM, "payer_class": "student"})).json
    assert shown["pricing"]["unused_claim"] == "student"
    assert shown["pricing"]["lines"][0]["payer_class"] is None


def test_price_stays_when_the_tariff_changes_and_past_days_reproduce(
    portal: PortalApi, runtime: Runtime
) -> None:
    before = portal.post("/obligations", told(filed_on="2026-11-01", code="H00.14-261101-0001")).json
    with runtime.database.begin() as uow:
        uow.run("SELECT set_config('payclear.today', '2026-11-01', true)")
        uow.run("UPDATE tariff SET valid_to = '2026-11-14' WHERE id = 'T1'")
        use(uow.session)
        TariffFactory(
            id="T1b", procedure_code=RECORD, item_code="P01", amount=300_000, valid_from=date(2026, 11, 15)
        )
        uow.commit()
    assert portal.get(f"/obligations/{before['id']}").json["principal"]["amount"] == 200_000
    late = portal.post("/obligations", told(filed_on="2026-11-14", code="H00.14-261114-0001")).json
    new = portal.post("/obligations", told(filed_on="2026-11-15", code="H00.14-261115-0001")).json
    assert [late["principal"]["amount"], new["principal"]["amount"]] == [200_000, 300_000]
    assert [each["pricing"]["lines"][0]["rule"] for each in (late, new)] == ["T1", "T1b"]
    with runtime.database.begin() as uow:
        (view,) = find_many(uow, [parse_public_id("obl", before["id"])])
        days = [date(2026, 11, 1), date(2026, 11, 14), date(2026, 11, 21), date(2027, 6, 1)]
        quotes = [quote(uow, view, for_date=day) for day in days]
    assert {(each.total.amount, each.depends_on_day) for each in quotes} == {(200_000, False)}


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    quantity=st.integers(1, 500),
    channel=st.sampled_from(["online", "counter"]),
    is_poor=st.booleans(),
    courier=st.integers(0, 10**9),
    number=st.integers(1, 99_999_999),
)
def test_lines_sum_to_the_total_and_the_order_asks_for_exactly_that(
    portal: PortalApi, quantity: int, channel: str, is_poor: bool, courier: int, number: int
) -> None:
    facts: dict[str, Any] = {"channel": channel, "items": [{"item_code": "L01", "quantity": quantity}]}
    if is_poor:
        facts["claim"] = CLAIM
    if courier:
        facts["charges"] = [{**COURIER, "amount": courier}]
    answer = portal.post("/obligations", told(code=f"H00.14-261121-{number:08d}", **facts))
    if answer.status_code == 409:
        return  # the same number twice with other facts
    shown = answer.json
    total = sum(line["amount"]["amount"] for line in shown["lines"])
    assert shown["principal"]["amount"] == shown["quote"]["total"]["amount"] == total
    if answer.status_code == 201:
        order = portal.order(obligations=[shown["id"]])
        assert order["amount"]["amount"] == sum(line["amount"]["amount"] for line in order["lines"]) == total
