"""The commands an operator gives for portals and staff, typed as they are typed, on a real database."""

import re

import pytest
from click.testing import CliRunner

from payclear import cli
from payclear.identity.service import authenticate_portal
from payclear.runtime import Runtime
from tests.database import TestServer
from tests.factories.base import use
from tests.factories.reference import AgencyFactory

PASSWORD = "mat-khau-rat-dai-2026"


class Terminal:
    """Types commands; the password is asked for."""

    def __init__(self, url: str) -> None:
        self.environ = {"PAYCLEAR_ENVIRONMENT": "test", "PAYCLEAR_DATABASE_URL": url}

    def __call__(self, *words: str, password: str = PASSWORD) -> str:
        said = CliRunner().invoke(cli.main, words, input=f"{password}\n{password}\n", env=self.environ)
        assert not isinstance(said.exception, Exception), said.exception
        return f"{said.exit_code} {said.output}"


@pytest.fixture
def terminal(runtime: Runtime, postgres: TestServer) -> Terminal:
    type_ = Terminal(postgres.app_url)
    for login in ("an", "binh"):
        assert type_("staff", "create", login, "--name", login, "--role", "officer").startswith("0")
    return type_


def create(terminal: Terminal, **options: str) -> str:
    return terminal(
        *("portal", "create", "tinh-mau", "--name-vi", "Cổng tỉnh Mẫu", "--name-en", "Sample"),
        *("--kind", "province", "--return-url", "https://dvc.example.vn/tt", "--by", "an"),
        *(word for name, value in options.items() for word in (f"--{name.replace('_', '-')}", value)),
    )


def test_portal_is_registered_activated_and_given_a_key_by_commands(
    terminal: Terminal, runtime: Runtime
) -> None:
    assert create(terminal, per_minute="600").startswith("0")
    for step in ("test", "activate"):
        assert terminal("portal", step, "tinh-mau", "--reason", "Công văn 1", "--by", "an").startswith("0")
        assert terminal("portal", "approve", "tinh-mau", "--by", "binh").startswith("0")
    said = terminal("portal", "key", "issue", "tinh-mau", "--by", "an")
    (key,) = re.findall(r"API key: (pk_\S+)", said)
    with runtime.database.begin() as uow:
        assert authenticate_portal(uow, f"Bearer {key}").may_collect
    listed = terminal("portal", "list")
    assert "tinh-mau" in listed
    assert "active" in listed
    assert "1 of 0 provinces active." in listed
    shown = terminal("portal", "show", "tinh-mau")
    assert "activated → active  (an, binh)  Công văn 1" in shown
    assert "600 requests a minute" in shown
    key_id = re.search(r"Key id:  (\S+)", said).group(1)
    assert "revoked" in terminal("portal", "key", "revoke", key_id, "--by", "binh")
    assert PASSWORD not in listed + shown + said


def test_suspension_ends_when_it_is_activated_again(terminal: Terminal) -> None:
    create(terminal)
    for step in ("test", "activate", "suspend", "activate", "retire"):
        terminal("portal", step, "tinh-mau", "--reason", "Công văn 1", "--by", "an")
        said = terminal("portal", "approve", "tinh-mau", "--by", "binh")
    assert "tinh-mau is retired." in said
    assert "resumed → active" in terminal("portal", "show", "tinh-mau")


def test_refusals_are_sentences(terminal: Terminal) -> None:
    assert "login_failed" in terminal(
        *("portal", "approve", "tinh-mau", "--by", "an"), password="not-the-password-at-all"
    )
    assert "portal_not_found" in terminal("portal", "approve", "tinh-mau", "--by", "an")
    assert "invalid_network" in create(terminal, network="10.0.0.1/8")
    create(terminal)
    assert "portal_exists" in create(terminal)
    assert "illegal_transition" in terminal(
        *("portal", "suspend", "tinh-mau", "--reason", "Sự cố", "--by", "an")
    )
    terminal("portal", "test", "tinh-mau", "--reason", "Thử", "--by", "an")
    assert "portal_same_person" in terminal("portal", "approve", "tinh-mau", "--by", "an")
    assert "stays registered" in terminal("portal", "reject", "tinh-mau", "--by", "an")
    assert "webhook_endpoint_refused" in terminal(
        *(
            "portal",
            "endpoint",
            "add",
            "tinh-mau",
            "http://dvc.example.vn/x",
            "--event",
            "payment_order.paid",
        ),
        *("--by", "an"),
    )
    assert "scopes" in terminal("portal", "key", "issue", "tinh-mau", "--scope", "all", "--by", "an")


def test_networks_and_rate_are_set_and_lifted(terminal: Terminal) -> None:
    create(terminal)
    said = terminal(
        *("portal", "access", "tinh-mau", "--network", "203.0.113.0/24", "--per-minute", "60", "--by", "an")
    )
    assert "from 203.0.113.0/24, with 60 requests a minute" in said
    assert "any network, with no limit" in terminal("portal", "access", "tinh-mau", "--by", "an")


def test_endpoint_shows_its_secret_once(terminal: Terminal) -> None:
    create(terminal)
    said = terminal(
        *("portal", "endpoint", "add", "tinh-mau", "https://dvc.example.vn/hook"),
        *("--event", "payment_order.paid", "--by", "an"),
    )
    assert "whsec_" in said


def test_disabled_officer_acts_no_more(terminal: Terminal) -> None:
    create(terminal)
    assert "disabled" in terminal("staff", "disable", "an")
    assert "login_failed" in terminal("portal", "test", "tinh-mau", "--reason", "Thử", "--by", "an")
    assert terminal("staff", "disable", "an").startswith("2")


def test_operator_is_told_for_whom_a_portal_speaks_and_changes_it(
    terminal: Terminal, runtime: Runtime
) -> None:
    with runtime.database.begin() as uow:
        use(uow.session)
        AgencyFactory(code="H00")
        uow.commit()
    assert "WARNING: tinh-mau speaks for every agency" in create(terminal)
    assert "unknown_agency" in terminal("portal", "agency", "tinh-mau", "H99", "--by", "an")
    for words in ((), ("H00", "--national")):
        assert terminal("portal", "agency", "tinh-mau", *words, "--by", "an").startswith("2")
    assert "speaks for H00 and the" in terminal("portal", "agency", "tinh-mau", "H00", "--by", "an")
    assert "speaks for H00 and the" in terminal("portal", "show", "tinh-mau")
    assert "0 live keys  H00  Cổng" in terminal("portal", "list")
    assert "speaks for every" in terminal("portal", "agency", "tinh-mau", "--national", "--by", "an")
