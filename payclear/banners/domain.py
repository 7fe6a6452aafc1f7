"""Rules of a banner: two texts and a time that ends. Pure; called by `banners.service`."""

import unicodedata
from datetime import datetime, timedelta
from typing import Final

from payclear.kernel.errors import InvalidInput

TEXT_LENGTH_MAX: Final = 300
# Nobody remembers a banner: a longer one is put up again by somebody who still means it.
SPAN_MAX: Final = timedelta(days=31)


class BannerRefused(InvalidInput):
    """A banner says the same in both languages, in one short text each, and for a month at most."""

    code = "banner_refused"


def read_text(text: str, *, field: str) -> str:
    """The text on one line, NFC, without control characters; raises BannerRefused when none is left or it is too long."""
    plain = "".join(" " if unicodedata.category(each).startswith(("C", "Z")) else each for each in text)
    shown = unicodedata.normalize("NFC", " ".join(plain.split()))
    if not 0 < len(shown) <= TEXT_LENGTH_MAX:
        raise BannerRefused("a banner has a short text in each language", field=field)
    return shown


def require_span(begins_at: datetime, ends_at: datetime, *, now: datetime) -> None:
    """Raises BannerRefused for a banner that nobody would see, or that would stand for too long."""
    if ends_at <= max(begins_at, now) or ends_at - begins_at > SPAN_MAX:
        raise BannerRefused(
            "a banner ends after it began, later than now and within a month", field="ends_at"
        )
