"""The history of one fine: its versions, events and plans, read together and turned into the facts that rules compute with.

A fine that nothing happened to has no history to read: its row says it all.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from payclear.db.uow import UnitOfWork
from payclear.kernel.money import Money
from payclear.obligations.domain import ObligationState
from payclear.obligations.fines import queries as fine_queries
from payclear.obligations.fines.domain import FineEventKind
from payclear.obligations.records import ObligationView
from payclear.obligations.rules.corrections import (
    DecisionVersion,
    VersionKind,
    as_liabilities,
)
from payclear.obligations.rules.instalments import (
    Held,
    Instalment,
    InstalmentPlan,
    ObligorKind,
    PlanStanding,
    Turn,
    plan_standing,
)
from payclear.obligations.rules.surcharge import (
    FineEvent,
    FinePaid,
    FinePosition,
    FineRefunded,
    PlanGranted,
    ShelterClosed,
    ShelterKind,
    ShelterOpened,
    SurchargeRule,
    SurchargeWaived,
    held_instalments,
    position_on,
)

_K = FineEventKind


@dataclass(frozen=True, slots=True)
class VersionRow:
    """One version as it is kept."""

    version_no: int
    kind: str
    decision_no: str
    document_key: str
    decided_on: date
    effective_on: date
    amount: int
    served_on: date | None
    served_method: str | None
    written_term_days: int | None
    due_on: date | None
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class EventRow:
    """One event as it is kept."""

    event_no: int
    kind: str
    on_date: date
    ref: str
    shelter_kind: str | None
    principal: int
    surcharge: int
    order_id: UUID | None
    instalment_no: int | None
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class _PlanRow:
    decision_ref: str
    granted_on: date
    counted_from: date
    obligor_kind: str
    total: int
    turn: str
    numbers: list[int]
    dues: list[date]
    amounts: list[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class FineHistory:
    """Everything known of a fine, oldest first; `plans` by the reference of their decision."""

    currency: str
    versions: tuple[VersionRow, ...]
    events: tuple[EventRow, ...] = ()
    plans: tuple[InstalmentPlan, ...] = ()

    @property
    def first_day(self) -> date:
        """The day of the decision: nothing can be asked of a day before it."""
        return self.versions[0].effective_on

    @property
    def is_cancelled(self) -> bool:
        """Whether the decision is no more."""
        return self.versions[-1].kind == VersionKind.CANCELLED

    @property
    def term(self) -> VersionRow:
        """The version that brought the term in force."""
        return [each for each in self.versions if each.due_on is not None][-1]

    @property
    def is_paid_elsewhere(self) -> bool:
        """Whether the authority says that it was paid without us."""
        told = [each.kind for each in self.events if each.kind in (_K.PAID_ELSEWHERE, _K.NOT_PAID_ELSEWHERE)]
        return bool(told) and told[-1] == _K.PAID_ELSEWHERE

    @property
    def plan(self) -> InstalmentPlan | None:
        """The plan that was granted last."""
        return self.plans[-1] if self.plans else None

    @property
    def decisions(self) -> tuple[DecisionVersion, ...]:
        """The versions as rules know them."""
        return tuple(
            DecisionVersion(
                no=row.version_no,
                kind=VersionKind(row.kind),
                on=row.effective_on,
                fine=Money(row.amount, self.currency),
                due_on=row.due_on,
                recorded_at=row.recorded_at,
            )
            for row in self.versions
        )

    def standing_events(self, as_of: datetime | None = None) -> tuple[EventRow, ...]:
        """The events known at an instant, without payments that were taken back by then."""
        known = [each for each in self.events if as_of is None or each.recorded_at <= as_of]
        back = {each.order_id for each in known if each.kind == _K.REVERSED}
        return tuple(each for each in known if each.order_id not in back)

    def facts(self, as_of: datetime | None = None) -> tuple[FineEvent, ...]:
        """The history as facts for `rules`, as it was known at an instant."""
        plans = {plan.decision_ref: plan for plan in self.plans}
        made = (_fact(each, self.currency, plans) for each in self.standing_events(as_of))
        return (*as_liabilities(self.decisions), *(fact for fact in made if fact is not None))

    def position(self, rules: tuple[SurchargeRule, ...], *, on: date) -> FinePosition:
        """How the fine stands for a payment on a day; a day before the decision counts as its own."""
        return position_on(self.facts(), on=max(on, self.first_day), rules=rules)

    def held_instalments(self) -> dict[int, tuple[Held, ...]]:
        """When each instalment of the plan granted last was paid, and when its money went back."""
        return held_instalments(self.plan, self.facts()) if self.plan else {}

    def paid_instalments(self) -> dict[int, date]:
        """When each instalment that is paid now was paid."""
        last = {no: periods[-1] for no, periods in self.held_instalments().items()}
        return {no: paid_on for no, (paid_on, back_on) in last.items() if back_on is None}

    def kept_of(self, part: Instalment) -> Money:
        """What is left of the money for an instalment of the plan granted last, when some of it went back."""
        assert self.plan is not None, "an instalment is a plan's"
        money = [
            each
            for each in self.standing_events()
            if (each.ref, each.instalment_no) == (self.plan.decision_ref, part.no)
        ]
        return self._net(money)[0]

    def instalment_of(self, order_id: UUID) -> tuple[str, int | None]:
        """The plan and the instalment that an order paid; no reference and None for an order that paid no instalment."""
        for each in self.standing_events():
            if each.kind == _K.PAID and each.order_id == order_id and each.instalment_no is not None:
                return each.ref, each.instalment_no
        return "", None

    def plan_on(self, on: date) -> PlanStanding | None:
        """How the plan granted last stands on a day; None without one."""
        return plan_standing(self.plan, self.held_instalments(), on=on) if self.plan else None

    def state(self, rules: tuple[SurchargeRule, ...], *, today: date) -> ObligationState:
        """Where the obligation must stand; the judge of INV-65."""
        if self.is_cancelled:
            return ObligationState.CANCELLED
        if self.is_paid_elsewhere:
            return ObligationState.PAID_ELSEWHERE
        payments = [each for each in self.standing_events() if each.kind == _K.PAID]
        position = self.position(rules, on=self.latest_day(today))
        if not position.unpaid.is_positive and not position.surcharge.is_positive:
            return ObligationState.PAID if payments else ObligationState.EXEMPTED
        has_money = position.paid.is_positive or self.net_paid().is_positive
        return ObligationState.PARTIALLY_PAID if has_money else ObligationState.OPEN

    def latest_day(self, today: date) -> date:
        """Today, or the day of the last event when a bank's clock runs ahead of ours."""
        return max([today, *(each.on_date for each in self.events)])

    def net_paid(self, order_id: UUID | None = None) -> Money:
        """What was paid and not given back, of one order or of all; principal and surcharge together."""
        principal, surcharge = self.net_parts(order_id)
        return principal + surcharge

    def net_parts(self, order_id: UUID | None = None) -> tuple[Money, Money]:
        """Principal and surcharge that were paid and not given back, of one order or of all."""
        return self._net(
            each for each in self.standing_events() if order_id is None or each.order_id == order_id
        )

    def given_by_agency(self, order_id: UUID) -> Money:
        """What of an order's money an agency gave back itself: under a paper's number, and of no plan."""
        given = sum(
            each.principal + each.surcharge
            for each in self.standing_events()
            if each.kind == _K.REFUNDED
            and each.order_id == order_id
            and each.ref
            and each.instalment_no is None
        )
        return Money(given, self.currency)

    def excess(self, rules: tuple[SurchargeRule, ...], *, today: date) -> tuple[Money, Money]:
        """Principal and surcharge that were paid beyond what is asked now: all of it once the decision is cancelled.

        Surcharge only when the fine is paid: until then it stands against what may still become due.
        """
        principal, surcharge = self.net_parts()
        if self.is_cancelled:
            return principal, surcharge
        zero = Money.zero(self.currency)
        too_much = max(principal - Money(self.versions[-1].amount, self.currency), zero)
        if not surcharge.is_positive:
            return too_much, zero
        position = self.position(rules, on=self.latest_day(today))
        return too_much, zero if position.unpaid.is_positive else max(surcharge - position.accrued, zero)

    def excess_by_order(
        self, rules: tuple[SurchargeRule, ...], *, today: date
    ) -> list[tuple[UUID, Money, Money]]:
        """From which orders' money the excess comes, principal and surcharge; the newest payment first."""
        principal, surcharge = self.excess(rules, today=today)
        paid = [each.order_id for each in self.standing_events() if each.kind == _K.PAID and each.order_id]
        found = []
        for order_id in dict.fromkeys(reversed(paid)):
            of_principal, of_surcharge = (
                min(*pair) for pair in zip((principal, surcharge), self.net_parts(order_id), strict=True)
            )
            principal, surcharge = principal - of_principal, surcharge - of_surcharge
            found.append((order_id, of_principal, of_surcharge))
        return found

    def _net(self, events: Iterable[EventRow]) -> tuple[Money, Money]:
        principal = surcharge = 0
        for each in events:
            sign = {_K.PAID: 1, _K.REFUNDED: -1}.get(FineEventKind(each.kind), 0)
            principal += sign * each.principal
            surcharge += sign * each.surcharge
        return Money(principal, self.currency), Money(surcharge, self.currency)


def history_of(uow: UnitOfWork, obligation: ObligationView) -> FineHistory:
    """The history of a fine; without a statement when nothing happened to it."""
    head = obligation.fine
    assert head is not None, "only a fine has a history"
    currency = obligation.principal.currency
    if head.is_plain:
        only = VersionRow(
            version_no=1,
            kind=VersionKind.ISSUED,
            decision_no=obligation.document_no,
            document_key="",
            decided_on=obligation.document_on,
            effective_on=obligation.document_on,
            amount=obligation.principal.amount,
            served_on=head.served_on,
            served_method=head.served_method,
            written_term_days=head.written_term_days,
            due_on=obligation.due_on,
            recorded_at=obligation.created_at,
        )
        return FineHistory(currency=currency, versions=(only,))
    return read_history(uow, obligation.id, currency)


def read_history(uow: UnitOfWork, obligation_id: UUID, currency: str) -> FineHistory:
    """The history as the tables have it."""
    return FineHistory(
        currency=currency,
        versions=tuple(uow.rows(VersionRow, fine_queries.VERSIONS, (obligation_id,))),
        events=tuple(uow.rows(EventRow, fine_queries.EVENTS, (obligation_id,))),
        plans=tuple(_plan(row, currency) for row in uow.rows(_PlanRow, fine_queries.PLANS, (obligation_id,))),
    )


def history_from(
    currency: str,
    versions: Sequence[Sequence[Any]],
    events: Sequence[Sequence[Any]],
    plans: Sequence[Sequence[Any]],
) -> FineHistory:
    """The history that rows make which were read for many fines at once."""
    return FineHistory(
        currency=currency,
        versions=tuple(VersionRow(*row) for row in versions),
        events=tuple(EventRow(*row) for row in events),
        plans=tuple(_plan(_PlanRow(*row), currency) for row in plans),
    )


def _plan(row: _PlanRow, currency: str) -> InstalmentPlan:
    return InstalmentPlan(
        decision_ref=row.decision_ref,
        granted_on=row.granted_on,
        counted_from=row.counted_from,
        obligor=ObligorKind(row.obligor_kind),
        total=Money(row.total, currency),
        turn=Turn(row.turn),
        instalments=tuple(
            Instalment(no=no, due_on=due_on, amount=Money(amount, currency))
            for no, due_on, amount in zip(row.numbers, row.dues, row.amounts, strict=True)
        ),
    )


def _fact(row: EventRow, currency: str, plans: dict[str, InstalmentPlan]) -> FineEvent | None:
    principal, surcharge = Money(row.principal, currency), Money(row.surcharge, currency)
    on, at = row.on_date, row.recorded_at
    match FineEventKind(row.kind):
        case _K.PAID:
            return FinePaid(
                on=on,
                recorded_at=at,
                principal=principal,
                surcharge=surcharge,
                plan_ref=row.ref if row.instalment_no is not None else None,
                instalment_no=row.instalment_no,
            )
        case _K.REFUNDED:
            return FineRefunded(
                on=on,
                recorded_at=at,
                principal=principal,
                surcharge=surcharge,
                plan_ref=row.ref if row.instalment_no is not None else None,
                instalment_no=row.instalment_no,
            )
        case _K.WAIVED:
            return SurchargeWaived(on=on, recorded_at=at, amount=surcharge)
        case _K.SHELTER_OPENED:
            return ShelterOpened(on=on, recorded_at=at, ref=row.ref, kind=ShelterKind(row.shelter_kind or ""))
        case _K.SHELTER_CLOSED:
            return ShelterClosed(on=on, recorded_at=at, ref=row.ref)
        case _K.PLAN_GRANTED:
            return PlanGranted(on=on, recorded_at=at, plan=plans[row.ref])
        case _:
            return None
