"""What the lines of an order collect of each obligation: a fine and its surcharge apart. Pure; for whoever moves money."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from uuid import UUID

from payclear.kernel.money import sum_money
from payclear.obligations.domain import LineType, ObligationState
from payclear.obligations.records import PaidPart
from payclear.orders.records import LineView


def parts_in(lines: Iterable[LineView]) -> tuple[PaidPart, ...]:
    """What lines of one order collect of each obligation, in id order."""
    owed: dict[UUID, list[LineView]] = defaultdict(list)
    for line in lines:
        owed[line.obligation_id].append(line)
    return tuple(_part(obligation_id, owed[obligation_id]) for obligation_id in sorted(owed))


def _part(obligation_id: UUID, lines: Sequence[LineView]) -> PaidPart:
    currency = lines[0].amount.currency
    types = {line.type for line in lines}
    return PaidPart(
        obligation_id=obligation_id,
        principal=sum_money(
            (line.amount for line in lines if line.type != LineType.LATE_SURCHARGE), currency
        ),
        surcharge=sum_money(
            (line.amount for line in lines if line.type == LineType.LATE_SURCHARGE), currency
        ),
        is_fine=not types.isdisjoint((LineType.FINE, LineType.LATE_SURCHARGE)),
        is_insurance=LineType.INSURANCE in types,
        state=ObligationState(lines[0].obligation_state),
        instalment_no=lines[0].instalment_no,
    )
