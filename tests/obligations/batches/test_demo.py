"""The demonstration's decisions can be looked up, and come once."""

from payclear.kernel.clock import vietnam_date
from payclear.obligations.service import find_by_number, quote
from payclear.operations import demo
from payclear.runtime import Runtime


def test_demo_decisions_are_registered_once(runtime: Runtime) -> None:
    demo.load_with_decisions(runtime)
    demo.load_with_decisions(runtime)
    with runtime.database.begin() as uow:
        assert uow.run("SELECT result, count(*) FROM decision_row GROUP BY 1").fetchall() == [
            ("registered", 3)
        ]
        (late,) = find_by_number(uow, "0012301/QĐ-XPHC")
        assert quote(uow, late, for_date=vietnam_date(uow.now)).late_days > 0


def test_demonstration_of_an_earlier_version_goes_on_working(runtime: Runtime) -> None:
    demo.load(runtime)
    with runtime.database.begin() as uow:
        uow.run("UPDATE portal SET agency_code = 'H00'")  # as it was when that bound nothing
        uow.commit()
    demo.load_with_decisions(runtime)
    with runtime.database.begin() as uow:
        assert uow.run("SELECT DISTINCT result FROM decision_row").fetchall() == [("registered",)]
