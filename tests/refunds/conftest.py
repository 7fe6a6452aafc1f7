"""A province with one bank that refunds, and a citizen who paid there."""

from dataclasses import dataclass

import pytest

from payclear.assembly import load_modules
from payclear.contract.outcomes import EvidenceSource
from payclear.kernel.money import Money
from payclear.operations.verify import verify
from payclear.orders.records import AttemptView, OrderView
from payclear.refunds.records import RefundApplied, RefundView
from payclear.refunds.sending import ask_about_refund, send_refund
from payclear.refunds.service import find_refund, get_refund, request_refund
from payclear.runtime import Runtime
from tests.checkout.fakes import with_providers
from tests.refunds.bank import RefundingBank
from tests.scenes import Scene

BANK = "a"


@dataclass(slots=True)
class Desk:
    """Where refunds are asked for; every step commits."""

    scene: Scene
    bank: RefundingBank

    def paid(self, *amounts: int) -> AttemptView:
        """An attempt that succeeded; one line per amount."""
        order = self.scene.order(self.scene.fee(*(amounts or (150_000, 50_000))))
        return self._settle(order)

    def surplus(self, amount: int = 70_000) -> AttemptView:
        """An attempt whose money lies in suspense: another amount than the order's came."""
        return self._settle(self.scene.order(), amount=amount)

    def ask(self, attempt: AttemptView, amount: int, *, reason: str = "Nộp thừa") -> RefundView:
        with self.scene.runtime.database.begin() as uow:
            made = request_refund(
                uow,
                providers=self.scene.runtime.providers,
                attempt_ref=attempt.attempt_ref,
                amount=Money(amount),
                reason=reason,
                requested_by="canbo",
            )
            uow.commit()
        return made

    def send(self, refund: RefundView) -> RefundApplied | None:
        return send_refund(self.scene.runtime, refund.id)

    def query(self, refund: RefundView) -> RefundApplied | None:
        return ask_about_refund(self.scene.runtime, refund.id)

    def reload(self, refund: RefundView) -> RefundView:
        with self.scene.runtime.database.begin() as uow:
            return get_refund(uow, refund.id)

    def reload_by_ref(self, refund_ref: str) -> RefundView:
        with self.scene.runtime.database.begin() as uow:
            found = find_refund(uow, refund_ref)
        assert found is not None
        return found

    def broken(self) -> set[str]:
        """The invariants that do not hold, but for two: no callback was kept here, and nobody seals the trail."""
        checks = load_modules(self.scene.runtime.settings).checks
        findings = verify(self.scene.runtime.database, checks)
        return {finding.check.id for finding in findings if not finding.holds} - {"INV-15", "INV-20"}

    def _settle(self, order: OrderView, amount: int | None = None) -> AttemptView:
        attempt = self.scene.attempt(order, provider_account=BANK)
        self.scene.apply(self.scene.evidence(attempt, source=EvidenceSource.STATUS_QUERY, amount=amount))
        return self.scene.reload(order.id).attempts[-1]


@pytest.fixture
def bank() -> RefundingBank:
    return RefundingBank()


@pytest.fixture
def desk(runtime: Runtime, bank: RefundingBank) -> Desk:
    return Desk(Scene(with_providers(runtime, a=bank)).set_up(), bank)
