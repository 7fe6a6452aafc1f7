"""A change of the catalogue: proposed by one, approved by another, refused when it would rewrite what was."""

import csv
import io
import unicodedata
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from threading import Barrier
from uuid import UUID

import pytest
import sqlalchemy.exc
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.errors import CheckViolation, ExclusionViolation, InsufficientPrivilege, RaiseException

from payclear.catalogue.changes import (
    CatalogueChangeEmpty,
    CatalogueChangeNotFound,
    CatalogueChangeOutdated,
    CatalogueChangeRefused,
    CatalogueReasonMissing,
    ChangeDecided,
    ChangeView,
    NotTheMaker,
    SecondPersonNeeded,
    approve,
    change_rows,
    compare,
    export,
    list_changes,
    propose,
    reject,
    withdraw,
)
from payclear.catalogue.files import load_catalogue
from payclear.catalogue.formats import write_csv, write_yaml, write_zip
from payclear.catalogue.reading import tariff_records
from payclear.catalogue.service import agency_names, fee_programmes, routing_rules
from payclear.db.uow import UnitOfWork
from payclear.kernel.clock import FixedClock, vietnam_date
from payclear.kernel.ids import new_uuid
from payclear.kernel.money import Money
from payclear.kernel.settings import default_config_dir
from payclear.obligations.rules.rounding import Rounding, RoundingMode
from payclear.obligations.rules.tariffs import Basis, PriceType, TariffRow, choose
from payclear.operations.verify import verify
from payclear.runtime import Runtime
from tests.catalogue.conftest import HEAD, MONDAY, TODAY, priced
from tests.database import TestServer
from tests.factories.base import use
from tests.factories.catalogue import ServiceAccountFactory, TariffFactory
from tests.factories.reference import PortalFactory

WHY = "Nghị quyết mới của Hội đồng nhân dân"


def put(runtime: Runtime, text: str, *, name: str = "tariff.csv", by: str = "lap") -> ChangeView:
    with runtime.database.begin() as uow:
        made = propose(uow, name=name, content=text.encode(), reason=WHY, made_by=by)
        uow.commit()
    return made


def decide(runtime: Runtime, change: ChangeView, by: str = "duyet") -> ChangeView:
    with runtime.database.begin() as uow:
        done = approve(uow, change.id, checked_by=by)
        uow.commit()
    return done


def problems(runtime: Runtime, text: str, *, name: str = "tariff.csv") -> list[tuple[str, int]]:
    with runtime.database.begin() as uow:
        return [(each.code, each.line) for each in compare(uow, name, text.encode()).problems]


def price_on(uow: UnitOfWork, on: date, *, channel: str = "online") -> int:
    """What the rules of fees take for the item on a filing date."""
    rows = [
        TariffRow(
            id=each.id,
            valid_from=each.valid_from,
            valid_to=each.valid_to,
            legal_basis=each.legal_basis,
            procedure_code=each.procedure_code,
            item_code=each.item_code,
            name_vi=each.name_vi,
            type=PriceType(each.type),
            basis=Basis(each.basis),
            amount=None if each.amount is None else Money(each.amount),
            payer_class=each.payer_class,
            channel=each.channel,
            agency_code=each.agency_code,
            rounding=Rounding(RoundingMode(each.rounding_mode), each.rounding_unit),
        )
        for each in tariff_records(uow, "1.009999")
    ]
    amount = choose(rows, on=on, payer_class=None, agency_path=(), channel=channel)["phi"].amount
    assert amount is not None
    return amount.amount


def broken(runtime: Runtime) -> set[str]:
    return {each.check.id for each in verify(runtime.database) if not each.holds}


# The acceptance of the issue: a tariff changes by file, maker and checker, effective next Monday, without a restart.


def test_tariff_changes_next_monday_by_file_maker_and_checker(
    runtime: Runtime, catalogue: None, clock: FixedClock
) -> None:
    change = put(runtime, HEAD + priced("PHI-2", 250_000, valid_from=MONDAY, predecessor="PHI-1"))
    with runtime.database.begin() as uow, pytest.raises(SecondPersonNeeded):
        approve(uow, change.id, checked_by="lap")
    with runtime.database.begin() as uow:
        assert price_on(uow, MONDAY) == 200_000  # proposed is not in force
    decide(runtime, change)
    with runtime.database.begin() as uow:
        quoted = {on: price_on(uow, on) for on in (TODAY, MONDAY - timedelta(days=1), MONDAY)}
    assert list(quoted.values()) == [200_000, 200_000, 250_000]
    clock.advance(timedelta(days=3))
    with runtime.database.begin() as uow:
        assert {on: price_on(uow, on) for on in quoted} == quoted
        assert [
            each.table + " " + each.row_id + " " + each.action for each in change_rows(uow, change.id)
        ] == [
            "tariff PHI-1 end",
            "tariff PHI-2 add",
        ]
    assert not broken(runtime) & {"INV-60", "INV-61", "INV-62", "INV-08", "INV-03"}


def test_who_did_what_is_on_record(runtime: Runtime, catalogue: None) -> None:
    change = decide(runtime, put(runtime, HEAD + priced("PHI-2", 1, valid_from=MONDAY, predecessor="PHI-1")))
    with runtime.database.begin() as uow:
        said = uow.run(
            "SELECT actor, action FROM audit_entry WHERE object_id = %s ORDER BY recorded_at, action DESC",
            (str(change.id),),
        ).fetchall()
    assert sorted(said) == [("duyet", "catalogue.change_approved"), ("lap", "catalogue.change_proposed")]
    assert (change.made_by, change.checked_by, change.state) == ("lap", "duyet", "approved")


# Unhappy paths.


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([priced("PHI-1", 300_000)], "row_rewritten"),
        ([priced("PHI-2", 1, valid_from=TODAY)], "rewrites_the_past"),
        ([priced("PHI-2", 1, valid_from=date(2026, 1, 1), channel="online")], "rewrites_the_past"),
        ([priced("PHI-1", 200_000, valid_to=TODAY - timedelta(days=1))], "rewrites_the_past"),
        ([priced("PHI-2", 1, valid_from=MONDAY)], "overlap"),
        (
            [priced("A", 1, valid_from=MONDAY, channel="x"), priced("B", 2, valid_from=MONDAY, channel="x")],
            "overlap",
        ),
        ([priced("A", 1, valid_from=MONDAY, channel="x")] * 2, "repeated_row"),
        ([priced("PHI-2", 1, valid_from=MONDAY, procedure_code="1.000001")], "missing_reference"),
        ([priced("PHI-2", 1, valid_from=MONDAY, agency_code="H99", channel="x")], "missing_reference"),
        ([priced("PHI-2", 1, valid_from=MONDAY, channel="x", predecessor="PHI-0")], "missing_reference"),
        ([priced("PHI-2", 1, valid_from=MONDAY, valid_to=TODAY, channel="x")], "ends_before_it_begins"),
        ([priced("PHI-2", "200.000", valid_from=MONDAY)], "bad_value"),
        ([priced("PHI-2", -1, valid_from=MONDAY, channel="x")], "no_rule"),
        ([priced("PHI-2", "", valid_from=MONDAY, channel="x")], "no_rule"),
        ([priced("PHI-2", 10**16, valid_from=MONDAY, channel="x")], "no_rule"),
        ([priced("PHI-2", 1, valid_from=MONDAY, channel="x", discount="2/1")], "no_rule"),
        ([priced("PHI-2", 1, valid_from=MONDAY, channel="x", discount="1/0")], "no_rule"),
        ([priced("PHI-2", 1, valid_from=MONDAY, channel="x", legal_basis="")], "missing_value"),
        ([priced("PHI-2", 1, valid_from=MONDAY, channel="x", type="thue")], "refused_by_database"),
    ],
)
def test_what_is_wrong_is_found_with_its_line(
    runtime: Runtime, catalogue: None, rows: list[str], expected: str
) -> None:
    found = problems(runtime, HEAD + "".join(rows))
    assert expected in [code for code, _line in found]
    assert all(2 <= line <= 3 for _code, line in found)
    with pytest.raises(CatalogueChangeRefused):
        put(runtime, HEAD + "".join(rows))


def test_same_file_again_changes_nothing_and_is_no_change(runtime: Runtime, catalogue: None) -> None:
    with pytest.raises(CatalogueChangeEmpty):
        put(runtime, HEAD + priced("PHI-1", 200_000))


@pytest.mark.parametrize("reason", ["", "   ", "ok"])
def test_change_needs_a_reason(runtime: Runtime, catalogue: None, reason: str) -> None:
    text = HEAD + priced("PHI-2", 1, valid_from=MONDAY, predecessor="PHI-1")
    with runtime.database.begin() as uow, pytest.raises(CatalogueReasonMissing):
        propose(uow, name="tariff.csv", content=text.encode(), reason=reason, made_by="lap")


def test_change_is_decided_once(runtime: Runtime, catalogue: None) -> None:
    change = decide(runtime, put(runtime, HEAD + priced("PHI-2", 1, valid_from=MONDAY, predecessor="PHI-1")))
    for again in (approve, reject):
        with runtime.database.begin() as uow, pytest.raises(ChangeDecided):
            again(uow, change.id, checked_by="khac", reason="không đồng ý")
    with runtime.database.begin() as uow, pytest.raises(ChangeDecided):
        withdraw(uow, change.id, actor="lap")
    with runtime.database.begin() as uow, pytest.raises(CatalogueChangeNotFound):
        approve(uow, new_uuid(), checked_by="khac")


def test_rejected_and_withdrawn_changes_leave_everything_as_it_was(runtime: Runtime, catalogue: None) -> None:
    text = HEAD + priced("PHI-2", 1, valid_from=MONDAY, predecessor="PHI-1")
    first, second = put(runtime, text), put(runtime, text)
    with runtime.database.begin() as uow:
        with pytest.raises(CatalogueReasonMissing):
            reject(uow, first.id, checked_by="duyet", reason="")
        with pytest.raises(SecondPersonNeeded):
            reject(uow, first.id, checked_by="lap", reason="không đúng")
        with pytest.raises(NotTheMaker):
            withdraw(uow, second.id, actor="duyet")
        refused = reject(uow, first.id, checked_by="duyet", reason="Sai căn cứ pháp lý")
        taken_back = withdraw(uow, second.id, actor="lap")
        uow.commit()
    with runtime.database.begin() as uow:
        assert price_on(uow, MONDAY) == 200_000
        assert [each.id for each in list_changes(uow)] == [second.id, first.id]
    assert (refused.state, refused.check_reason) == ("rejected", "Sai căn cứ pháp lý")
    assert (taken_back.state, taken_back.checked_by) == ("withdrawn", None)
    assert not broken(runtime) & {"INV-08", "INV-62"}


def test_two_changes_of_one_row_can_not_both_be_approved(runtime: Runtime, catalogue: None) -> None:
    one = put(runtime, HEAD + priced("PHI-2", 1, valid_from=MONDAY, predecessor="PHI-1"))
    other = put(runtime, HEAD + priced("PHI-3", 2, valid_from=MONDAY, predecessor="PHI-1"))
    decide(runtime, one)
    with pytest.raises(CatalogueChangeOutdated):
        decide(runtime, other)
    with runtime.database.begin() as uow:
        assert price_on(uow, MONDAY) == 1


def test_change_that_waited_past_its_first_day_is_not_approved(
    runtime: Runtime, catalogue: None, clock: FixedClock
) -> None:
    change = put(runtime, HEAD + priced("PHI-2", 1, valid_from=MONDAY, predecessor="PHI-1"))
    clock.advance(timedelta(days=2))
    with pytest.raises(CatalogueChangeOutdated):
        decide(runtime, change)


def test_row_that_is_wrong_is_withdrawn_before_its_first_day(runtime: Runtime, catalogue: None) -> None:
    decide(runtime, put(runtime, HEAD + priced("PHI-2", 1, valid_from=MONDAY, channel="x")))
    sunday = MONDAY - timedelta(days=1)
    right = priced("PHI-3", 2, valid_from=MONDAY, channel="x")
    decide(
        runtime,
        put(runtime, HEAD + priced("PHI-2", 1, valid_from=MONDAY, channel="x", valid_to=sunday) + right),
    )
    with runtime.database.begin() as uow:
        assert price_on(uow, MONDAY, channel="x") == 2
    assert "INV-61" not in broken(runtime)


def test_new_procedure_with_its_tariff_and_account_comes_in_one_file(
    runtime: Runtime, catalogue: None
) -> None:
    text = f"""
procedure:
  - {{code: "2.007777", name_vi: Thủ tục mới, collection_mode: online, collection_timing: before,
      valid_from: {MONDAY}, legal_basis: QĐ 1}}
tariff:
  - {{procedure_code: "2.007777", item_code: phi, name_vi: Phí mới, type: fee_phi, basis: fixed, amount: 70000,
      valid_from: {MONDAY}, legal_basis: QĐ 1}}
service_account:
  - {{procedure_code: "2.007777", beneficiary_account: TK-PHI, valid_from: {MONDAY}, legal_basis: QĐ 1}}
"""
    decide(runtime, put(runtime, text, name="dich-vu-moi.yaml"))
    with runtime.database.begin() as uow:
        assert [each.amount for each in tariff_records(uow, "2.007777")] == [70_000]


def test_agency_that_would_stand_below_itself_is_refused(runtime: Runtime, catalogue: None) -> None:
    text = f"""
agency_place:
  - {{agency_code: H00.14, name_vi: A, name_en: A, parent_code: H00, valid_from: {MONDAY}, legal_basis: x}}
  - {{agency_code: H00, name_vi: B, name_en: B, parent_code: H00.14, valid_from: {MONDAY}, legal_basis: x}}
"""
    assert {code for code, _ in problems(runtime, text, name="a.yaml")} == {"agency_circle"}


def test_account_does_not_end_while_a_service_uses_it(runtime: Runtime, catalogue: None) -> None:
    with runtime.database.begin() as uow:
        use(uow.session)
        ServiceAccountFactory(id="SA", beneficiary_account="TK-PHI")
        uow.commit()
    with runtime.database.begin() as uow:
        ((spec, rows),) = export(uow, ["beneficiary_account"])
        ((other, services),) = export(uow, ["service_account"])
    ended = write_csv(spec, [{**row, "valid_to": MONDAY.isoformat()} for row in rows]).decode()
    assert problems(runtime, ended, name="beneficiary_account.csv") == [("still_used", 2)]
    both = write_yaml(
        (each, [{**row, "valid_to": MONDAY.isoformat()} for row in held])
        for each, held in ((spec, rows), (other, services))
    )
    assert problems(runtime, both, name="tai-khoan.yaml") == []


def test_two_people_who_approve_at_once_make_one_change(runtime: Runtime, catalogue: None) -> None:
    one = put(runtime, HEAD + priced("PHI-2", 1, valid_from=MONDAY, predecessor="PHI-1"))
    other = put(runtime, HEAD + priced("PHI-3", 2, valid_from=MONDAY, predecessor="PHI-1"))
    barrier = Barrier(2)

    def run(change: ChangeView) -> str:
        barrier.wait()
        try:
            return decide(runtime, change).state
        except CatalogueChangeOutdated as error:
            return error.code

    with ThreadPoolExecutor(2) as pool:
        answers = sorted(pool.map(run, (one, other)))
    assert answers == ["approved", "catalogue_change_outdated"]
    assert not broken(runtime) & {"INV-60", "INV-61", "INV-62"}


def test_agency_is_called_by_its_name_of_the_day(
    runtime: Runtime, catalogue: None, clock: FixedClock
) -> None:
    text = f"""
agency_place:
  - {{agency_code: H00.14, name_vi: Sở Mới, name_en: New, valid_from: {MONDAY}, legal_basis: QĐ 2}}
"""
    decide(runtime, put(runtime, text, name="a.yml"))
    with runtime.database.begin() as uow:
        assert agency_names(uow, ["H00.14"], on=vietnam_date(uow.now))["H00.14"][0] == "Sở Mẫu"
    clock.advance(timedelta(days=2))
    with runtime.database.begin() as uow:
        assert agency_names(uow, ["H00.14"], on=vietnam_date(uow.now))["H00.14"] == ("Sở Mới", "New")


def test_first_name_in_the_catalogue_does_not_rename_what_was_printed(
    runtime: Runtime, catalogue: None
) -> None:
    def text(name: str, on: date) -> str:
        head = "id,agency_code,name_vi,name_en,valid_from,legal_basis\n"
        return head + f"ten,H00.14,{name},Sample Department,{on},QĐ 2\n"

    name = "agency_place.csv"
    assert problems(runtime, text("Sở Khác", TODAY), name=name) == [("rewrites_the_past", 2)]
    assert problems(runtime, text("Sở Khác", MONDAY), name=name) == []
    assert problems(runtime, text("Sở Mẫu", date(2026, 1, 1)), name=name) == []


def test_legal_parameter_must_be_a_rule_of_a_known_kind(runtime: Runtime, catalogue: None) -> None:
    def text(kind: str, value: str) -> str:
        head = "kind,code,value,valid_from,legal_basis,predecessor\n"
        return head + f'{kind},national,"{value}",{date(2027, 7, 1)},NĐ 1,reference-level-2026-07\n'

    name = "legal_parameter.csv"
    assert problems(runtime, text("reference_level", '{""amount"": 2700000}'), name=name) == []
    assert problems(runtime, text("reference_level", '{""amout"": 1}'), name=name) == [("no_rule", 2)]
    assert problems(runtime, text("reference_level", '{""amount"": 1.5}'), name=name) == [("bad_value", 2)]
    assert ("unknown_kind", 2) in problems(runtime, text("reference_lvel", '{""amount"": 1}'), name=name)


def test_day_of_the_calendar_changes_only_when_it_is_to_come(runtime: Runtime, catalogue: None) -> None:
    def text(on: date, kind: str) -> str:
        return f"institution,on_date,kind,name_vi,legal_basis\n,{on},{kind},Ngày mẫu,QĐ 3\n"

    decide(runtime, put(runtime, text(MONDAY, "holiday"), name="calendar_day.csv"))
    decide(runtime, put(runtime, text(MONDAY, "working_day"), name="calendar_day.csv"))
    assert problems(runtime, text(TODAY, "holiday"), name="calendar_day.csv") == [("rewrites_the_past", 2)]
    assert "INV-61" not in broken(runtime)


def test_service_fee_changes_by_two_people_and_not_for_an_account_that_is_not_there(
    runtime: Runtime, catalogue: None
) -> None:
    def text(account: str) -> str:
        head = "code,valid_from,provider_account,borne_by,fixed,legal_basis\n"
        return head + f"phi-vnpay,{MONDAY},{account},PAYER,1100,Hợp đồng 5\n"

    name = "service_fee_programme.csv"
    assert problems(runtime, text("nowhere"), name=name) == [("does_not_fit", 0)]
    decide(runtime, put(runtime, text("vnpay-demo"), name=name))
    with runtime.database.begin() as uow:
        assert [each.fixed for each in fee_programmes(uow, MONDAY)] == [1_100]
        assert fee_programmes(uow, TODAY) == []
    assert not broken(runtime) & {"INV-60", "INV-61"}


def test_routing_rules_that_contradict_each_other_are_refused(runtime: Runtime, catalogue: None) -> None:
    def text(effect: str) -> str:
        head = "code,valid_from,rank,effect,time_from,time_to,health,reason_vi,reason_en,legal_basis\n"
        row = "{},{},100,{},08:00,17:30,good|slow,Lý do,Reason,QĐ 4\n"
        return head + row.format("mot", MONDAY, "offer") + row.format("hai", MONDAY, effect)

    assert ("does_not_fit", 0) in problems(runtime, text("withhold"), name="routing_rule.csv")


SWITCH = (
    "code,valid_from,rank,effect,provider_account,portal_code,procedure_code,reason_vi,reason_en,legal_basis\n"
    "moi-noi,{on},900,offer,,,,Mọi nơi,Everywhere,QĐ 4\n"
    "tat,{on},100,withhold,vnpay-demo,{portal},{procedure},Chưa ký với tỉnh,Not signed,QĐ 4\n"
)
_CHANGE = "state, version, file_name, digest, reason, made_by, made_at"
_STEP = "version, from_state, event, to_state, actor, recorded_at"
_ROW = "place, table_name, row_id, action, file_name, line, before"


def test_account_is_switched_off_for_a_portal_and_a_procedure_by_two_people(
    runtime: Runtime, catalogue: None
) -> None:
    with runtime.database.begin() as uow:
        use(uow.session)
        PortalFactory(code="tinh-mau")
        uow.commit()
    name = "routing_rule.csv"
    for portal, procedure, problem in (
        ("nobody", "1.009999", "does_not_fit"),
        ("tinh-mau", "1.000000", "missing_reference"),
    ):
        text = SWITCH.format(on=MONDAY, portal=portal, procedure=procedure)
        assert problem in {code for code, _line in problems(runtime, text, name=name)}
    change = put(runtime, SWITCH.format(on=MONDAY, portal="tinh-mau", procedure="1.009999"), name=name)
    decide(runtime, change)
    with runtime.database.begin() as uow:
        (off, _everywhere) = routing_rules(uow, MONDAY)
    assert (off.portal_code, off.procedure_code) == ("tinh-mau", "1.009999")
    assert "INV-61" not in broken(runtime)


def test_change_from_before_a_column_was_there_is_shown_and_approved(
    runtime: Runtime, catalogue: None
) -> None:
    text = SWITCH.format(on=MONDAY, portal="", procedure="1.009999")
    made, old = put(runtime, text, name="routing_rule.csv"), new_uuid()
    with runtime.database.begin() as uow:
        for table, key, into, of in (
            ("catalogue_change", "id", _CHANGE, _CHANGE),
            ("catalogue_change_transition", "change_id", _STEP, _STEP),
            ("catalogue_change_row", "change_id", f"{_ROW}, after", f"{_ROW}, after - 'portal_code'"),
        ):
            uow.run(
                f"INSERT INTO {table} ({key}, {into}) SELECT %s, {of} FROM {table} WHERE {key} = %s",
                (old, made.id),
            )
        uow.commit()
    with runtime.database.begin() as uow:
        assert {row.after["portal_code"] for row in change_rows(uow, old)} == {None}
        approve(uow, old, checked_by="duyet")
        uow.commit()
    assert "INV-61" not in broken(runtime)


# What goes out comes back the same.


@pytest.mark.parametrize("form", ["zip", "yaml"])
def test_export_is_imported_as_unchanged(runtime: Runtime, form: str) -> None:
    with runtime.database.begin() as uow:
        for name in ("national.toml", "demo.toml", "routing.toml", "demo_routing.toml"):
            load_catalogue(uow, default_config_dir({}) / "catalogue" / name)
        tables = export(uow)
        content = write_zip(tables) if form == "zip" else write_yaml(tables).encode()
        found = compare(uow, f"danh-muc.{form}", content)
    assert found.problems == ()
    assert found.changes == ()
    assert found.unchanged == sum(len(rows) for _spec, rows in tables) > 70


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=30),
    amount=st.integers(0, 10**15),
)
def test_any_text_survives_export_and_is_never_a_formula(
    runtime: Runtime, catalogue: None, name: str, amount: int
) -> None:
    with runtime.database.begin() as uow:
        use(uow.session)
        TariffFactory(id="ANY", item_code="khac", name_vi=unicodedata.normalize("NFC", name), amount=amount)
        ((spec, rows),) = export(uow, ["tariff"])
        content = write_csv(spec, rows)
        found = compare(uow, "tariff.csv", content)
        assert (found.problems, found.changes) == ((), ())
    cells = [cell for row in csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")) for cell in row]
    assert not any(cell.startswith(("=", "+", "-", "@")) for cell in cells)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    spans=st.lists(
        st.tuples(st.sampled_from(["", "online"]), st.integers(1, 20), st.none() | st.integers(-1, 10)),
        min_size=1,
        max_size=5,
    )
)
def test_what_is_not_refused_never_leaves_two_prices_for_one_day(
    runtime: Runtime, catalogue: None, spans: list[tuple[str, int, int | None]]
) -> None:
    rows = [
        priced(
            f"P{number}",
            number,
            item_code="khac",
            channel=channel,
            valid_from=TODAY + timedelta(days=first),
            valid_to=None if length is None else TODAY + timedelta(days=first + length),
        )
        for number, (channel, first, length) in enumerate(spans)
    ]
    days = [(channel, first + step) for channel, first, length in spans for step in _span(length)]
    is_ambiguous = len(set(days)) < len(days)
    assert ("overlap" in {code for code, _ in problems(runtime, HEAD + "".join(rows))}) is is_ambiguous


def _span(length: int | None) -> Iterable[int]:
    return range(100) if length is None else range(length + 1)


# The database refuses what the service would not do.


def test_database_refuses_to_rewrite_and_to_overlap(runtime: Runtime, catalogue: None) -> None:
    with runtime.database.begin() as uow, pytest.raises(InsufficientPrivilege):
        uow.run("UPDATE tariff SET amount = 1")
    with runtime.database.begin() as uow, pytest.raises(InsufficientPrivilege):
        uow.run("DELETE FROM tariff")
    with runtime.database.begin() as uow:
        uow.run("SELECT set_config('payclear.today', %s, true)", (TODAY.isoformat(),))
        with pytest.raises(CheckViolation):
            uow.run("UPDATE tariff SET valid_to = %s", (TODAY - timedelta(days=1),))
    with runtime.database.begin() as uow, pytest.raises(CheckViolation):
        uow.run("UPDATE beneficiary_account SET account_no = '1'")
    with runtime.database.begin() as uow:
        use(uow.session)
        with pytest.raises(sqlalchemy.exc.IntegrityError) as caught:
            TariffFactory(id="PHI-9", valid_from=MONDAY)
    assert isinstance(caught.value.orig, ExclusionViolation)


def test_database_refuses_one_person_alone_and_a_decision_undone(runtime: Runtime, catalogue: None) -> None:
    change = put(runtime, HEAD + priced("PHI-2", 1, valid_from=MONDAY, predecessor="PHI-1"))
    with runtime.database.begin() as uow, pytest.raises(CheckViolation):
        uow.run("UPDATE catalogue_change SET state = 'approved', checked_by = made_by, checked_at = now()")
    decide(runtime, change)
    with runtime.database.begin() as uow, pytest.raises((CheckViolation, RaiseException)):
        uow.run("UPDATE catalogue_change SET state = 'proposed', checked_by = NULL, checked_at = NULL")


# What `payclear verify` finds when somebody with all rights did it.


def planted(postgres: TestServer, *statements: str) -> None:
    with postgres.superuser() as connection:
        connection.execute("SET session_replication_role = replica")
        for statement in statements:
            connection.execute(statement)


def test_verify_finds_two_prices_for_one_day(runtime: Runtime, catalogue: None, postgres: TestServer) -> None:
    columns = (
        "procedure_code, item_code, name_vi, type, basis, discount, is_optional, rounding_mode, rounding_unit"
    )
    planted(
        postgres,
        f"INSERT INTO tariff (id, amount, valid_from, legal_basis, {columns})"
        f" SELECT 'TWO', 1, '2026-12-01', 'x', {columns} FROM tariff WHERE id = 'PHI-1'",
    )
    assert "INV-60" in broken(runtime)


def test_verify_finds_an_approved_row_that_was_touched(
    runtime: Runtime, catalogue: None, postgres: TestServer
) -> None:
    decide(runtime, put(runtime, HEAD + priced("PHI-2", 1, valid_from=MONDAY, predecessor="PHI-1")))
    planted(postgres, "UPDATE tariff SET amount = 2 WHERE id = 'PHI-2'")
    assert "INV-61" in broken(runtime)
    planted(postgres, "UPDATE tariff SET amount = 1 WHERE id = 'PHI-2'")
    assert "INV-61" not in broken(runtime)
    planted(postgres, "DELETE FROM tariff WHERE id = 'PHI-2'")
    assert "INV-61" in broken(runtime)


def test_verify_finds_a_change_that_one_person_made_and_approved(
    runtime: Runtime, catalogue: None, postgres: TestServer
) -> None:
    change: UUID = decide(
        runtime, put(runtime, HEAD + priced("PHI-2", 1, valid_from=MONDAY, predecessor="PHI-1"))
    ).id
    planted(
        postgres,
        f"UPDATE catalogue_change_transition SET actor = 'lap' WHERE event = 'approve' AND change_id = '{change}'",
    )
    assert "INV-62" in broken(runtime)
