"""Shares in figures of both languages."""

import pytest

from payclear.i18n.shares import format_share


@pytest.mark.parametrize(
    ("share", "vi", "en"),
    [
        (10_000, "100,00\u00a0%", "100.00%"),
        (9_876, "98,76\u00a0%", "98.76%"),
        (5, "0,05\u00a0%", "0.05%"),
        (0, "0,00\u00a0%", "0.00%"),
        (None, "–", "–"),
    ],
)
def test_share_is_written_as_people_read_it(share: int | None, vi: str, en: str) -> None:
    assert (format_share(share, "vi"), format_share(share, "en")) == (vi, en)
