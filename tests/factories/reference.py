"""Portals, agencies and accounts: what every other thing refers to."""

from datetime import UTC, date, datetime

import factory

from payclear.catalogue.models import Agency, BeneficiaryAccount
from payclear.identity.domain import PORTAL_STATES
from payclear.identity.models import Portal, PortalActivation
from tests.factories.base import ModelFactory, _sessions

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
    kind = "province"
    agency_code = None
    version = 1
    allowed_networks: list[str] = []  # noqa: RUF012
    requests_per_minute = None

    @factory.post_generation
    def history(self: Portal, create: bool, _extracted: object) -> None:
        """Its way to where it stands, as a demonstration's portal has one."""
        ways = {
            "registered": (),
            "testing": ("testing_began",),
            "active": ("testing_began", "activated"),
            "suspended": ("testing_began", "activated", "suspended"),
            "retired": ("retired",),
        }
        here = None
        for version, event in enumerate(("registered", *ways[self.state]), 1):
            to_state = PORTAL_STATES.next(here, event).to if here else "registered"
            _sessions[0].add(
                PortalActivation(
                    portal_code=self.code,
                    version=version,
                    from_state=here,
                    event=event,
                    to_state=to_state,
                    reason="Dữ liệu thử nghiệm",
                    maker="system",
                    checker=None,
                    recorded_at=AT,
                )
            )
            here, self.version = to_state, version
        _sessions[0].flush()


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
