"""Batches from the upload to the results: nothing is lost, nothing is there twice."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from pathlib import Path

import psycopg
import pytest

from payclear.catalogue.service import UnknownAgency
from payclear.db.embedded import SUPERUSER
from payclear.kernel.clock import FixedClock
from payclear.kernel.problems import OperatorProblem
from payclear.obligations import service as obligations
from payclear.obligations.batches import desk, registering, service
from payclear.obligations.batches.checks import CHECKS
from payclear.obligations.batches.domain import BatchFormat, BatchState, KeyKind
from payclear.obligations.batches.records import BatchNotFinished, BatchNotFound, InvalidCoverage
from payclear.obligations.domain import ObligationState
from payclear.obligations.obligors import obligor_names
from payclear.obligations.rules.dated import RuleNotInForce
from payclear.operations.verify import verify
from payclear.runtime import Runtime
from tests.database import TestServer
from tests.factories.base import use
from tests.factories.catalogue import ServiceAccountFactory
from tests.factories.reference import AgencyFactory, BeneficiaryAccountFactory, PortalFactory
from tests.obligations.batches.conftest import Office
from tests.obligations.batches.files import csv_file, json_file, row, xlsx_file

REGISTERED, UNCHANGED, VERSION, REFUSED = "registered", "unchanged", "version", "refused"


def test_unreadable_file_says_why_and_registers_nothing(office: Office) -> None:
    content = csv_file([row(1)]).replace(b"plate,", "Hành vi vi phạm,".encode(), 1)
    taken = office.take(office.send(content).id)
    assert taken.state is BatchState.UNREADABLE
    assert (taken.problem, taken.problem_line, taken.problem_column) == ("offence_column", 1, "J")
    assert office.rows("SELECT count(*) FROM obligation") == [(0,)]
    with pytest.raises(BatchNotFinished):
        office.results(taken.id)


def test_file_without_rows_is_unreadable_unless_it_states_completeness(office: Office) -> None:
    header = csv_file([row(1)]).splitlines()[0]
    assert office.take(office.send(header).id).problem == "no_rows"
    stated = office.send(
        header, agency_code="H00.14", complete_to=date(2026, 11, 20), key_kinds=frozenset({KeyKind.ID_NO})
    )
    assert office.take(stated.id).state is BatchState.FINISHED


def test_parser_that_fails_makes_the_batch_unreadable_not_eternal(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(service, "read_file", fail)
    assert office.take(office.send(csv_file([row(1)])).id).problem == "parser_failed"


def test_batch_of_another_portal_is_not_found(office: Office) -> None:
    sent = office.send(csv_file([row(1)]))
    with office.runtime.database.begin() as uow, pytest.raises(BatchNotFound):
        service.get(uow, sent.id, portal_code="other")


def test_rows_are_registered_as_one_by_one_registration_does(
    office: Office, holds: Callable[[], None]
) -> None:
    cells = row(1, phone="0912345678", licence_no="790012345678", term_days="30", withheld="GPLX")
    assert office.upload(xlsx_file([cells]), BatchFormat.XLSX) == [(2, REGISTERED, None, None)]
    with office.runtime.database.begin() as uow:
        (view,) = obligations.find_by_number(uow, "0000001/qđ-xphc")
        assert (view.principal.amount, view.state) == (1_000_000, ObligationState.OPEN)
        assert view.due_on == date(2026, 12, 5), "the longer written term counts"
        assert [line.beneficiary_account for line in view.lines] == ["TK-PHAT"]
        assert view.surcharge == ("TK-CHAMNOP", "000", "0000")
        assert obligations.quote(uow, view, for_date=date(2026, 12, 7)).surcharge.amount == 500
        assert obligor_names(uow, [view.id], sealer=office.runtime.sealer)[view.id] == "PHẠM VĂN MẪU"
    assert office.rows("SELECT type FROM withheld_paper") == [("driver_licence",)]
    assert {each[0] for each in office.rows("SELECT field FROM obligor_field")} >= {
        "phone", "plate", "plate_colour", "licence_no", "factor"
    }  # fmt: skip
    holds()


def test_same_row_by_api_and_by_file_is_unchanged(office: Office) -> None:
    office.upload(csv_file([row(1)]))
    again = [row(1, phone=None), row(2)]
    assert office.upload(json_file(again), BatchFormat.JSON) == [
        (1, UNCHANGED, None, None),
        (2, REGISTERED, None, None),
    ]


@pytest.mark.parametrize(
    ("column", "changes"),
    [
        ("amount", {"amount": "1.000.001"}),
        ("served_on", {"served_on": "06/11/2026"}),
        ("served_method", {"served_method": "bưu điện"}),
        ("term_days", {"term_days": "20"}),
        ("violation_record_no", {"violation_record_no": "9/BB"}),
        ("violator_name", {"violator_name": "LÊ VĂN KHÁC"}),
        ("id_no", {"id_no": "001099999999"}),
        ("plate", {"plate": "30A-111.11"}),
        ("licence_no", {"licence_no": "790012345678"}),
    ],
)
def test_known_decision_with_other_facts_is_refused_by_the_column(
    office: Office, column: str, changes: dict[str, str]
) -> None:
    office.upload(csv_file([row(1)]))
    assert office.upload(csv_file([row(1, **changes)])) == [(2, REFUSED, column, "other_facts")]


def test_what_a_repeated_row_leaves_out_contradicts_nothing(office: Office) -> None:
    office.upload(csv_file([row(1)]))
    bare = row(1, id_type=None, id_no=None, plate=None, plate_colour=None, violation_record_no=None,
               served_on=None, served_method=None, violator_name="Phạm  Văn Mẫu")  # fmt: skip
    assert office.upload(csv_file([bare])) == [(2, UNCHANGED, None, None)]


def test_later_file_adds_the_proof_of_service_that_was_missing(
    office: Office, holds: Callable[[], None]
) -> None:
    office.upload(csv_file([row(1, served_on="")]))
    (before,) = office.rows("SELECT due_on FROM fine_decision")
    assert office.upload(csv_file([row(1, served_on="06/11/2026")])) == [(2, VERSION, None, None)]
    (after,) = office.rows("SELECT due_on FROM fine_decision")
    assert before != after
    assert office.upload(csv_file([row(1, served_on="06/11/2026", phone="0912345678")]))[0][1] == UNCHANGED
    assert office.upload(csv_file([row(1, served_on="07/11/2026")])) == [
        (2, REFUSED, "served_on", "other_facts")
    ]
    kinds = office.rows("SELECT kind FROM fine_version ORDER BY version_no")
    assert kinds == [("issued",), ("served",)]
    holds()


def test_number_is_unique_within_authority_and_day_only(office: Office) -> None:
    rows = [row(1), row(1, decided_on="02/11/2026"), row(1, decision_no="0000001 / qđ-xphc")]
    assert office.upload(csv_file(rows)) == [
        (2, REGISTERED, None, None),
        (3, REGISTERED, None, None),
        (4, UNCHANGED, None, None),
    ]


def test_refused_rows_take_nothing_from_the_others(office: Office, holds: Callable[[], None]) -> None:
    rows = [
        row(1, amount="một triệu"),
        row(2),
        row(3, agency_code="Z99.99"),
        row(4, id_no="123456789012"),
        row(5, version_kind="đính chính", version_on="10/11/2026"),
    ]
    assert office.upload(csv_file(rows)) == [
        (2, REFUSED, "amount", "not_whole"),
        (3, REGISTERED, None, None),
        (4, REFUSED, "agency_code", "unknown_agency"),
        (5, REFUSED, "id_no", "placeholder"),
        (6, REFUSED, "decision_no", "decision_unknown"),
    ]
    holds()


def test_authority_without_accounts_is_refused_by_row(office: Office) -> None:
    with office.runtime.database.begin() as uow:
        use(uow.session)
        AgencyFactory(code="H99.14")
        uow.commit()
    refused = (2, REFUSED, "agency_code", "unknown_beneficiary_account")
    assert office.upload(csv_file([row(1, agency_code="H99.14")])) == [refused]


def test_decision_and_its_versions_in_one_file_are_taken_in_their_order(
    office: Office, holds: Callable[[], None]
) -> None:
    rows = [
        row(1),
        row(1, version_kind="giảm", version_no="9/QĐ-SĐ", version_on="10/11/2026", amount="600.000"),
        row(2),
        row(2, version_kind="hủy bỏ", version_no="10/QĐ-HB", version_on="11/11/2026", amount=None),
    ]
    content = csv_file(rows)
    assert [each[1] for each in office.upload(content)] == [REGISTERED, VERSION, REGISTERED, VERSION]
    kinds = "SELECT kind, amount FROM fine_version ORDER BY document_key, version_no"
    assert sorted(office.rows(kinds)) == [
        ("cancelled", 0),
        ("issued", 1_000_000),
        ("issued", 1_000_000),
        ("reduced", 600_000),
    ]
    again = office.upload(content + b"\r\n")
    assert [each[1] for each in again] == [UNCHANGED] * 4
    holds()


def test_version_that_no_rule_can_judge_is_its_rows_matter_only(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise RuleNotInForce("no such rule on this day")

    monkeypatch.setattr(registering, "add_version", refuse)
    lowered = row(1, version_kind="giảm", version_no="9/QĐ-SĐ", version_on="10/11/2026", amount="600.000")
    results = [each[1:] for each in office.upload(csv_file([row(1), lowered, row(2)]))]
    assert results == [
        (REGISTERED, None, None),
        (REFUSED, "version_kind", "version_refused"),
        (REGISTERED, None, None),
    ]


def test_version_that_can_not_follow_is_refused_and_the_others_are_taken(office: Office) -> None:
    office.upload(csv_file([row(1), row(2)]))
    rows = [
        row(1, version_kind="giảm", version_on="10/11/2026", amount="2.000.000"),
        row(2, version_kind="đính chính", version_on="10/11/2026", amount="900.000"),
    ]
    assert office.upload(csv_file(rows)) == [
        (2, REFUSED, "version_kind", "invalid_correction"),
        (3, VERSION, None, None),
    ]


def test_decision_repeated_too_often_is_refused_from_then_on(office: Office) -> None:
    results = [each[1] for each in office.upload(csv_file([row(1)] * 7))]
    assert results == [REGISTERED, *[UNCHANGED] * 4, REFUSED, REFUSED]


def test_decision_of_another_portal_is_refused(office: Office) -> None:
    office.upload(csv_file([row(1)]))
    with office.runtime.database.begin() as uow:
        use(uow.session)
        PortalFactory(code="other")
        uow.commit()
    sent = office.send(csv_file([row(1)]), portal_code="other")
    service.take_batch(office.runtime, sent.id)
    assert office.rows("SELECT code FROM decision_row WHERE batch_id = %s", sent.id) == [
        ("registered_by_another_portal",)
    ]


def test_same_bytes_are_the_same_batch(office: Office) -> None:
    first = office.send(csv_file([row(1)]))
    assert office.send(csv_file([row(1)])).id == first.id
    assert office.send(csv_file([row(2)])).id != first.id
    assert office.rows("SELECT count(*) FROM decision_file") == [(2,)]


def test_file_is_kept_sealed_and_no_name_stands_in_any_table(office: Office) -> None:
    office.upload(csv_file([row(1), row(2, amount="x")]))
    for table in (
        "decision_batch",
        "decision_file",
        "decision_chunk",
        "decision_row",
        "audit_entry",
        "procrastinate_jobs",
    ):
        text = str(office.rows(f"SELECT {table}::text FROM {table}"))
        assert "VĂN MẪU" not in text, table
        assert "PHẠM".encode().hex() not in text, table
        assert "00100000001" not in text, table


@pytest.mark.parametrize(
    "options",
    [
        {"complete_to": date(2026, 11, 20), "key_kinds": frozenset({KeyKind.ID_NO})},
        {"agency_code": "H00.14", "complete_to": date(2026, 11, 20)},
        {"agency_code": "H00.14", "complete_to": date(2026, 11, 22), "key_kinds": frozenset({KeyKind.ID_NO})},
        {"key_kinds": frozenset({KeyKind.ID_NO})},
    ],
)
def test_statement_that_means_nothing_is_refused(office: Office, options: dict) -> None:
    with pytest.raises(InvalidCoverage):
        office.send(csv_file([row(1)]), **options)


def test_unknown_authority_of_a_batch_is_refused_at_once(office: Office) -> None:
    with pytest.raises(UnknownAgency):
        office.send(csv_file([row(1)]), agency_code="Z99.99")


STATED = {"agency_code": "H00.14", "key_kinds": frozenset({KeyKind.ID_NO, KeyKind.PLATE})}


def covered(office: Office) -> dict[KeyKind, date]:
    with office.runtime.database.begin() as uow:
        return service.coverage(uow, "H00.14")


def test_completeness_is_believed_when_every_row_was_taken(office: Office) -> None:
    office.upload(csv_file([row(1)]), complete_to=date(2026, 11, 20), **STATED)
    assert covered(office) == {KeyKind.ID_NO: date(2026, 11, 20), KeyKind.PLATE: date(2026, 11, 20)}


def test_refused_row_makes_no_file_complete(office: Office) -> None:
    office.upload(csv_file([row(1), row(2, amount="x")]), complete_to=date(2026, 11, 20), **STATED)
    assert covered(office) == {}


def test_decision_that_a_key_can_not_find_ends_its_completeness(office: Office) -> None:
    """Whoever asks by plate must not be told CLEAR while an open decision of the authority has no plate."""
    office.upload(csv_file([row(1, plate=None, plate_colour=None)]))
    office.upload(csv_file([row(2)]), complete_to=date(2026, 11, 20), **STATED)
    assert covered(office) == {KeyKind.ID_NO: date(2026, 11, 20)}


def test_worker_that_dies_in_a_chunk_leaves_nothing_of_it_and_another_goes_on(
    office: Office, monkeypatch: pytest.MonkeyPatch, holds: Callable[[], None]
) -> None:
    monkeypatch.setattr(service, "CHUNK_ROWS", 10)
    write, calls = service._write_results, []

    def die(*arguments: object) -> None:
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        write(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(service, "_write_results", die)
    sent = office.send(csv_file([row(number) for number in range(1, 46)]))
    with pytest.raises(KeyboardInterrupt):
        service.take_batch(office.runtime, sent.id)
    assert office.look(sent.id).state is BatchState.TAKING
    assert (
        office.rows("SELECT count(*) FROM obligation")
        == office.rows("SELECT count(*) FROM decision_row")
        == [(20,)]
    )
    assert office.rows("SELECT count(*) FROM obligor") == [(20,)]
    holds()
    assert office.take(sent.id).state is BatchState.FINISHED
    assert office.rows("SELECT result, count(*) FROM decision_row GROUP BY 1") == [(REGISTERED, 45)]
    holds()


def test_workers_side_by_side_take_a_batch_once(
    office: Office, monkeypatch: pytest.MonkeyPatch, holds: Callable[[], None]
) -> None:
    monkeypatch.setattr(service, "CHUNK_ROWS", 7)
    rows = [row(number) for number in range(1, 120)] + [row(3), row(50)]
    sent = office.send(csv_file(rows))
    start = threading.Barrier(3)

    def work(_: int) -> str:
        start.wait(10)
        return service.take_batch(office.runtime, sent.id)

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(work, range(3)))
    taken = office.look(sent.id)
    assert taken.state is BatchState.FINISHED
    assert {result.value: count for result, count in taken.counts.items()} == {REGISTERED: 119, UNCHANGED: 2}
    assert office.rows("SELECT count(*) FROM obligation") == [(119,)]
    holds()


def test_two_files_with_the_same_decisions_at_once_register_each_once(
    office: Office, monkeypatch: pytest.MonkeyPatch, holds: Callable[[], None]
) -> None:
    monkeypatch.setattr(service, "CHUNK_ROWS", 10)
    monkeypatch.setattr(service, "TRIES", 50)
    rows = [row(number) for number in range(1, 81)]
    batches = [office.send(csv_file(rows)), office.send(csv_file(rows[::-1]))]
    start = threading.Barrier(2)

    def work(batch: service.BatchView) -> str:
        start.wait(10)
        return service.take_batch(office.runtime, batch.id)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(work, batches))
    assert dict(office.rows("SELECT result, count(*) FROM decision_row GROUP BY 1")) == {
        REGISTERED: 80,
        UNCHANGED: 80,
    }
    assert (
        office.rows("SELECT count(*) FROM obligation")
        == office.rows("SELECT count(*) FROM obligor")
        == [(80,)]
    )
    holds()


def test_versions_of_the_same_decisions_in_another_order_never_wait_for_each_other_in_a_ring(
    office: Office, monkeypatch: pytest.MonkeyPatch, holds: Callable[[], None]
) -> None:
    monkeypatch.setattr(service, "TRIES", 1)
    office.upload(csv_file([row(number) for number in range(1, 21)]))

    def lowered(order: int, amount: str) -> bytes:
        many = [
            row(number, version_kind="đính chính", version_on="10/11/2026", version_no=amount, amount=amount)
            for number in range(1, 21)
        ]
        return csv_file(many[::order])

    batches = [office.send(lowered(1, "900.000")), office.send(lowered(-1, "800.000"))]
    start = threading.Barrier(2)

    def work(batch: service.BatchView) -> str:
        start.wait(10)
        return service.take_batch(office.runtime, batch.id)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(work, batches))
    assert dict(office.rows("SELECT result, count(*) FROM decision_row GROUP BY 1")) == {
        REGISTERED: 20,
        VERSION: 40,
    }
    holds()


def test_file_of_many_chunks_loses_no_row(office: Office, holds: Callable[[], None]) -> None:
    content = csv_file([row(number) for number in range(1, 2_502)])
    taken = office.take(office.send(content).id)
    assert {result.value: count for result, count in taken.counts.items()} == {REGISTERED: 2_501}
    holds()


@pytest.mark.parametrize(
    ("invariant", "sql"),
    [
        ("INV-70", "DELETE FROM decision_row WHERE row_no = 2"),
        ("INV-70", "UPDATE decision_chunk SET row_nos = row_nos || 99"),
        ("INV-70", "UPDATE decision_chunk SET done_at = NULL"),
        ("INV-70", "UPDATE decision_batch SET rows = rows + 1"),
        ("INV-71", "UPDATE obligation SET document_key = 'X' WHERE document_no LIKE '%1/QĐ-XPHC'"),
        ("INV-71", "UPDATE obligation SET created_at = created_at - interval '1 day'"),
        ("INV-71", "UPDATE decision_row SET result = 'version' WHERE row_no = 2"),
        ("INV-71", "DELETE FROM fine_version"),
    ],
)
def test_planted_violation_is_found(office: Office, postgres: TestServer, invariant: str, sql: str) -> None:
    office.upload(csv_file([row(1), row(2)]))
    (check,) = [each for each in CHECKS if each.id == invariant]
    assert office.rows(check.sql) == []
    address = postgres.server.conninfo(SUPERUSER, office.runtime.database.engine.url.database)
    with psycopg.connect(address, autocommit=True) as superuser:
        superuser.execute("SET session_replication_role = replica")
        superuser.execute(sql)
    assert office.rows(check.sql) != []


def test_desk_uploads_a_file_and_says_what_became_of_it(office: Office, tmp_path: Path) -> None:
    path = tmp_path / "decisions.csv"
    path.write_bytes(csv_file([row(1), row(2, amount="x")]))
    options = {"portal": office.scene.portal_code, "agency": None, "complete_to": None, "keys": ()}
    first, summary, refused = desk.upload(office.runtime, path, **options)
    assert first.endswith("received")
    assert summary == "finished, 2 rows: 1 registered, 0 unchanged, 0 version, 1 refused"
    assert refused.startswith("row 3  0000002/QĐ-XPHC  amount: Must be a whole number")
    assert desk.upload(office.runtime, path, **options)[0].endswith("is this very file")
    path.write_bytes(b"x")
    assert desk.upload(office.runtime, path, **options)[1].startswith("unreadable line 1: There is no header")
    with pytest.raises(OperatorProblem, match="none of"):
        desk.upload(office.runtime, path.rename(tmp_path / "decisions.xls"), **options)


def test_file_that_waited_over_midnight_goes_to_the_account_of_the_day_on_which_it_is_registered(
    office: Office, runtime: Runtime, clock: FixedClock
) -> None:
    today, tomorrow = date(2026, 11, 21), date(2026, 11, 22)
    with runtime.database.begin() as uow:
        use(uow.session)
        for code in ("H07", "H08"):
            AgencyFactory(code=code)
        for account, first, last in (("TK-CU", date(2020, 1, 1), today), ("TK-MOI", tomorrow, None)):
            BeneficiaryAccountFactory(code=account, agency_code="H08")
            ServiceAccountFactory(
                beneficiary_account=account, agency_code="H07", valid_from=first, valid_to=last
            )
        uow.commit()
    sent = office.send(csv_file([row(1, agency_code="H07")]))
    clock.advance(timedelta(days=1))
    assert office.take(sent.id).problem is None
    assert office.rows("SELECT beneficiary_account FROM obligation_line") == [("TK-MOI",)]
    broken = {finding.check.id for finding in verify(runtime.database) if not finding.holds}
    assert "INV-83" not in broken
