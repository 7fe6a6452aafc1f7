"""A portal's way from registered to retired: two people, a reason, and a history without gaps."""

from ipaddress import IPv4Address, ip_network
from itertools import product

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from payclear.db.uow import Database
from payclear.identity import activation
from payclear.identity.activation import NotAuthorised, ProposalNotFound, ProposalOpen, SamePerson
from payclear.identity.domain import (
    PORTAL_STATES,
    InvalidNetwork,
    PortalKind,
    PortalState,
    StaffRole,
    is_address_allowed,
    read_networks,
)
from payclear.identity.service import PortalNotFound, approve_step, create_portal, get_portal
from payclear.identity.sessions import create_staff, disable_staff
from payclear.kernel.errors import InvalidInput
from payclear.kernel.states import IllegalTransition
from payclear.operations.verify import verify
from tests.database import TestServer
from tests.factories.base import use
from tests.factories.reference import AgencyFactory

STEPS = {
    ("registered", "testing_began"): "testing",
    ("registered", "retired"): "retired",
    ("testing", "activated"): "active",
    ("testing", "retired"): "retired",
    ("active", "suspended"): "suspended",
    ("active", "retired"): "retired",
    ("suspended", "resumed"): "active",
    ("suspended", "retired"): "retired",
}
EVENTS = ("testing_began", "activated", "suspended", "resumed", "retired")


@pytest.fixture
def portal(database: Database) -> str:
    with database.begin() as uow:
        for login, role in (
            ("an", StaffRole.OFFICER),
            ("binh", StaffRole.OFFICER),
            ("chi", StaffRole.VIEWER),
        ):
            create_staff(uow, login=login, display_name=login, password="mat-khau-rat-dai-2026", roles=[role])
        create_portal(
            uow,
            code="tinhmau",
            name_vi="Tỉnh Mẫu",
            name_en="Sample",
            return_url_prefixes=[],
            state=PortalState.REGISTERED,
            kind=PortalKind.PROVINCE,
            actor="an",
        )
        uow.commit()
    return "tinhmau"


def step(database: Database, portal: str, event: str, *, reason: str = "Công văn 12/VPCP") -> PortalState:
    with database.begin() as uow:
        activation.propose(uow, portal, event, reason=reason, maker="an")
        state = approve_step(uow, portal, checker="binh")
        uow.commit()
    return state


@pytest.mark.parametrize(("state", "event"), list(product(PortalState, EVENTS)))
def test_every_pair_is_a_step_or_refused(state: PortalState, event: str) -> None:
    if (state.value, event) in STEPS:
        assert PORTAL_STATES.next(state, event).to == STEPS[state.value, event]
    else:
        with pytest.raises(IllegalTransition):
            PORTAL_STATES.next(state, event)


def test_portal_comes_to_life_and_to_its_end_with_each_step_on_record(
    database: Database, portal: str
) -> None:
    for event in ("testing_began", "activated", "suspended", "resumed", "retired"):
        step(database, portal, event, reason=f"Vì {event}")
    with database.begin() as uow:
        steps = activation.history(uow, portal)
        assert (get_portal(uow, portal).state, get_portal(uow, portal).version) == ("retired", 6)
    assert [(each.version, each.to_state, each.maker, each.checker) for each in steps] == [
        (1, "registered", "an", None),
        (2, "testing", "an", "binh"),
        (3, "active", "an", "binh"),
        (4, "suspended", "an", "binh"),
        (5, "active", "an", "binh"),
        (6, "retired", "an", "binh"),
    ]
    assert steps[3].reason == "Vì suspended"


def test_nobody_approves_what_he_proposed(database: Database, portal: str) -> None:
    with database.begin() as uow:
        activation.propose(uow, portal, "testing_began", reason="Thử nghiệm", maker="an")
        with pytest.raises(SamePerson):
            approve_step(uow, portal, checker="AN ")
        assert get_portal(uow, portal).state == "registered"


@pytest.mark.parametrize("who", ["chi", "nobody", "system", ""])
def test_only_active_officers_propose_and_approve(database: Database, portal: str, who: str) -> None:
    with database.begin() as uow:
        with pytest.raises(NotAuthorised):
            activation.propose(uow, portal, "testing_began", reason="Thử nghiệm", maker=who)
        activation.propose(uow, portal, "testing_began", reason="Thử nghiệm", maker="an")
        with pytest.raises(NotAuthorised):
            approve_step(uow, portal, checker=who)


def test_officer_who_was_disabled_approves_nothing(database: Database, portal: str) -> None:
    with database.begin() as uow:
        activation.propose(uow, portal, "testing_began", reason="Thử nghiệm", maker="an")
        (staff_id,) = uow.one("SELECT id FROM staff WHERE login = 'binh'")
        disable_staff(uow, staff_id, actor="an")
        with pytest.raises(NotAuthorised):
            approve_step(uow, portal, checker="binh")


def test_step_that_can_not_follow_a_missing_reason_and_a_second_proposal_are_refused(
    database: Database, portal: str
) -> None:
    with database.begin() as uow:
        with pytest.raises(IllegalTransition):
            activation.propose(uow, portal, "activated", reason="Bỏ qua thử nghiệm", maker="an")
        with pytest.raises(InvalidInput):
            activation.propose(uow, portal, "testing_began", reason=" ", maker="an")
        with pytest.raises(PortalNotFound):
            activation.propose(uow, "nobody", "testing_began", reason="Thử nghiệm", maker="an")
        with pytest.raises(ProposalNotFound):
            approve_step(uow, portal, checker="binh")
        activation.propose(uow, portal, "testing_began", reason="Thử nghiệm", maker="an")
        with pytest.raises(ProposalOpen):
            activation.propose(uow, portal, "retired", reason="Thôi", maker="binh")
        activation.reject(uow, portal, checker="an")
        activation.propose(uow, portal, "retired", reason="Thôi", maker="binh")


def test_province_counts_once_and_only_while_active(database: Database, portal: str) -> None:
    def count() -> int:
        with database.begin() as uow:
            return activation.count_active(uow, PortalKind.PROVINCE, as_of=uow.now)

    seen = [count()]
    for event in ("testing_began", "activated", "suspended", "resumed"):
        step(database, portal, event)
        seen.append(count())
    assert seen == [0, 0, 1, 0, 1]


def test_history_and_the_second_person_are_kept_by_the_database(database: Database, portal: str) -> None:
    step(database, portal, "testing_began")
    for sql in (
        "UPDATE portal_activation SET reason = 'khác'",
        "DELETE FROM portal_activation",
        "INSERT INTO portal_activation VALUES ('tinhmau', 3, 'testing', 'activated', 'active', 'x', 'an', 'an', now())",
        "INSERT INTO portal_activation VALUES ('tinhmau', 3, 'testing', 'activated', 'active', 'x', 'an', NULL, now())",
    ):
        with database.begin() as uow, pytest.raises(psycopg.Error):
            uow.run(sql)


@pytest.mark.parametrize(
    "plant",
    [
        "UPDATE portal SET state = 'active' WHERE code = 'tinhmau'",
        "DELETE FROM portal_activation WHERE version = 2",
        "UPDATE portal_activation SET to_state = 'active' WHERE version = 2",
        "DELETE FROM portal_activation",
    ],
)
def test_verify_finds_a_history_that_has_gaps_or_ends_elsewhere(
    postgres: TestServer, database: Database, portal: str, plant: str
) -> None:
    step(database, portal, "testing_began")
    assert finding(database) == ()
    with postgres.superuser() as connection:
        connection.execute(f"SET session_replication_role = replica; {plant}")
    assert finding(database)


def finding(database: Database) -> tuple[object, ...]:
    (found,) = [each for each in verify(database) if each.check.id == "INV-78"]
    return found.offenders


@pytest.mark.parametrize("text", ["", "nonsense", "10.0.0.1/8", "300.1.1.1", "::/129", "10.0.0.0/33"])
def test_network_that_says_two_things_is_refused(text: str) -> None:
    with pytest.raises(InvalidNetwork):
        read_networks([text])


def test_list_of_networks_lets_in_what_lies_in_it() -> None:
    listed = read_networks(["203.0.113.7", "2001:db8::/32", "203.0.113.7/32"])
    assert listed == ["203.0.113.7/32", "2001:db8::/32"]
    assert is_address_allowed("203.0.113.7", listed)
    assert is_address_allowed("::ffff:203.0.113.7", listed)
    assert is_address_allowed("2001:db8::1", listed)
    assert not is_address_allowed("203.0.113.8", listed)
    assert not is_address_allowed("", listed)
    assert is_address_allowed("198.51.100.1", [])


@given(st.integers(0, 2**32 - 1), st.integers(0, 32))
def test_address_lies_in_its_own_network_of_any_length(number: int, length: int) -> None:
    address = IPv4Address(number)
    assert is_address_allowed(str(address), [str(ip_network((number, length), strict=False))])


def bound(database: Database, portal: str, agency: str | None) -> str | None:
    with database.begin() as uow:
        activation.bind(uow, portal, agency, actor="an")
        uow.commit()
    with database.begin() as uow:
        return get_portal(uow, portal).agency_code


@pytest.fixture
def agencies(database: Database) -> None:
    with database.begin() as uow:
        use(uow.session)
        for code in ("H00", "H01"):
            AgencyFactory(code=code)
        uow.commit()


@pytest.mark.usefixtures("agencies")
def test_active_portal_is_bound_at_once_and_given_other_agencies_only_by_two_people(
    database: Database, portal: str
) -> None:
    step(database, portal, "testing_began")
    step(database, portal, "activated")
    assert bound(database, portal, "H00") == "H00"
    assert bound(database, portal, "H00") == "H00"
    for wider in ("H01", None):
        with pytest.raises(activation.PortalActive):
            bound(database, portal, wider)
    step(database, portal, "suspended")
    with database.begin() as uow:
        activation.propose(uow, portal, "resumed", reason="Công văn 13", maker="an")
        uow.commit()
    with pytest.raises(activation.ProposalOpen):
        bound(database, portal, None)
    with database.begin() as uow:
        activation.reject(uow, portal, checker="binh")
        uow.commit()
    assert bound(database, portal, "H01") == "H01"
    assert bound(database, portal, None) is None
    with database.begin() as uow:
        told = uow.run("SELECT facts FROM audit_entry WHERE action = 'portal.agency_changed' ORDER BY id")
        assert [row[0] for row in told] == [
            {"agency_code": "H00", "before": ""},
            {"agency_code": "H01", "before": "H00"},
            {"agency_code": "", "before": "H01"},
        ]
