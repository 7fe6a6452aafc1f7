"""The example that the docs send is taken as it stands, by its header alone."""

from datetime import date
from pathlib import Path

from payclear.obligations.batches.columns import HEADERS_VI
from payclear.obligations.batches.domain import BatchFormat, Column, DecisionRow
from payclear.obligations.batches.formats import read_file
from payclear.obligations.batches.rows import read_row

ROOT = Path(__file__).resolve().parents[3]


def test_example_file_holds_decisions_that_can_be_taken() -> None:
    raw = read_file((ROOT / "examples/portal/quyet-dinh-mau.csv").read_bytes(), BatchFormat.CSV)
    rows = [read_row(each.row_no, each.cells, agency_code="A00.01", today=date(2026, 11, 21)) for each in raw]
    assert len(rows) == 3
    assert all(isinstance(each, DecisionRow) for each in rows), rows


def test_template_in_the_docs_names_every_column_in_both_languages() -> None:
    text = (ROOT / "docs/portals.md").read_text("utf-8")
    missing = [column for column in Column if f"| `{column}` | {HEADERS_VI[column]} |" not in text]
    assert missing == []
