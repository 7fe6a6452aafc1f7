"""Reads purposes, grounds and times of keeping from the catalogue as they stand on a day, and guards their import."""

from collections.abc import Callable
from typing import TypeVar

from payclear.catalogue.parameters import ParameterRecord, register_kind
from payclear.catalogue.reading import parameters
from payclear.db.uow import UnitOfWork
from payclear.kernel.clock import vietnam_date
from payclear.privacy.domain import (
    FORGETTING_GROUND,
    READING_PURPOSE,
    RETENTION_RULE,
    Ground,
    Purpose,
    RetentionRule,
    ground_of,
    purpose_of,
    retention_of,
)

Rule = TypeVar("Rule")


def purposes(uow: UnitOfWork) -> dict[str, Purpose]:
    """The purposes in force today, by code."""
    return _in_force(uow, READING_PURPOSE, _purpose)


def grounds(uow: UnitOfWork) -> dict[str, Ground]:
    """The grounds of forgetting in force today, by code."""
    return _in_force(uow, FORGETTING_GROUND, _ground)


def retention_rules(uow: UnitOfWork) -> dict[str, RetentionRule]:
    """The times of keeping in force today, by kind of record."""
    return _in_force(uow, RETENTION_RULE, _retention)


def _in_force(uow: UnitOfWork, kind: str, make: Callable[[ParameterRecord], Rule]) -> dict[str, Rule]:
    today = vietnam_date(uow.now)
    return {
        record.code: make(record)
        for record in parameters(uow, kind)
        if record.valid_from <= today and (record.valid_to is None or today <= record.valid_to)
    }


def _purpose(record: ParameterRecord) -> Purpose:
    return purpose_of(record.id, record.code, record.legal_basis, record.value)


def _ground(record: ParameterRecord) -> Ground:
    return ground_of(record.id, record.code, record.legal_basis, record.value)


def _retention(record: ParameterRecord) -> RetentionRule:
    return retention_of(record.id, record.code, record.legal_basis, record.value)


register_kind(READING_PURPOSE, _purpose)
register_kind(FORGETTING_GROUND, _ground)
register_kind(RETENTION_RULE, _retention)
