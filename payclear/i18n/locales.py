"""The languages citizens and treasurers read, Vietnamese first; imported by all of i18n."""

from typing import Literal

Locale = Literal["vi", "en"]
LOCALES: tuple[Locale, ...] = ("vi", "en")


def require_locale(locale: str) -> None:
    """Refuse a language we do not write in: a mistake of the programme, not of its user (ValueError)."""
    if locale not in LOCALES:
        raise ValueError(f"unknown locale {locale!r}")
