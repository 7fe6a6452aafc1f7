"""What a spreadsheet would execute is escaped, and nothing else is touched."""

import pytest

from payclear.kernel.spreadsheets import escaped


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", "\nx"])
def test_cell_that_a_spreadsheet_would_execute_is_escaped(text: str) -> None:
    assert escaped(text) == "'" + text


@pytest.mark.parametrize("text", ["", "PC123", "150000", "a=b", "Đối soát"])
def test_plain_cell_stays_as_it_is(text: str) -> None:
    assert escaped(text) == text
