"""The fault script: what may be planted for an attempt, and how a planted fault is read."""

import re

ATTEMPT_FAULTS = frozenset(
    {
        "lose_callback",
        "hold_callback",
        "delay_callback",
        "duplicate_callback",
        "forge_callback",
        "wrong_amount",
        "pays_wrong_amount",
        "callback_before_return",
        "lose_return",
        "query_timeout",
        "query_html",
        "query_500",
        "query_truncated",
        "query_bad_signature",
        "query_other_payment",
        "query_not_found",
        "refund_timeout",
        "refund_html",
        "refund_bad_signature",
    }
)
STATEMENT_FAULTS = frozenset(
    {
        "missing_line",
        "extra_line",
        "duplicate_line",
        "amount_plus_1",
        "amount_as_text",
        "bad_amount_text",
        "status_failed",
        "status_unknown",
        "missing_reference",
        "wrong_count",
        "wrong_sum",
        "no_trailer",
        "moved_columns",
        "truncated",
        "html",
        "unavailable",
    }
)
_FAULT = re.compile(r"([a-z0-9_]+)(?::([0-9]+(?:\.[0-9]+)?))?")


class UnknownFault(ValueError):
    """A fault that no part of the simulator knows; planting it would test nothing."""


class Faults:
    """The faults of one attempt."""

    def __init__(self, planted: list[str]) -> None:
        self._seconds: dict[str, float | None] = {}
        for text in planted:
            match = _FAULT.fullmatch(text)
            if match is None or match.group(1) not in ATTEMPT_FAULTS:
                raise UnknownFault(text)
            self._seconds[match.group(1)] = float(match.group(2)) if match.group(2) else None

    def __contains__(self, name: str) -> bool:
        if name not in ATTEMPT_FAULTS:
            raise UnknownFault(name)
        return name in self._seconds

    def seconds(self, name: str, default: float) -> float:
        """The number behind the colon, `delay_callback:30`."""
        given = self._seconds.get(name)
        return default if given is None else given
