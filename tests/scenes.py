"""Scenes that many tests start from: a portal with an agency, obligations, an order, an attempt at a provider."""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import count
from uuid import UUID

from payclear.contract.evidence import Evidence
from payclear.contract.messages import CheckoutResult
from payclear.contract.outcomes import EvidenceSource, Outcome
from payclear.kernel.money import Money
from payclear.obligations.domain import Line, LineType, ServedMethod
from payclear.obligations.obligors import ObligorFacts
from payclear.obligations.records import DossierDocument, FineDocument, ObligationView, RegisterObligation
from payclear.obligations.service import register
from payclear.orders.checkout import open_attempt, record_checkout
from payclear.orders.evidence import Applied, apply_evidence
from payclear.orders.records import AttemptView, OrderView
from payclear.orders.service import CreateOrder, create_order, get_by_id
from payclear.runtime import Runtime
from tests.factories.base import use
from tests.factories.catalogue import BudgetCodeFactory, add_national_rules
from tests.factories.reference import AgencyFactory, BeneficiaryAccountFactory, PortalFactory

SANDBOX = "sandbox-demo"
VNPAY = "vnpay-demo"


@dataclass(slots=True)
class Scene:
    """A province that collects. Every step commits, as it would in life."""

    runtime: Runtime
    portal_code: str = "demoportal"
    agency_code: str = "H00.14"
    numbers: count = field(default_factory=lambda: count(1))

    def set_up(self) -> "Scene":
        with self.runtime.database.begin() as uow:
            use(uow.session)
            PortalFactory(code=self.portal_code)
            AgencyFactory(code=self.agency_code)
            for code in ("TK-PHI", "TK-LEPHI", "TK-PHAT", "TK-CHAMNOP"):
                BeneficiaryAccountFactory(code=code, agency_code=self.agency_code)
            BeneficiaryAccountFactory(code="TK-BUUCHINH", agency_code=self.agency_code, kind="non_state")
            BudgetCodeFactory(kind="chapter", code="000")
            BudgetCodeFactory(kind="sub_item", code="0000")
            add_national_rules(uow.session)
            uow.commit()
        return self

    def fee(self, *amounts: int) -> ObligationView:
        """Register a dossier fee with one line per amount."""
        number = next(self.numbers)
        lines = tuple(_line(LineType.FEE_PHI, amount, "TK-PHI") for amount in amounts or (150_000, 50_000))
        return self._register(
            DossierDocument(
                dossier_code=f"{self.agency_code}-261121-{number:04d}",
                procedure_code="1.009999",
                filed_on=date(2026, 11, 21),
            ),
            lines,
        )

    def fine(self, amount: int = 1_000_000, *, served_on: date = date(2026, 11, 1)) -> ObligationView:
        """Register a traffic fine; the term ends ten days after service."""
        number = next(self.numbers)
        document = FineDocument(
            decision_no=f"{number:07d}/QĐ-XPHC",
            decided_on=served_on,
            served_on=served_on,
            served_method=ServedMethod.HANDED,
            surcharge_beneficiary_account="TK-CHAMNOP",
            surcharge_chapter="000",
            surcharge_sub_item="0000",
        )
        return self._register(document, (_line(LineType.FINE, amount, "TK-PHAT"),))

    def order(
        self, *obligations: ObligationView, amount: int | None = None, expires_in_minutes: int = 1440
    ) -> OrderView:
        """Create an order for obligations, or for a new fee of `amount`."""
        owed = obligations or (self.fee(amount) if amount else self.fee(),)
        with self.runtime.database.begin() as uow:
            made = create_order(
                uow,
                CreateOrder(
                    portal_code=self.portal_code,
                    portal_ref=f"ref-{next(self.numbers)}",
                    obligation_ids=tuple(obligation.id for obligation in owed),
                    return_url="https://portal.example/return",
                    locale="vi",
                    expires_in=timedelta(minutes=expires_in_minutes),
                    actor="key-1",
                ),
            )
            uow.commit()
        return made

    def attempt(self, order: OrderView, *, provider_account: str = VNPAY, sent: bool = True) -> AttemptView:
        """Start an attempt; `sent`: the provider answered with a page to go to."""
        line = self.runtime.providers.get(provider_account)
        with self.runtime.database.begin() as uow:
            made = open_attempt(uow, order_id=order.id, line=line, settings=self.runtime.settings.orders)
            uow.commit()
        if not sent:
            return made
        answer = CheckoutResult(outcome=Outcome.PENDING, redirect_url="https://provider.example/pay")
        with self.runtime.database.begin() as uow:
            made = record_checkout(uow, made.id, answer)
            uow.commit()
        return made

    def evidence(
        self,
        attempt: AttemptView,
        outcome: Outcome = Outcome.CONFIRMED,
        *,
        source: EvidenceSource = EvidenceSource.CALLBACK,
        amount: int | None = None,
        provider_ref: str | None = None,
        paid_at: datetime | None = None,
        merchant_account: str | None = None,
    ) -> Evidence:
        """What a source says about an attempt; everything equals the order unless said otherwise."""
        return Evidence(
            source=source,
            outcome=outcome,
            provider_account=attempt.provider_account,
            attempt_ref=attempt.attempt_ref,
            provider_ref=provider_ref or f"TX{attempt.attempt_ref}",
            amount=Money(amount or attempt.amount),
            merchant_account=merchant_account or attempt.merchant_account,
            paid_at=paid_at or self.runtime.clock.now(),
        )

    def apply(self, evidence: Evidence, *, asked_at: datetime | None = None) -> Applied:
        """Bring evidence through the one door and commit."""
        with self.runtime.database.begin() as uow:
            applied = apply_evidence(uow, evidence, asked_at=asked_at)
            uow.commit()
        return applied

    def paid_order(self, *, provider_account: str = VNPAY, amount: int | None = None) -> OrderView:
        """An order that is paid."""
        order = self.order(amount=amount)
        self.apply(self.evidence(self.attempt(order, provider_account=provider_account)))
        return self.reload(order.id)

    def reload(self, order_id: UUID) -> OrderView:
        """The order as the database has it now."""
        with self.runtime.database.begin() as uow:
            return get_by_id(uow, order_id)

    def _register(self, document: DossierDocument | FineDocument, lines: tuple[Line, ...]) -> ObligationView:
        command = RegisterObligation(
            portal_code=self.portal_code,
            agency_code=self.agency_code,
            document=document,
            obligor=ObligorFacts(name="NGUYỄN VĂN MẪU", id_no="000000000001"),
            lines=lines,
        )
        with self.runtime.database.begin() as uow:
            made = register(uow, command, sealer=self.runtime.sealer, index=self.runtime.blind_index)
            uow.commit()
        return made


def _line(type_: LineType, amount: int, account: str) -> Line:
    return Line(
        type=type_,
        name_vi="Khoản mẫu",
        amount=Money(amount),
        beneficiary_account=account,
        chapter="000",
        sub_item="0000",
    )
