"""Dossiers with odd codes are kept, sealed, and registered only once a person accepted the code."""

import pytest
from flask.testing import FlaskClient

from payclear.operations.verify import verify
from payclear.runtime import Runtime
from tests.console.conftest import LogIn, token_of
from tests.obligations.fees.conftest import COPIES, GONE_BY, told
from tests.portal_api import PortalApi

ODD = "H00-14/261121/7"


def decide(client: FlaskClient, quarantine_id: str, decision: str, note: str = "") -> int:
    form = {"csrf_token": token_of(client.get("/console/fees").text), "decision": decision, "note": note}
    return client.post(f"/console/fees/quarantine/{quarantine_id}", data=form).status_code


def row_id(runtime: Runtime) -> str:
    with runtime.database.begin() as uow:
        return str(uow.one("SELECT id FROM dossier_quarantine")[0])


@pytest.mark.parametrize("code", ["H00.14-261122-0001", "\u200b", " - "[:1] * 3])
def test_code_of_tomorrow_or_of_nothing_is_refused_at_once(portal: PortalApi, code: str) -> None:
    answer = portal.post("/obligations", told(code=code))
    assert answer.status_code == 422, answer.text


def test_odd_dossier_is_checked_in_all_else_before_it_is_kept(portal: PortalApi, runtime: Runtime) -> None:
    assert (
        portal.post("/obligations", told(code=ODD, procedure=GONE_BY)).json["code"]
        == "procedure_not_in_force"
    )
    assert (
        portal.post("/obligations", told(code=ODD, declared_total=1)).json["code"] == "declared_total_differs"
    )
    with runtime.database.begin() as uow:
        assert uow.one("SELECT count(*) FROM dossier_quarantine") == (0,)


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (ODD, "not_three_parts"),
        ("H00.14-261399-0007", "impossible_date"),
        ("14H-261121-0007", "agency_form"),
        ("H00.14-261121-07", "sequence_form"),
        ("H00.14-26112-0007", "date_form"),
        ("HỒ SƠ-261121-0007", "foreign_letters"),
    ],
)
def test_odd_code_is_kept_as_sent_with_its_reason(portal: PortalApi, code: str, reason: str) -> None:
    answer = portal.post("/obligations", told(code=code))
    assert answer.status_code == 202, answer.text
    held = answer.json
    assert (held["status"], held["dossier_code_as_sent"], held["reason"]) == ("waiting", code, reason)
    assert held["obligation"] is None
    assert answer.headers["Location"] == f"/v1/quarantined-dossiers/{held['id']}"
    assert portal.get(f"/quarantined-dossiers/{held['id']}").json == held


def test_kept_dossier_is_sealed_and_owed_by_nobody_yet(portal: PortalApi, runtime: Runtime) -> None:
    portal.post("/obligations", told(code=ODD))
    with runtime.database.begin() as uow:
        (text,) = uow.one("SELECT q::text || encode(q.command_sealed, 'escape') FROM dossier_quarantine q")
        assert uow.one("SELECT count(*) FROM obligation") == (0,)
    assert "NGUYỄN" not in text
    assert "000000000001" not in text


def test_same_odd_dossier_again_is_the_same_and_other_contents_are_refused(portal: PortalApi) -> None:
    first = portal.post("/obligations", told(code=ODD))
    assert portal.post("/obligations", told(code=ODD)).json == first.json
    other = portal.post("/obligations", told(code=ODD, procedure=COPIES, items=[{"item_code": "L01"}]))
    assert (other.status_code, other.json["code"]) == (409, "document_already_registered")


def test_foreign_portal_does_not_find_it(portal: PortalApi) -> None:
    held = portal.post("/obligations", told(code=ODD)).json
    stranger = PortalApi.of(portal.app, portal.scene, portal_code="stranger")
    answer = stranger.get(f"/quarantined-dossiers/{held['id']}")
    assert (answer.status_code, answer.json["code"]) == (404, "dossier_not_quarantined")
    assert portal.get("/quarantined-dossiers/dsq_nonsense").status_code == 404


def test_accepted_code_makes_the_obligation_under_the_code_as_sent(
    portal: PortalApi,
    runtime: Runtime,
    desk: FlaskClient,
) -> None:
    held = portal.post("/obligations", told(code=ODD)).json
    assert decide(desk, row_id(runtime), "accept", "Mã của hệ thống cũ") == 303
    read = portal.get(f"/quarantined-dossiers/{held['id']}").json
    assert read["status"] == "accepted"
    owed = portal.get(f"/obligations/{read['obligation']}").json
    assert (owed["document_no"], owed["pricing"]["dossier_code_as_sent"]) == (ODD, ODD)
    assert (owed["pricing"]["code_on"], owed["principal"]["amount"]) == (None, 200_000)
    again = portal.post("/obligations", told(code=ODD))
    assert (again.status_code, again.json["id"]) == (200, owed["id"])
    with runtime.database.begin() as uow:
        assert uow.one("SELECT command_sealed, wrapped_key FROM dossier_quarantine") == (None, None)
    assert decide(desk, row_id(runtime), "refuse", "Nhầm") == 422
    assert [finding.check.id for finding in verify(runtime.database) if not finding.holds] == []


def test_refused_code_says_why_and_is_not_taken_again(
    portal: PortalApi,
    runtime: Runtime,
    desk: FlaskClient,
) -> None:
    held = portal.post("/obligations", told(code=ODD)).json
    assert decide(desk, row_id(runtime), "refuse") == 422
    assert decide(desk, row_id(runtime), "refuse", "Không phải mã hồ sơ") == 303
    assert portal.get(f"/quarantined-dossiers/{held['id']}").json["status"] == "refused"
    again = portal.post("/obligations", told(code=ODD))
    assert (again.status_code, again.json["code"]) == (409, "dossier_code_refused")


def test_viewer_sees_and_may_not_decide(
    portal: PortalApi,
    runtime: Runtime,
    desk: FlaskClient,
    log_in: LogIn,
) -> None:
    portal.post("/obligations", told(code=ODD))
    viewer = portal.app.test_client()
    log_in(viewer, "binh.tran")
    assert ODD in viewer.get("/console/fees").text
    assert decide(viewer, row_id(runtime), "accept") == 403
