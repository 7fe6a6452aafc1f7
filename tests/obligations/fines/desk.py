"""What an authority says about its decisions through the portal API, and what citizens pay."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from payclear.contract.outcomes import EvidenceSource
from payclear.kernel.ids import public_id
from payclear.obligations.records import ObligationView
from payclear.orders.evidence import Applied
from payclear.orders.service import get_order
from tests.portal_api import PortalApi
from tests.scenes import Scene


@dataclass(slots=True, repr=False)
class Desk:
    """One authority's portal."""

    portal: PortalApi
    scene: Scene

    def path(self, fine: ObligationView) -> str:
        """The address of a fine."""
        return f"/obligations/{public_id('obl', fine.id)}"

    def say(self, fine: ObligationView, what: str, status: int = 200, **body: Any) -> dict[str, Any]:
        """Say something about a fine; the answer's JSON."""
        answer = self.portal.post(f"{self.path(fine)}/{what}", body or None)
        assert answer.status_code == status, answer.text
        return answer.json

    def version(
        self, fine: ObligationView, kind: str, amount: int, *, on: str, status: int = 200, **more: Any
    ):
        """Add a version."""
        body = {"kind": kind, "amount": amount, "decided_on": on, "decision_no": f"SĐ-{kind}/QĐ-XPHC", **more}
        return self.say(fine, "versions", status, **body)

    def read(self, fine: ObligationView) -> dict[str, Any]:
        """The fine with its history."""
        answer = self.portal.get(f"{self.path(fine)}/fine")
        assert answer.status_code == 200, answer.text
        return answer.json

    def total(self, fine: ObligationView, for_date: date | None = None, as_of: datetime | None = None) -> int:
        """What a payment on a day must be."""
        asked = [f"for_date={for_date}"] if for_date else []
        asked += [f"as_of={as_of.strftime('%Y-%m-%dT%H:%M:%SZ')}"] if as_of else []
        answer = self.portal.get(f"{self.path(fine)}/quote?{'&'.join(asked)}")
        assert answer.status_code == 200, answer.text
        return answer.json["total"]["amount"]

    def order(self, fine: ObligationView, instalment_no: int | None = None) -> dict[str, Any]:
        """Order a fine, or one part of its plan."""
        id_ = public_id("obl", fine.id)
        chosen = [{"obligation": id_, "instalment_no": instalment_no}] if instalment_no else []
        return self.portal.order(obligations=[id_], instalments=chosen)

    def refused_order(self, fine: ObligationView, instalment_no: int | None = None) -> str:
        """The code with which an order is refused."""
        id_ = public_id("obl", fine.id)
        chosen = [{"obligation": id_, "instalment_no": instalment_no}] if instalment_no else []
        body = self.portal.order_body(obligations=[id_], instalments=chosen)
        answer = self.portal.post("/payment-orders", body)
        assert answer.status_code >= 400, answer.text
        return answer.json["code"]

    def pay(
        self, order: dict[str, Any], *, paid_at: datetime | None = None, wait: timedelta | None = None
    ) -> Applied:
        """Pay an order at a provider; `wait` passes between the redirect and the money."""
        with self.scene.runtime.database.begin() as uow:
            view = get_order(uow, portal_code=self.scene.portal_code, order_ref=order["order_ref"])
        attempt = self.scene.attempt(view)
        if wait is not None:
            self.scene.runtime.clock.advance(wait)
        return self.scene.apply(
            self.scene.evidence(attempt, source=EvidenceSource.STATUS_QUERY, paid_at=paid_at)
        )

    def order_status(self, order: dict[str, Any]) -> str:
        """Where an order stands for its portal."""
        return self.portal.get(f"/payment-orders/{order['order_ref']}").json["status"]

    def status(self, fine: ObligationView) -> str:
        """Where the fine stands."""
        return self.read(fine)["status"]

    def events(self) -> list[tuple[str, str]]:
        """What portals hear of obligations, in order: change and status."""
        with self.scene.runtime.database.begin() as uow:
            rows = uow.run(
                "SELECT convert_from(body, 'UTF8')::jsonb -> 'data' ->> 'change', "
                "convert_from(body, 'UTF8')::jsonb -> 'data' ->> 'status' "
                "FROM event WHERE type = 'obligation.changed' ORDER BY occurred_at, sequence"
            ).fetchall()
        return [(change, status) for change, status in rows]
