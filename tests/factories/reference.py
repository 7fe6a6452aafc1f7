"""Portals, agencies, accounts and rates: what every other thing refers to."""

from datetime import UTC, date, datetime

import factory

from payclear.catalogue.models import Agency, BeneficiaryAccount, Rate
from payclear.identity.models import Portal
from tests.factories.base import ModelFactory

AT = datetime(2026, 1, 1, tzinfo=UTC)


class PortalFactory(ModelFactory):
    class Meta:
        model = Portal

    code = factory.Sequence(lambda n: f"portal-{n}")
    name_vi = "Cổng dịch vụ công tỉnh Mẫu"
    name_en = "Sample Province Portal"
    state = "active"
    return_url_prefixes = ["https://portal.example/return"]  # noqa: RUF012
    created_at = AT


class AgencyFactory(ModelFactory):
    class Meta:
        model = Agency

    code = factory.Sequence(lambda n: f"H{n:02d}.14")
    name_vi = "Sở Mẫu"
    name_en = "Sample Department"
    valid_from = date(2020, 1, 1)
    valid_to = None
    legal_basis = "test"


class BeneficiaryAccountFactory(ModelFactory):
    class Meta:
        model = BeneficiaryAccount

    code = factory.Sequence(lambda n: f"TK-{n:04d}")
    agency_code = "H00.14"
    kind = "treasury"
    name_vi = "Kho bạc Nhà nước Mẫu"
    account_no = "7111"
    bank_bin = None
    treasury_unit = "0000"
    valid_from = date(2020, 1, 1)
    valid_to = None
    legal_basis = "test"


class RateFactory(ModelFactory):
    class Meta:
        model = Rate

    code = "late_surcharge_per_day"
    valid_from = date(2020, 1, 1)
    valid_to = None
    numerator = 5
    denominator = 10_000
    legal_basis = "Luật Xử lý vi phạm hành chính, Điều 78"
