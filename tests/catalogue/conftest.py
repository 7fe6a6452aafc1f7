"""A small catalogue: one procedure with one price, an agency, an account; and rows of a tariff file."""

from datetime import date

import pytest

from payclear.runtime import Runtime
from tests.factories.base import use
from tests.factories.catalogue import ProcedureFactory, TariffFactory, add_national_rules
from tests.factories.reference import AgencyFactory, BeneficiaryAccountFactory

TODAY = date(2026, 11, 21)  # a Saturday
MONDAY = date(2026, 11, 23)
FIRST = date(2020, 1, 1)

_COLUMNS = (
    "id",
    "procedure_code",
    "item_code",
    "name_vi",
    "type",
    "basis",
    "amount",
    "channel",
    "agency_code",
    "discount",
    "valid_from",
    "valid_to",
    "predecessor",
    "legal_basis",
)
HEAD = ",".join(_COLUMNS) + "\r\n"


def priced(id: str, amount: int | str, **columns: object) -> str:
    """A line of a tariff file: the price that stands, but for what is named."""
    values = {
        "id": id,
        "procedure_code": "1.009999",
        "item_code": "phi",
        "name_vi": "Phí mẫu",
        "type": "fee_phi",
        "basis": "fixed",
        "amount": amount,
        "channel": None,
        "agency_code": None,
        "discount": None,
        "valid_from": FIRST,
        "valid_to": None,
        "predecessor": None,
        "legal_basis": "test",
    } | columns
    return ",".join("" if values[name] is None else str(values[name]) for name in _COLUMNS) + "\r\n"


@pytest.fixture
def catalogue(runtime: Runtime) -> None:
    with runtime.database.begin() as uow:
        use(uow.session)
        AgencyFactory(code="H00.14")
        AgencyFactory(code="H00")
        BeneficiaryAccountFactory(code="TK-PHI", treasury_unit=None)
        ProcedureFactory(code="1.009999")
        TariffFactory(id="PHI-1", amount=200_000)
        add_national_rules(uow.session)
        uow.commit()
