"""What a portal sends for an insurance office, and the days it sends it on."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import count
from typing import Any

from payclear.kernel.clock import FixedClock, at_vietnam
from payclear.kernel.ids import parse_public_id
from payclear.orders.records import OrderView
from payclear.orders.service import get_by_portal_ref
from tests.portal_api import PortalApi
from tests.scenes import Scene

AGENCY = "G24.00"
OFFICE = """
[[agency]]
code = "G24.00"
name_vi = "Bảo hiểm xã hội tỉnh Mẫu"
name_en = "Social Insurance, Sample Province"
valid_from = 2020-01-01
legal_basis = "Dữ liệu thử nghiệm"

[[agency_place]]
id = "G24.00@2020"
agency_code = "G24.00"
name_vi = "Bảo hiểm xã hội tỉnh Mẫu"
name_en = "Social Insurance, Sample Province"
province = "H00"
valid_from = 2020-01-01
legal_basis = "Dữ liệu thử nghiệm"

[[agency]]
code = "G24.99"
name_vi = "Bảo hiểm xã hội chưa có tài khoản"
name_en = "An office without an account"
valid_from = 2020-01-01
legal_basis = "Dữ liệu thử nghiệm"

[[agency_place]]
id = "G24.99@2020"
agency_code = "G24.99"
name_vi = "Bảo hiểm xã hội chưa có tài khoản"
name_en = "An office without an account"
province = "H99"
valid_from = 2020-01-01
legal_basis = "Dữ liệu thử nghiệm"

[[beneficiary_account]]
code = "TK-BHXH"
agency_code = "G24.00"
kind = "insurance"
name_vi = "Bảo hiểm xã hội tỉnh Mẫu"
account_no = "0000000001"
bank_bin = "970000"
valid_from = 2020-01-01
legal_basis = "Dữ liệu thử nghiệm"

[[service_account]]
id = "G24.00-BHXH"
beneficiary_account = "TK-BHXH"
agency_code = "G24.00"
valid_from = 2020-01-01
legal_basis = "Dữ liệu thử nghiệm"

[[legal_parameter]]
id = "household-near-poor"
kind = "health_insurance_support"
code = "near_poor"
valid_from = 2023-07-01
legal_basis = "Dữ liệu thử nghiệm"
value = { share = "70/100" }
"""
DAY = timedelta(days=1)


@dataclass(slots=True)
class Office:
    """A portal that works for the office; every notice has a number of its own unless told otherwise."""

    portal: PortalApi
    scene: Scene
    clock: FixedClock
    numbers: count = field(default_factory=lambda: count(1))

    def on(self, day: date, at: time = time(10)) -> None:
        """Let it be a time of a day in Viet Nam."""
        self.clock.set(at_vietnam(day, at).astimezone(UTC))

    def household(
        self,
        members: int | list[dict[str, Any]] = 5,
        *,
        from_on: date = date(2026, 9, 1),
        months: int = 12,
        **changes: Any,
    ) -> dict[str, Any]:
        """The body of a household's notice."""
        people = [member(place) for place in range(1, members + 1)] if isinstance(members, int) else members
        document = {
            "notice_no": f"TB-{next(self.numbers):06d}",
            "issued_on": self._today().isoformat(),
            "from_on": from_on.isoformat(),
            "months": months,
            "members": people,
        }
        return self._body("household_health_insurance", document | changes.pop("document", {}), changes)

    def voluntary(
        self,
        income: int = 1_500_000,
        *,
        categories: tuple[str, ...] = (),
        from_on: date = date(2026, 9, 1),
        months: int = 1,
        **document: Any,
    ) -> dict[str, Any]:
        """The body of one person's declaration."""
        stated = {
            "notice_no": f"TK-{next(self.numbers):06d}",
            "issued_on": self._today().isoformat(),
            "from_on": from_on.isoformat(),
            "months": months,
            "ref": "P1",
            "insurance_code": "0099000001",
            "income": income,
            "categories": list(categories),
        }
        return self._body("voluntary_social_insurance", stated | document, {})

    def register(self, body: dict[str, Any]) -> dict[str, Any]:
        """Register and return the obligation as the API answers it."""
        answer = self.portal.post("/obligations", body)
        assert answer.status_code == 201, answer.text
        return answer.json

    def read(self, obligation: dict[str, Any]) -> dict[str, Any]:
        """The obligation as it stands now."""
        answer = self.portal.get(f"/obligations/{obligation['id']}")
        assert answer.status_code == 200, answer.text
        return answer.json

    def order(self, *owed: dict[str, Any], **changes: Any) -> OrderView:
        """An order for obligations, made through the API."""
        made = self.portal.order(obligations=[each["id"] for each in owed], **changes)
        with self.scene.runtime.database.begin() as uow:
            return get_by_portal_ref(uow, portal_code=self.scene.portal_code, portal_ref=made["portal_ref"])

    def pay(self, *owed: dict[str, Any]) -> OrderView:
        """Order and pay obligations."""
        order = self.order(*owed)
        self.scene.apply(self.scene.evidence(self.scene.attempt(order)))
        return self.scene.reload(order.id)

    def row_id(self, owed: dict[str, Any]) -> Any:
        """The UUID of an obligation."""
        return parse_public_id("obl", owed["id"])

    def _today(self) -> date:
        return (self.clock.now() + timedelta(hours=7)).date()

    def _body(self, kind: str, document: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
        return {
            "kind": kind,
            "agency_code": AGENCY,
            "document": document,
            "obligor": {"name": "LÊ THỊ MẪU", "citizen_id": "001099000003"},
        } | changes


def member(place: int, *, code: str | None = None, **changes: Any) -> dict[str, Any]:
    """A member of a household."""
    return {
        "ref": f"M{place}",
        "order": place,
        "insurance_code": code or f"{9900000 + place:010d}",
        **changes,
    }


def shares(body: dict[str, Any], name: str = "own") -> list[int]:
    """One figure of each member of a quote."""
    return [each[name]["amount"] for each in body["quote"]["contribution"]["members"]]


def amounts(body: dict[str, Any]) -> list[int]:
    """The amounts of the quote's lines."""
    return [line["amount"]["amount"] for line in body["quote"]["lines"]]


def at(text: str) -> datetime:
    """An instant of an answer."""
    return datetime.fromisoformat(text)
