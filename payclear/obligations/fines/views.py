"""A fine as its portal and the console see it: the history, where it stands on a day, what comes next. Reads only."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from payclear.db.uow import UnitOfWork
from payclear.kernel.clock import vietnam_date
from payclear.kernel.money import Money
from payclear.obligations.domain import PAYABLE_STATES
from payclear.obligations.fines import queries as fine_queries
from payclear.obligations.fines.domain import ProposalState
from payclear.obligations.fines.history import FineHistory, history_of
from payclear.obligations.fines.parameters import surcharge_rules
from payclear.obligations.records import ObligationView
from payclear.obligations.rules.instalments import PlanState
from payclear.obligations.rules.surcharge import FinePosition

PROPOSALS_SHOWN = 200


class NextStep(StrEnum):
    """What should happen next with a fine."""

    PAY = "pay"
    PAY_INSTALMENT = "pay_instalment"
    PAY_REST = "pay_rest"
    AWAIT_REFUND = "await_refund"
    COLLECT_PAPERS = "collect_papers"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Proposal:
    """Money that should go back, with the fine it was paid for and what an officer decided."""

    id: UUID
    obligation_id: UUID
    amount: int
    currency: str
    reason: str
    state: str
    proposed_at: datetime
    decided_at: datetime | None
    decided_by: str | None
    decided_note: str | None
    carrier: str | None
    agency_code: str
    document_no: str

    @property
    def money(self) -> Money:
        """How much."""
        return Money(self.amount, self.currency)


@dataclass(frozen=True, slots=True)
class Paper:
    """A paper that is or was withheld."""

    paper_no: int
    type: str
    returned_on: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FineView:
    """A fine with everything about it."""

    fine: ObligationView
    history: FineHistory
    for_date: date
    position: FinePosition
    proposals: tuple[Proposal, ...]
    papers: tuple[Paper, ...]

    @property
    def next_step(self) -> NextStep:
        """What should happen next."""
        if any(each.state in (ProposalState.PROPOSED, ProposalState.ACCEPTED) for each in self.proposals):
            return NextStep.AWAIT_REFUND
        if self.fine.state in PAYABLE_STATES:
            plan = self.history.plan_on(self.for_date)
            if plan is not None and plan.state is PlanState.KEPT:
                return NextStep.PAY_INSTALMENT
            return NextStep.PAY_REST if self.position.paid.is_positive else NextStep.PAY
        if any(each.returned_on is None for each in self.papers):
            return NextStep.COLLECT_PAPERS
        return NextStep.NOTHING


def view_fine(uow: UnitOfWork, fine: ObligationView) -> FineView:
    """Read everything about a fine as it stands today; raises RuleNotInForce."""
    today = vietnam_date(uow.now)
    history = history_of(uow, fine)
    return FineView(
        fine=fine,
        history=history,
        for_date=today,
        position=history.position(surcharge_rules(uow), on=today),
        proposals=tuple(uow.rows(Proposal, fine_queries.PROPOSALS_OF, (fine.id,))),
        papers=tuple(uow.rows(Paper, fine_queries.PAPERS, (fine.id,))),
    )


def open_proposals(uow: UnitOfWork) -> list[Proposal]:
    """Every proposal that waits for people, the oldest first; for the console."""
    return uow.rows(Proposal, fine_queries.PROPOSALS, (PROPOSALS_SHOWN,))


def proposal_of(uow: UnitOfWork, proposal_id: UUID) -> Proposal | None:
    """One proposal; None when there is none."""
    rows = uow.rows(Proposal, fine_queries.PROPOSAL, (proposal_id,))
    return rows[0] if rows else None
