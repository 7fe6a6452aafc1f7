"""What carries a secret or a person shows neither when it is written into a log or a traceback."""

from dataclasses import fields, is_dataclass

import pytest

from payclear.contract.messages import InboundRequest
from payclear.identity.queries import KeyRow, SessionRow, StaffRow
from payclear.identity.service import IssuedKey
from payclear.identity.sessions import NewSession, StaffPrincipal
from payclear.obligations.obligors import ObligorFacts
from payclear.obligations.records import RegisterObligation
from payclear.obligations.schemas import ObligationRequest

HIDDEN: dict[type, set[str]] = {
    NewSession: {"token"},
    StaffPrincipal: {"csrf_token"},
    SessionRow: {"csrf_token"},
    IssuedKey: {"full_text"},
    KeyRow: {"secret_hash"},
    StaffRow: {"password_hash"},
    RegisterObligation: {"obligor"},
    ObligationRequest: {"obligor", "source"},
    ObligorFacts: {
        "name",
        "id_no",
        "phone",
        "plate",
        "plate_colour",
        "licence_no",
        "insurance_code",
        "address",
    },
    InboundRequest: {"query_string", "headers", "body"},
}


@pytest.mark.parametrize("kind", HIDDEN, ids=lambda kind: kind.__name__)
def test_repr_shows_no_secret_and_no_person(kind: type) -> None:
    assert is_dataclass(kind)
    made = object.__new__(kind)
    for each in fields(kind):
        value = f"hidden-{each.name}" if each.name in HIDDEN[kind] else f"shown-{each.name}"
        object.__setattr__(made, each.name, value)
    shown = repr(made)
    assert "hidden-" not in shown
    assert shown.count("shown-") == len(fields(kind)) - len(HIDDEN[kind])
