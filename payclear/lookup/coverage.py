"""Up to which day each authority's decisions are here, as it said when it uploaded them. Called by `service`, `clearance`."""

from collections.abc import Sequence
from datetime import date
from typing import Final

from payclear.db.uow import UnitOfWork
from payclear.lookup import queries
from payclear.lookup.domain import Authority, SubjectKind

_KEYS: Final = {
    SubjectKind.CITIZEN_ID: "id_no",
    SubjectKind.LICENCE_NO: "licence_no",
    SubjectKind.PLATE: "plate",
}
_FIELDS: Final = {
    "licence_no": "licence_no",
    "plate": "plate_colour",
}  # a plate without its colour may be another's


def complete_to(uow: UnitOfWork, agency_code: str | None) -> date | None:
    """The day an authority's decisions are complete to; None when no authority is named or it never said."""
    day: date | None = uow.one(queries.COMPLETE_TO, (agency_code or "",))[0]
    return day


def complete_to_by(uow: UnitOfWork, authorities: Sequence[Authority], kind: SubjectKind) -> dict[str, date]:
    """The day to which decisions are here and found by a kind of key, of each authority whose own portals ever said so.

    An authority with an unpaid fine that was registered since without that key is missing.
    """
    said = [(each.agency_code, portal) for each in authorities for portal in sorted(each.portals)]
    key = _KEYS[kind]
    values = {
        "agencies": [agency for agency, _ in said],
        "portals": [portal for _, portal in said],
        "key": key,
        "field": _FIELDS.get(key, ""),
    }
    return dict(uow.run(queries.COMPLETE_TO_BY_KEY, values).fetchall())
