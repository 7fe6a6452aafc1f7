"""Answers who knows a document's number and a second factor. Called by `api`, `pages` and `links`; never commits.

A wrong factor and an unknown number are one answer, made by the same statements in the same order. It must never say
whether a number exists, and never open more of a person than what is masked here.
"""

from collections.abc import Sequence
from datetime import timedelta
from functools import lru_cache
from typing import Final
from uuid import UUID

from payclear.db.uow import UnitOfWork
from payclear.kernel.clock import vietnam_date
from payclear.kernel.errors import PayclearError
from payclear.kernel.ids import new_uuid
from payclear.kernel.money import Money
from payclear.lookup import coverage, meters, queries
from payclear.lookup.domain import RESULTS_MAX, LookupStatus, document_keys, status_of, status_of_unfound
from payclear.lookup.records import FoundRow, Question, Result
from payclear.obligations import service as obligations
from payclear.obligations.domain import (
    PAYABLE_STATES,
    Line,
    LineType,
    ObligationKind,
    ObligationState,
    Quote,
    ServedMethod,
    normalise_document_no,
)
from payclear.obligations.obligors import factor_index_of, factors_of
from payclear.obligations.records import FineHead, ObligationView
from payclear.obligations.rules.insurance import InvalidContribution
from payclear.obligations.rules.plates import PlateColour, mask_name, read_plate
from payclear.opendata.counters import LookupChannel, count_lookup
from payclear.security.blind_index import BlindIndex
from payclear.security.sealed import DataKey, Sealer

_NOBODY: Final = UUID(int=0)
_BLANK: Final = "-"  # what is searched for when nothing was typed: nothing has it


def look_up(uow: UnitOfWork, question: Question, *, sealer: Sealer, index: BlindIndex) -> tuple[Result, ...]:
    """Everything that fits, the oldest first; one result without a document when nothing does.

    Uses up a try of the visitor and of the number; a hit gives the number's back. Raises TooManyRequests.
    """
    uow.run(queries.LAZILY)
    taken = _take(uow, question, index)
    keys = document_keys(question.number) or (_BLANK,)
    found = uow.rows(FoundRow, queries.FIND, _terms(question, keys, index) | {"on": vietnam_date(uow.now)})
    complete_to = coverage.complete_to(uow, question.agency_code)
    results = _results(uow, found, sealer)
    if not found:
        status = status_of_unfound(decided_on=question.document_on, complete_to=complete_to)
        results = (Result(status=status, as_of=uow.now),)
    for meter, key in taken:
        meters.give_back(uow, meter, key, tries=1 if found else 0)
    channel = LookupChannel.PUBLIC if question.portal_code is None else LookupChannel.PORTAL
    for result in results:
        obligation_id = result.obligation.id if result.obligation else None
        count_lookup(uow, channel=channel, answer=result.status, obligation_id=obligation_id)
    return results


def result_of(uow: UnitOfWork, obligation_id: UUID, *, sealer: Sealer) -> Result:
    """The answer for one obligation, to who holds a link to it."""
    found = uow.rows(FoundRow, queries.FIND_ONE, {"id": obligation_id, "on": vietnam_date(uow.now)})
    return _results(uow, found, sealer)[0]


def _take(uow: UnitOfWork, question: Question, index: BlindIndex) -> tuple[tuple[meters.Meter, bytes], ...]:
    """One try of the visitor, then of the number at this door, then of the number at all doors: always in this order.

    One portal's tries do not lock a citizen's; those of many portals together do.
    """
    if question.portal_code is None:
        meters.take(uow, meters.VISITOR, meters.key_of(index, meters.VISITOR, question.asked_by))
    number = (document_keys(question.number) or (_BLANK,))[-1]
    taken = tuple(
        (meter, meters.key_of(index, meter, key))
        for meter, key in (
            (meters.NUMBER, f"{question.portal_code or ''}|{number}"),
            (meters.NUMBER_ANYWHERE, number),
        )
    )
    for meter, key in taken:
        meters.take(uow, meter, key)
    return taken


def _terms(question: Question, keys: tuple[str, ...], index: BlindIndex) -> dict[str, object]:
    factors = factors_of(question.factor) or (_BLANK,)
    return {
        "factors": [factor_index_of(index, key, factor) for key in keys for factor in factors],
        "keys": list(keys),
        "agency_code": question.agency_code,
        "document_on": question.document_on,
        "most": RESULTS_MAX,
    }


def _results(uow: UnitOfWork, found: list[FoundRow], sealer: Sealer) -> tuple[Result, ...]:
    views = {each.id: each for each in obligations.find_many(uow, [row.id for row in found] or [_NOBODY])}
    if not found:
        _opened(sealer, _stand_in(sealer))
        _quote(uow, _rehearsed(uow))
    in_turn = [views[row.id] for row in found]
    return tuple(
        _result(uow, row, views[row.id], sealer)
        for at, row in enumerate(found)
        if not _is_overtaken(in_turn[at], in_turn[at + 1 :])
    )


def _is_overtaken(view: ObligationView, later: Sequence[ObligationView]) -> bool:
    """Whether something gave its number up, and stands behind what was registered under it since."""
    if view.state not in (ObligationState.CANCELLED, ObligationState.REFUNDED):
        return False
    ours = (view.kind, view.agency_code, normalise_document_no(view.document_no))
    return view.kind is not ObligationKind.TRAFFIC_FINE and any(
        (each.kind, each.agency_code, normalise_document_no(each.document_no)) == ours for each in later
    )


def _result(uow: UnitOfWork, row: FoundRow, view: ObligationView, sealer: Sealer) -> Result:
    quote, refusal = None, ""
    if view.state in PAYABLE_STATES:
        quote, refusal = _quote(uow, view)
    if quote is None or view.kind is not ObligationKind.TRAFFIC_FINE:
        _quote(uow, _rehearsed(uow))
    status = status_of(
        view.state,
        holds_money=row.holds_money,
        has_quote=quote is not None,
        refusal=refusal,
        is_counter_only=row.is_counter_only,
    )
    name, plate = _opened(sealer, row)
    return Result(
        status=status,
        as_of=uow.now,
        obligation=view,
        quote=quote,
        masked_name=mask_name(name) if name else "",
        masked_plate=read_plate(plate, PlateColour.WHITE).masked if plate else "",
        given_back=Money(row.given_back, view.principal.currency)
        if row.given_back and status is LookupStatus.PAID
        else None,
    )


def _quote(uow: UnitOfWork, view: ObligationView) -> tuple[Quote | None, str]:
    """What is due today, or why an insurance's months can not be paid; neither while no rule can say it."""
    try:
        quote = obligations.quote(uow, view, for_date=vietnam_date(uow.now))
    except InvalidContribution as refused:
        return None, str(refused.facts.get("reason", ""))
    except PayclearError:  # a refusal would tell that the number exists, and would be no answer
        return None, ""
    return (quote if quote.lines and quote.total.amount > 0 else None), ""


def _rehearsed(uow: UnitOfWork) -> ObligationView:
    """A fine that nobody owes: quoted where there is nothing to quote, so that the work is the same."""
    today = vietnam_date(uow.now)
    line = Line(
        type=LineType.FINE, name_vi="-", amount=Money(1), beneficiary_account="-", chapter="-", sub_item="-"
    )
    return ObligationView(
        id=_NOBODY,
        kind=ObligationKind.TRAFFIC_FINE,
        portal_code="",
        agency_code="",
        agency_name_vi="",
        agency_name_en="",
        document_no="",
        document_on=today - timedelta(days=30),
        due_on=today - timedelta(days=20),
        principal=line.amount,
        state=ObligationState.OPEN,
        created_at=uow.now,
        lines=(line,),
        surcharge=("-", "-", "-"),
        fine=FineHead(
            served_on=today - timedelta(days=30),
            served_method=ServedMethod.HANDED,
            written_term_days=None,
            issuer_rank=None,
            violation_record_no=None,
            violation_on=None,
            versions=1,
            events=0,
        ),
    )


@lru_cache(maxsize=8)
def _stand_in(sealer: Sealer) -> FoundRow:
    """Somebody sealed, to be opened where nobody was found."""
    key, row = sealer.new_data_key(), new_uuid()
    return FoundRow(
        id=_NOBODY,
        obligor_id=row,
        data_key_id=key.id,
        kek_id=key.kek_id,
        wrapped_key=key.wrapped,
        name_sealed=sealer.seal("-", data_key=key, table="obligor", column="name", row=row),
        plate_sealed=None,
        holds_money=False,
        is_counter_only=False,
        given_back=0,
    )


def _opened(sealer: Sealer, row: FoundRow) -> tuple[str, str]:
    """Name and plate, in full, to be masked at once; both empty of who was forgotten."""
    if row.wrapped_key is None or row.name_sealed is None:
        return "", ""
    key = DataKey(row.data_key_id, row.kek_id, row.wrapped_key)

    def opened(sealed: bytes, column: str) -> str:
        return sealer.open(sealed, data_key=key, table="obligor", column=column, row=row.obligor_id)

    plate = opened(row.plate_sealed, "field.plate") if row.plate_sealed is not None else ""
    return opened(row.name_sealed, "name"), plate
