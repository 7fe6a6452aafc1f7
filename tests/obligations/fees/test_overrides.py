"""Another price for a line: one officer proposes, another approves, and only while nobody collects it."""

from datetime import timedelta
from threading import Thread
from typing import Any
from uuid import UUID

import pytest
from flask.testing import FlaskClient

from payclear.identity.domain import StaffRole
from payclear.identity.sessions import create_staff
from payclear.kernel.ids import parse_public_id
from payclear.obligations.fees.overrides import FeeNotChangeable, decide
from payclear.operations.verify import verify
from payclear.orders.service import CreateOrder, create_order, live_order_of
from payclear.runtime import Runtime
from tests.console.conftest import PASSWORD, LogIn, token_of
from tests.obligations.fees.conftest import told
from tests.portal_api import PortalApi


@pytest.fixture
def second(portal: PortalApi, runtime: Runtime, desk: FlaskClient, log_in: LogIn) -> FlaskClient:
    """Another officer's browser."""
    with runtime.database.begin() as uow:
        create_staff(uow, login="chi.le", display_name="Chi", password=PASSWORD, roles=[StaffRole.OFFICER])
        uow.commit()
    client = portal.app.test_client()
    assert log_in(client, "chi.le").status_code == 303
    return client


def send(client: FlaskClient, path: str, **form: Any) -> Any:
    token = token_of(client.get("/console/fees").text)
    return client.post(f"/console/fees/overrides{path}", data={"csrf_token": token, **form})


def propose(client: FlaskClient, owed: dict[str, Any], amount: str = "120.000", reason: str = "NQ 12", line: int = 1) -> Any:  # fmt: skip
    return send(
        client, "", obligation=parse_public_id("obl", owed["id"]), line=line, amount=amount, reason=reason
    )


def override_id(runtime: Runtime) -> str:
    with runtime.database.begin() as uow:
        return str(uow.one("SELECT id FROM fee_override ORDER BY made_at DESC LIMIT 1")[0])


def offences(runtime: Runtime) -> list[str]:
    return [finding.check.id for finding in verify(runtime.database) if not finding.holds]


def read(portal: PortalApi, owed: dict[str, Any]) -> dict[str, Any]:
    shown: dict[str, Any] = portal.get(f"/obligations/{owed['id']}").json
    return shown


@pytest.mark.parametrize(
    "wrong",
    [{"reason": ""}, {"reason": "  "}, {"amount": "-1"}, {"amount": "x"}, {"amount": "200.000"}, {"line": 2}],
)
def test_proposal_without_reason_change_or_line_is_refused(
    portal: PortalApi,
    runtime: Runtime,
    desk: FlaskClient,
    wrong: dict[str, Any],
) -> None:
    owed = portal.post("/obligations", told()).json
    assert propose(desk, owed, **wrong).status_code == 422
    with runtime.database.begin() as uow:
        assert uow.one("SELECT count(*) FROM fee_override") == (0,)


def test_proposal_changes_nothing_until_a_second_person_approves(
    portal: PortalApi,
    runtime: Runtime,
    desk: FlaskClient,
    second: FlaskClient,
) -> None:
    owed = portal.post("/obligations", told()).json
    assert propose(desk, owed).status_code == 303
    assert read(portal, owed)["principal"]["amount"] == 200_000
    own = send(desk, f"/{override_id(runtime)}", decision="approve")
    assert own.status_code == 422
    assert read(portal, owed)["principal"]["amount"] == 200_000
    assert send(second, f"/{override_id(runtime)}", decision="approve").status_code == 303
    shown = read(portal, owed)
    assert (shown["principal"]["amount"], shown["quote"]["total"]["amount"]) == (120_000, 120_000)
    assert shown["pricing"]["lines"][0]["priced_amount"]["amount"] == 200_000
    assert [(each["status"], each["reason"]) for each in shown["pricing"]["overrides"]] == [
        ("approved", "NQ 12")
    ]
    assert 'data-testid="overridden"' in desk.get("/console/fees?code=H00.14-261121-0007").text
    # The portal repeats its registration: it is the same dossier, at the price that two people set.
    assert portal.post("/obligations", told()).json["principal"]["amount"] == 120_000
    with runtime.database.begin() as uow:
        trail = uow.run(
            "SELECT action, actor FROM audit_entry WHERE action LIKE 'fee_override.%' ORDER BY recorded_at, id"
        )
        assert trail.fetchall() == [
            ("fee_override.proposed", "an.nguyen"),
            ("fee_override.approved", "chi.le"),
        ]
    assert offences(runtime) == []


def test_refused_proposal_leaves_the_price(
    portal: PortalApi,
    runtime: Runtime,
    desk: FlaskClient,
    second: FlaskClient,
) -> None:
    owed = portal.post("/obligations", told()).json
    propose(desk, owed)
    assert send(second, f"/{override_id(runtime)}", decision="refuse").status_code == 303
    assert read(portal, owed)["principal"]["amount"] == 200_000
    assert send(second, f"/{override_id(runtime)}", decision="approve").status_code == 422
    assert offences(runtime) == []


def test_price_can_not_change_once_an_order_collects_it(
    portal: PortalApi,
    runtime: Runtime,
    desk: FlaskClient,
    second: FlaskClient,
) -> None:
    owed = portal.post("/obligations", told()).json
    propose(desk, owed)
    order = portal.order(obligations=[owed["id"]])
    assert send(second, f"/{override_id(runtime)}", decision="approve").status_code == 422
    assert propose(desk, owed, amount="1").status_code == 422
    portal.post(f"/payment-orders/{order['order_ref']}/cancel")
    assert send(second, f"/{override_id(runtime)}", decision="approve").status_code == 303
    assert portal.order(obligations=[owed["id"]])["amount"]["amount"] == 120_000
    assert offences(runtime) == []


def test_fee_set_to_nothing_is_exempted_with_the_reason(
    portal: PortalApi,
    runtime: Runtime,
    desk: FlaskClient,
    second: FlaskClient,
) -> None:
    owed = portal.post("/obligations", told()).json
    propose(desk, owed, amount="0", reason="Theo NQ 99")
    send(second, f"/{override_id(runtime)}", decision="approve")
    shown = read(portal, owed)
    assert (shown["status"], shown["pricing"]["exemption"]) == (
        "exempted",
        {"reason": "override", "legal_basis": "Theo NQ 99"},
    )
    assert portal.order(obligations=[owed["id"]])["status"] == "exempted"
    assert offences(runtime) == []


def test_one_person_alone_is_refused_by_the_database_too(
    portal: PortalApi,
    runtime: Runtime,
    desk: FlaskClient,
) -> None:
    propose(desk, portal.post("/obligations", told()).json)
    sql = "UPDATE fee_override SET state = 'approved', decided_by = made_by, decided_at = now()"
    with runtime.database.begin() as uow, pytest.raises(Exception, match="two_people"):
        uow.run(sql)


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE obligation_line SET amount = amount + 1",
        "UPDATE obligation SET principal = principal + 1",
        "UPDATE obligation_line SET amount = 7; UPDATE obligation SET principal = 7",
    ],
)
def test_verify_finds_prices_that_do_not_add_up_or_that_nobody_approved(
    portal: PortalApi, runtime: Runtime, sql: str
) -> None:
    portal.post("/obligations", told())
    assert offences(runtime) == []
    with runtime.database.begin() as uow:
        for statement in sql.split(";"):
            uow.run(statement)
        uow.commit()
    assert offences(runtime) == ["INV-64"]


def test_order_made_at_the_same_moment_keeps_its_price(
    portal: PortalApi, runtime: Runtime, desk: FlaskClient
) -> None:
    owed = portal.post("/obligations", told()).json
    propose(desk, owed)
    obligation_id, proposed = parse_public_id("obl", owed["id"]), UUID(override_id(runtime))
    outcomes: list[str] = []

    def approve() -> None:
        try:
            with runtime.database.begin() as uow:
                decide(
                    uow,
                    proposed,
                    "approved",
                    by="chi.le",
                    is_ordered=lambda uow, each: live_order_of(uow, each) is not None,
                )
                uow.commit()
            outcomes.append("approved")
        except FeeNotChangeable as refusal:
            outcomes.append(str(refusal.facts["reason"]))

    approver = Thread(target=approve)
    with runtime.database.begin() as uow:
        order = create_order(
            uow,
            CreateOrder(
                portal_code=portal.scene.portal_code,
                portal_ref="at-the-same-moment",
                obligation_ids=(obligation_id,),
                return_url="https://portal.example/return",
                locale="vi",
                expires_in=timedelta(hours=1),
                actor="key-1",
            ),
        )
        approver.start()
        while not uow.one("SELECT count(*) FROM pg_locks WHERE NOT granted")[0]:
            pass
        uow.commit()
    approver.join()
    assert outcomes == ["ordered"]
    assert order.amount.amount == read(portal, owed)["principal"]["amount"] == 200_000
