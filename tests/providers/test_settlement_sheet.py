from datetime import UTC, date, datetime

import pytest

from payclear.contract.outcomes import Outcome
from payclear.kernel.money import Money
from providers.settlement_sheet import Layout, parse
from tests.providers.books import workbook

LAYOUT = Layout(
    sheet=0,
    reference="REF",
    transaction="NO",
    status="STATUS",
    amounts=("AMOUNT", "SUM"),
    occurred="AT",
    merchant="SHOP",
    personal=frozenset({"NAME"}),
    statuses={"OK": ("payment", Outcome.CONFIRMED), "KHONG": ("payment", Outcome.REJECTED)},
)
HEADER = ["AT", "REF", "NO", "AMOUNT", "STATUS", "SHOP", "NAME"]


def row(**changes):
    good = {"AT": "21/11/2026 10:31:12", "REF": "PC1", "NO": 7.0, "AMOUNT": 150_000, "STATUS": "ok"}
    good |= {"SHOP": "S1", "NAME": "NGUYEN VAN A"}
    return [(good | changes).get(name, "") for name in HEADER]


def read(*rows, header=HEADER):
    return parse(workbook([header, *rows], sheets=1), LAYOUT)


def codes(parsed):
    return [(problem.line_no, problem.code) for problem in parsed.problems]


def test_parse_keeps_what_is_the_providers_and_nothing_personal():
    entry = read(row()).entries[0]
    assert (entry.attempt_ref, entry.provider_ref, entry.amount) == ("PC1", "7", Money(150_000))
    assert entry.occurred_at == datetime(2026, 11, 21, 3, 31, 12, tzinfo=UTC)
    assert "NGUYEN" not in str(entry.raw)
    assert read(row(STATUS="Không")).entries[0].outcome is Outcome.REJECTED


@pytest.mark.parametrize(
    "moment", ["2026-11-21 10:31:12", "20261121103112", datetime(2026, 11, 21, 10, 31, 12)]
)
def test_parse_times_are_vietnamese(moment):
    assert read(row(AT=moment)).entries[0].occurred_at == datetime(2026, 11, 21, 3, 31, 12, tzinfo=UTC)


@pytest.mark.parametrize("moment", ["", "hôm qua", 12.5])
def test_parse_time_that_can_not_be_read_is_left_open(moment):
    assert read(row(AT=moment)).entries[0].occurred_at is None


def test_parse_file_of_two_merchants_is_about_the_first():
    parsed = read(row(), row(SHOP="S2"))
    assert (parsed.merchant_account, codes(parsed)) == ("S1", [(3, "other_merchant")])


@pytest.mark.parametrize("at", range(len(HEADER)))
def test_parse_trailer_is_found_wherever_its_words_stand(at):
    if at == HEADER.index("AMOUNT"):
        return
    cells = [""] * len(HEADER)
    cells[HEADER.index("AMOUNT")] = 150_000
    cells[at] = "TỔNG CỘNG:"
    cells[(at + 1) % 3 if at != HEADER.index("REF") else 0] = 1
    parsed = read(row(), cells)
    assert (codes(parsed), parsed.control_count, parsed.control_sum) == ([], 1, Money(150_000))


def test_parse_odd_trailers_and_headers_are_problems():
    total = ["TỔNG", 1, "", 150_000]
    assert codes(read(total, row())) == [(3, "row_after_trailer")]
    assert codes(read(total, total)) == [(3, "bad_trailer")]
    assert codes(read(["TỔNG", 1, 2, 150_000])) == [(2, "bad_trailer")]
    assert codes(read(["TỔNG", 1, "", "x"])) == [(2, "bad_trailer")]
    assert codes(read(row(), header=["A"])) == [(0, "missing_header")]
    assert codes(parse(b"x", LAYOUT)) == [(0, "not_a_workbook")]


def test_parse_date_cell_is_no_instant():
    assert read(row(AT=date(2026, 11, 21))).entries[0].occurred_at_raw.startswith("2026-11-21")
