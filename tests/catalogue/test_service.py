"""Reference data in force on a day: business days of institutions, rules and programmes by their dates."""

from datetime import date, timedelta

import pytest

from payclear.catalogue.models import CalendarDay
from payclear.catalogue.service import fee_programmes, is_business_day_for, routing_rules
from payclear.runtime import Runtime
from tests.factories.base import use
from tests.factories.routing import RoutingRuleFactory, ServiceFeeProgrammeFactory

SATURDAY = date(2026, 11, 21)


def test_institution_has_its_own_days_before_everybodys(runtime: Runtime) -> None:
    days = [("", "working_day"), ("vnpay-demo", "holiday")]
    with runtime.database.begin() as uow:
        for owner, kind in days:
            day = CalendarDay(
                institution=owner, on_date=SATURDAY, kind=kind, name_vi="Mẫu", legal_basis="test"
            )
            uow.session.add(day)
        uow.session.flush()
        found = is_business_day_for(uow, ["vnpay-demo", "sandbox-demo"], SATURDAY)
        week_later = is_business_day_for(uow, ["sandbox-demo"], SATURDAY + timedelta(days=7))
    assert found == {"vnpay-demo": False, "sandbox-demo": True}
    assert week_later == {"sandbox-demo": False}


@pytest.mark.parametrize(("moved", "in_force"), [(-1, False), (0, True), (1, True), (2, False)])
def test_rule_and_programme_hold_from_their_first_day_to_their_last(
    runtime: Runtime, moved: int, in_force: bool
) -> None:
    span = {"valid_from": SATURDAY, "valid_to": SATURDAY + timedelta(days=1)}
    with runtime.database.begin() as uow:
        use(uow.session)
        RoutingRuleFactory(**span)
        ServiceFeeProgrammeFactory(**span)
        on = SATURDAY + timedelta(days=moved)
        assert bool(routing_rules(uow, on)) is in_force
        assert bool(fee_programmes(uow, on)) is in_force
        assert len(routing_rules(uow)) == len(fee_programmes(uow)) == 1
