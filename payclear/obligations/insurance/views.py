"""How portals are shown an insurance quote and a notice of another kind; for `obligations.schemas` only."""

from collections.abc import Sequence
from typing import Any, Final

from payclear.http.schemas import Day, Items, MoneySchema, Part, Text, ViewSchema, Whole, money_json
from payclear.kernel.money import sum_money
from payclear.obligations.insurance.records import NoticeRow, PaidLine
from payclear.obligations.rules.insurance import ContributionLine

_MEMBERS_MOST: Final = 30
_RULES_MOST: Final = 10


class InsuredSchema(ViewSchema):
    """What one person's months cost, and by which rules. `own` and `state` together are `full`."""

    ref = Text(most=40, about="Your reference of the person.")
    months = Whole(
        least=0, most=600, about="Months that are charged; none when all of them are paid for already."
    )
    from_on = Day(about="First day that is charged.")
    to_on = Day(about="Last day covered then.")
    monthly = Part(MoneySchema(), about="The contribution of one month, both shares.")
    own = Part(MoneySchema(), about="What is collected.")
    state = Part(MoneySchema(), about="The state's share: told, never collected.")
    full = Part(MoneySchema())
    rule_ids = Items(Text(most=100), most=_RULES_MOST, about="Rows of the catalogue it rests on.")
    legal_basis = Items(Text(most=1000), most=_RULES_MOST)


class ContributionViewSchema(ViewSchema):
    """Who pays what of an insurance contribution."""

    own = Part(MoneySchema(), about="What is collected.")
    state = Part(MoneySchema(), about="The state's share: told, never collected.")
    full = Part(MoneySchema())
    members = Items(Part(InsuredSchema()), most=_MEMBERS_MOST, about="By order in the household.")


class NoticeViewSchema(ViewSchema):
    """What a tax, land or contribution notice says besides its lines."""

    due_on = Day(allow_none=True, about="Last day to pay.")
    legal_basis = Text(most=500)


def contribution_json(lines: Sequence[ContributionLine | PaidLine]) -> dict[str, Any]:
    """A contribution, quoted or paid, as `ContributionViewSchema` describes it."""
    currency = lines[0].own.currency
    return {
        "own": money_json(sum_money((line.own for line in lines), currency)),
        "state": money_json(sum_money((line.state for line in lines), currency)),
        "full": money_json(sum_money((line.full for line in lines), currency)),
        "members": [_insured_json(line) for line in lines],
    }


def notice_json(row: NoticeRow) -> dict[str, Any]:
    """A notice as `NoticeViewSchema` describes it."""
    return {
        "due_on": row.due_on.isoformat() if row.due_on else None,
        "legal_basis": row.legal_basis,
    }


def _insured_json(line: ContributionLine | PaidLine) -> dict[str, Any]:
    return {
        "ref": line.ref,
        "months": line.months,
        "from_on": line.from_on.isoformat(),
        "to_on": line.to_on.isoformat(),
        "monthly": money_json(line.monthly),
        "own": money_json(line.own),
        "state": money_json(line.state),
        "full": money_json(line.full),
        "rule_ids": list(line.rule_ids),
        "legal_basis": list(line.legal_basis),
    }
