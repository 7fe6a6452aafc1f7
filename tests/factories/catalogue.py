"""Dated reference data: agency tree, procedures, prices, service accounts, and the national rules as they are shipped."""

import tomllib
from datetime import date
from functools import cache

import factory
from sqlalchemy.orm import Session

from payclear.catalogue.models import (
    AgencyPlace,
    BudgetCode,
    LegalParameter,
    Procedure,
    ServiceAccountRow,
    Tariff,
)
from payclear.kernel.settings import default_config_dir
from tests.factories.base import ModelFactory

FIRST = date(2020, 1, 1)


class DatedFactory(ModelFactory):
    class Meta:
        abstract = True

    id = factory.Sequence(lambda n: f"row-{n}")
    valid_from = FIRST
    legal_basis = "test"


class AgencyPlaceFactory(DatedFactory):
    class Meta:
        model = AgencyPlace

    agency_code = "H00.14"
    name_vi = "Sở Mẫu"
    name_en = "Sample Department"


class BudgetCodeFactory(DatedFactory):
    class Meta:
        model = BudgetCode

    kind = "chapter"
    code = "000"
    name_vi = "Mã mẫu"


class ProcedureFactory(DatedFactory):
    class Meta:
        model = Procedure

    code = "1.009999"
    name_vi = "Thủ tục mẫu"
    collection_mode = "mixed"
    collection_timing = "before"
    has_state_fee = True


class TariffFactory(DatedFactory):
    class Meta:
        model = Tariff

    procedure_code = "1.009999"
    item_code = "phi"
    name_vi = "Phí mẫu"
    type = "fee_phi"
    basis = "fixed"
    amount = 200_000
    discount = "0/1"
    is_optional = False
    rounding_mode = "half_up"
    rounding_unit = 1


class ServiceAccountFactory(DatedFactory):
    class Meta:
        model = ServiceAccountRow

    beneficiary_account = "TK-PHI"


@cache
def _shipped() -> tuple[dict[str, object], ...]:
    text = (default_config_dir({}) / "catalogue" / "national.toml").read_text("utf-8")
    return tuple(tomllib.loads(text)["legal_parameter"])


def add_national_rules(session: Session, *kinds: str) -> None:
    """Put the shipped legal parameters into the catalogue, all or those of some kinds."""
    session.add_all(LegalParameter(**row) for row in _shipped() if not kinds or row["kind"] in kinds)
    session.flush()
