"""Every column is placed: it holds a person sealed, an index, a text somebody wrote, or nobody."""

from sqlalchemy import Boolean, Date, DateTime, Integer, Time, Uuid

from payclear.db.base import UtcDateTime, Xid8
from payclear.db.tables import load_metadata
from payclear.privacy.columns import INDEXES, SEALED, STAFF, WRITTEN, Holding, holding_of
from tests.database import TestServer

SILENT = (Boolean, Date, DateTime, Integer, Time, UtcDateTime, Uuid, Xid8)


def columns() -> list:
    import reconciliation.discrepancies.models
    import reconciliation.intake.models
    import reconciliation.models  # noqa: F401  (they join the same metadata)

    return [
        (table.name, column)
        for table in load_metadata().metadata.sorted_tables
        for column in table.columns
        if not isinstance(column.type, SILENT)
    ]


def test_every_column_that_could_hold_a_person_is_placed() -> None:
    unplaced = [
        f"{table}.{column.name}" for table, column in columns() if holding_of(table, column.name) is None
    ]
    assert unplaced == []


def test_every_place_that_is_named_is_there() -> None:
    known = {f"{table}.{column.name}" for table, column in columns()}
    assert {*SEALED, *INDEXES, *WRITTEN, *STAFF} - known == set()


def test_what_is_called_sealed_or_index_is_bytes_and_counts_as_such() -> None:
    for table, column in columns():
        holding = holding_of(table, column.name)
        if column.name.endswith("_sealed") or column.name == "sealed":
            assert holding is Holding.SEALED, (table, column.name)
        if holding in {Holding.SEALED, Holding.KEY, Holding.INDEX}:
            assert column.type.python_type is bytes, (table, column.name)


def test_every_table_with_sealed_cells_has_a_key_or_a_day(postgres: TestServer) -> None:
    tables = {place.partition(".")[0] for place in SEALED} - {"obligor_field"}
    with postgres.superuser() as connection:
        keyed = connection.execute(
            "SELECT DISTINCT table_name FROM information_schema.columns WHERE column_name IN ('wrapped_key', 'sealed_on')"
        ).fetchall()
    assert tables <= {row[0] for row in keyed}
