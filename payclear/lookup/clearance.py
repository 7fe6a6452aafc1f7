"""Clearance: whether decisions of a subject wait to be paid. Called by `api` in its transaction; never commits.

It tells no amount, no document and no offence, and never CLEAR when anything may be missing. Each question is written
into the trail with its purpose and a blind index of the subject, never the subject.
"""

from collections.abc import Mapping
from datetime import date
from typing import Final

from payclear.audit.service import record
from payclear.catalogue.parameters import ParameterRecord, register_kind
from payclear.catalogue.reading import parameters
from payclear.db.uow import UnitOfWork
from payclear.kernel.clock import vietnam_date
from payclear.lookup import coverage, queries
from payclear.lookup.domain import (
    Authority,
    Clearance,
    ClearancePurpose,
    Subject,
    SubjectKind,
    clearance_of,
)
from payclear.obligations.domain import ObligorField
from payclear.obligations.obligors import field_index_of, id_no_index_of, plate_keys
from payclear.security.blind_index import BlindIndex

AUTHORITIES: Final = "clearance_authority"


def ask(
    uow: UnitOfWork,
    subject: Subject,
    *,
    purpose: ClearancePurpose,
    portal_code: str,
    key_id: str,
    index: BlindIndex,
) -> Clearance:
    """Answer for one subject as of this transaction, and write down who asked for what purpose."""
    today = vietnam_date(uow.now)
    searched = _indexes(subject, index)
    authorities = _authorities(uow, today)
    answer = clearance_of(
        _unpaid(uow, subject, searched),
        kind=subject.kind,
        authorities=authorities,
        complete_to=coverage.complete_to_by(uow, authorities, subject.kind),
        issuing=[row[0] for row in uow.run(queries.ISSUING)],
        today=today,
    )
    record(
        uow,
        actor_type="portal",
        actor=key_id,
        action="clearance.asked",
        object_type="subject",
        object_id=searched[0].hex(),
        facts={
            "portal": portal_code,
            "purpose": purpose.value,
            "subject_kind": subject.kind.value,
            "status": answer.status.value,
        },
    )
    return answer


def read_authority(parameter: ParameterRecord) -> Authority:
    """The authority that a parameter names; raises KeyError, ValueError or TypeError when it names none."""
    keys, fresh_days = parameter.value["keys"], parameter.value["fresh_days"]
    if isinstance(fresh_days, bool) or not isinstance(fresh_days, int) or not 0 <= fresh_days <= 31:
        raise ValueError("fresh_days is a whole number from 0 to 31")
    if not isinstance(keys, list | tuple) or not keys:
        raise ValueError("keys is a list of kinds of keys")
    agency_code = parameter.value["agency"]
    if not isinstance(agency_code, str) or not agency_code:
        raise ValueError("agency is the code of an agency")
    portals = parameter.value["portals"]
    if (
        not isinstance(portals, list | tuple)
        or not portals
        or not all(isinstance(each, str) for each in portals)
    ):
        raise ValueError("portals is a list of codes of portals that speak for the agency")
    kinds = frozenset(SubjectKind(key).value for key in keys)
    return Authority(agency_code, kinds, fresh_days, frozenset(portals))


register_kind(AUTHORITIES, read_authority)


def _authorities(uow: UnitOfWork, today: date) -> list[Authority]:
    return [
        read_authority(each)
        for each in parameters(uow, AUTHORITIES)
        if each.valid_from <= today and (each.valid_to is None or today <= each.valid_to)
    ]


_FIELDS: Final[Mapping[SubjectKind, ObligorField]] = {
    SubjectKind.PLATE: ObligorField.PLATE,
    SubjectKind.LICENCE_NO: ObligorField.LICENCE_NO,
}


def _indexes(subject: Subject, index: BlindIndex) -> list[bytes]:
    if subject.kind is SubjectKind.CITIZEN_ID:
        return [id_no_index_of(index, subject.value)]
    values: tuple[str, ...] = (subject.value,)
    if subject.kind is SubjectKind.PLATE:
        values = plate_keys(subject.value, subject.colour)
    return [field_index_of(index, _FIELDS[subject.kind], value) for value in values]


def _unpaid(uow: UnitOfWork, subject: Subject, searched: list[bytes]) -> int:
    if subject.kind is SubjectKind.CITIZEN_ID:
        (count,) = uow.one(queries.UNPAID_BY_ID_NO, (searched[0],))
    else:
        (count,) = uow.one(queries.UNPAID_BY_FIELD, (_FIELDS[subject.kind], searched))
    return int(count)
