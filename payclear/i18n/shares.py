"""Shares as people read them. Called by pages; computed elsewhere, in hundredths of a percent."""

from payclear.i18n.locales import require_locale


def format_share(share: int | None, locale: str) -> str:
    """Hundredths of a percent in figures: `98,76 %` in Vietnamese, `98.76%` in English; a dash for none."""
    require_locale(locale)
    if share is None:
        return "–"
    whole, part = divmod(share, 100)
    return f"{whole},{part:02d}\u00a0%" if locale == "vi" else f"{whole}.{part:02d}%"
