"""What portals send and get about the history of a fine, for `obligations.fines.api` only."""

from collections.abc import Sequence
from datetime import date
from typing import Any, Final

from marshmallow import ValidationError, post_load

from payclear.http.schemas import (
    Amount,
    Day,
    Instant,
    Items,
    MoneySchema,
    OneOf,
    Part,
    PublicId,
    StrictSchema,
    Text,
    ViewSchema,
    Whole,
    instant_json,
    money_json,
)
from payclear.kernel.ids import public_id
from payclear.kernel.money import AMOUNT_MAX, Money
from payclear.obligations.domain import ObligationState, ServedMethod
from payclear.obligations.fines.desk import NewVersion, PlanGrant
from payclear.obligations.fines.domain import (
    PAPER_NUMBER,
    PAPER_NUMBER_LENGTH_MAX,
    FineEventKind,
    IssuerRank,
    PaperType,
    ProposalReason,
    ProposalState,
)
from payclear.obligations.fines.history import EventRow, FineHistory, VersionRow
from payclear.obligations.fines.views import FineView, NextStep, Paper, Proposal
from payclear.obligations.rules.corrections import VersionKind
from payclear.obligations.rules.instalments import Instalment, PlanState, Turn
from payclear.obligations.rules.surcharge import ShelterKind
from payclear.obligations.schemas import PREFIX

_LATER: Final = [kind for kind in VersionKind if kind not in (VersionKind.ISSUED, VersionKind.SERVED)]


class VersionSchema(StrictSchema):
    """A new version of a decision. A cancellation asks for 0; a replacement brings a term of its own."""

    kind = OneOf(_LATER, about="What the version does to the decision.")
    decision_no = Text(most=60, about="Number of the paper that made it.", example="0012399/QĐ-SĐ")
    decided_on = Day(about="Its date.", example="2026-11-10")
    effective_on = Day(load_default=None, allow_none=True, about="From when it holds; its date when null.")
    amount = Whole(least=0, most=AMOUNT_MAX, about="The whole fine from then on, in đồng.", example=600_000)
    served_on = Day(load_default=None, allow_none=True, about="Of a replacement: when it was served.")
    served_method = OneOf(ServedMethod, load_default=None, allow_none=True)
    written_term_days = Whole(least=1, most=3650, load_default=None, allow_none=True)

    @post_load
    def _make(self, data: dict[str, Any], **_: Any) -> NewVersion:
        return NewVersion(**(data | {"amount": Money(data["amount"])}))


class ServedSchema(StrictSchema):
    """The proof of service that was missing when the decision was registered."""

    served_on = Day(about="The day of valid service.", example="2026-11-12")
    served_method = OneOf(
        ServedMethod, load_default=None, allow_none=True, about="As it was registered when null."
    )


class OpenShelterSchema(StrictSchema):
    """No surcharge runs from a day: the decision was deferred, or a reduction was asked for."""

    ref = Text(
        most=PAPER_NUMBER_LENGTH_MAX, pattern=PAPER_NUMBER, about="Number of the paper.", example="45/QĐ-HTH"
    )
    kind = OneOf(ShelterKind)
    on = Day(about="From this day no surcharge runs.")


class CloseShelterSchema(StrictSchema):
    """Surcharge runs again from a day."""

    ref = Text(most=PAPER_NUMBER_LENGTH_MAX, pattern=PAPER_NUMBER, about="The reference it was opened under.")
    on = Day(about="From this day surcharge runs again.")


class InstalmentPartSchema(StrictSchema):
    """One part of a plan."""

    due_on = Day(about="Its last day.")
    amount = Amount(about="Whole đồng.", example=6_000_000)


class PlanSchema(StrictSchema):
    """A plan as the authority granted it; its parts are what is unpaid today."""

    decision_ref = Text(
        most=PAPER_NUMBER_LENGTH_MAX, pattern=PAPER_NUMBER, about="Number of the decision that grants it."
    )
    granted_on = Day()
    counted_from = Day(
        load_default=None, allow_none=True, about="When the fine took effect; its date when null."
    )
    turn = OneOf(Turn, load_default=Turn.IN_TURN, about="In which order the parts may be paid.")
    instalments = Items(Part(InstalmentPartSchema()), least=2, most=24)

    @post_load
    def _make(self, data: dict[str, Any], **_: Any) -> PlanGrant:
        parts = tuple((part["due_on"], Money(part["amount"])) for part in data.pop("instalments"))
        return PlanGrant(parts=parts, **data)


class PlanDatesSchema(StrictSchema):
    """The dates one would pay on."""

    due_on = Items(Day(), least=2, most=24, about="Last days of the parts, in order.")

    @post_load
    def _check(self, data: dict[str, Any], **_: Any) -> tuple[date, ...]:
        days = tuple(data["due_on"])
        if list(days) != sorted(set(days)):
            raise ValidationError({"due_on": ["not_allowed_here"]})
        return days


class PapersReturnedSchema(StrictSchema):
    """The withheld papers were given back."""

    on = Day(about="The day they were given back.")


class QuoteQuerySchema(StrictSchema):
    """For which day, and as known at which instant."""

    for_date = Day(load_default=None, about="The day to quote for; today when absent.")
    as_of = Instant(load_default=None, about="As it was known then; as it is known now when absent.")


class VersionViewSchema(ViewSchema):
    """One version of the decision."""

    no = Whole(least=1, most=10_000)
    kind = OneOf(VersionKind)
    decision_no = Text(most=60)
    decided_on = Day()
    effective_on = Day()
    amount = Part(MoneySchema())
    served_on = Day(allow_none=True)
    due_on = Day(allow_none=True, about="Where the version brings a term of its own.")
    recorded_at = Instant()


class EventViewSchema(ViewSchema):
    """Something that happened to the fine."""

    no = Whole(least=1, most=100_000)
    kind = OneOf(FineEventKind)
    on = Day(about="The day it counts from.")
    ref = Text(most=60, least=0)
    principal = Part(MoneySchema())
    surcharge = Part(MoneySchema())
    instalment_no = Whole(least=1, most=24, allow_none=True)
    recorded_at = Instant()


class InstalmentViewSchema(ViewSchema):
    """One part of the plan."""

    no = Whole(least=1, most=24)
    due_on = Day()
    amount = Part(MoneySchema())
    paid_on = Day(allow_none=True)


class PlanViewSchema(ViewSchema):
    """The plan that was granted last, and how it stands today."""

    decision_ref = Text(most=60)
    granted_on = Day()
    turn = OneOf(Turn)
    state = OneOf(PlanState)
    payable = Items(Whole(least=1, most=24), least=0, most=24, about="Parts that may be ordered today.")
    broken_on = Day(allow_none=True, about="From this day the whole rest is due, with surcharge.")
    instalments = Items(Part(InstalmentViewSchema()), most=24)


class PositionSchema(ViewSchema):
    """What stands today."""

    for_date = Day()
    due_on = Day(about="Last day to pay without surcharge.")
    fine = Part(MoneySchema(), about="What the newest version asks.")
    paid = Part(MoneySchema(), about="Of the fine, without surcharge.")
    unpaid = Part(MoneySchema())
    surcharge = Part(MoneySchema(), about="What of the surcharge is still due.")
    late_days = Whole(least=0, most=100_000)
    total = Part(MoneySchema(), about="What a payment today must be.")


class ProposalSchema(ViewSchema):
    """Money that should go back."""

    amount = Part(MoneySchema())
    reason = OneOf(ProposalReason)
    state = OneOf(ProposalState)
    proposed_at = Instant()


class PaperSchema(ViewSchema):
    """A paper that the authority keeps, or gave back."""

    type = OneOf(PaperType)
    returned_on = Day(allow_none=True)


class FineSchema(ViewSchema):
    """A fine with its history, where it stands today and what comes next."""

    obligation = PublicId(PREFIX)
    status = OneOf(ObligationState)
    next_step = OneOf(NextStep)
    issuer_rank = OneOf(IssuerRank, allow_none=True)
    violation_record_no = Text(most=60, allow_none=True)
    violation_on = Day(allow_none=True)
    versions = Items(Part(VersionViewSchema()), most=10_000)
    events = Items(Part(EventViewSchema()), least=0, most=100_000)
    position = Part(PositionSchema())
    plan = Part(PlanViewSchema(), allow_none=True)
    refund_proposals = Items(Part(ProposalSchema()), least=0, most=1000)
    withheld_papers = Items(Part(PaperSchema()), least=0, most=10)


class ProposedPlanSchema(ViewSchema):
    """The parts the law would allow; nothing was written."""

    instalments = Items(Part(InstalmentViewSchema()), most=24)


def fine_json(view: FineView) -> dict[str, Any]:
    """A fine as `FineSchema` describes it."""
    fine, history, position = view.fine, view.history, view.position
    head = fine.fine
    assert head is not None
    return {
        "obligation": public_id(PREFIX, fine.id),
        "status": fine.state.value,
        "next_step": view.next_step.value,
        "issuer_rank": head.issuer_rank.value if head.issuer_rank else None,
        "violation_record_no": head.violation_record_no,
        "violation_on": _day(head.violation_on),
        "versions": [_version_json(row, history.currency) for row in history.versions],
        "events": [_event_json(row, history.currency) for row in history.events],
        "position": {
            "for_date": view.for_date.isoformat(),
            "due_on": position.due_on.isoformat(),
            "fine": money_json(position.liability),
            "paid": money_json(position.paid),
            "unpaid": money_json(position.unpaid),
            "surcharge": money_json(position.surcharge),
            "late_days": position.late_days,
            "total": money_json(position.unpaid + position.surcharge),
        },
        "plan": _plan_json(history, view),
        "refund_proposals": [_proposal_json(each) for each in view.proposals],
        "withheld_papers": [_paper_json(each) for each in view.papers],
    }


def parts_json(parts: Sequence[Instalment]) -> dict[str, Any]:
    """Parts as `ProposedPlanSchema` describes them."""
    return {"instalments": [_part_json(part, None) for part in parts]}


def _version_json(row: VersionRow, currency: str) -> dict[str, Any]:
    return {
        "no": row.version_no,
        "kind": row.kind,
        "decision_no": row.decision_no,
        "decided_on": row.decided_on.isoformat(),
        "effective_on": row.effective_on.isoformat(),
        "amount": money_json(Money(row.amount, currency)),
        "served_on": _day(row.served_on),
        "due_on": _day(row.due_on),
        "recorded_at": instant_json(row.recorded_at),
    }


def _event_json(row: EventRow, currency: str) -> dict[str, Any]:
    return {
        "no": row.event_no,
        "kind": row.kind,
        "on": row.on_date.isoformat(),
        "ref": row.ref,
        "principal": money_json(Money(row.principal, currency)),
        "surcharge": money_json(Money(row.surcharge, currency)),
        "instalment_no": row.instalment_no,
        "recorded_at": instant_json(row.recorded_at),
    }


def _plan_json(history: FineHistory, view: FineView) -> dict[str, Any] | None:
    plan, standing = history.plan, history.plan_on(view.for_date)
    if plan is None or standing is None:
        return None
    paid = history.paid_instalments()
    return {
        "decision_ref": plan.decision_ref,
        "granted_on": plan.granted_on.isoformat(),
        "turn": plan.turn.value,
        "state": standing.state.value,
        "payable": list(standing.payable),
        "broken_on": _day(standing.broken_on),
        "instalments": [_part_json(part, paid.get(part.no)) for part in plan.instalments],
    }


def _part_json(part: Instalment, paid_on: date | None) -> dict[str, Any]:
    return {
        "no": part.no,
        "due_on": part.due_on.isoformat(),
        "amount": money_json(part.amount),
        "paid_on": _day(paid_on),
    }


def _proposal_json(row: Proposal) -> dict[str, Any]:
    return {
        "amount": money_json(row.money),
        "reason": row.reason,
        "state": row.state,
        "proposed_at": instant_json(row.proposed_at),
    }


def _paper_json(row: Paper) -> dict[str, Any]:
    return {"type": row.type, "returned_on": _day(row.returned_on)}


def _day(on: date | None) -> str | None:
    return on.isoformat() if on else None
