"""The fault script: what may be planted for an attempt, and how a planted fault is read."""

import re

CALLBACK_FAULTS = frozenset(
    {
        "lose_callback",
        "hold_callback",
        "delay_callback",
        "duplicate_callback",
        "reorder_callback",
        "forge_callback",
        "callback_wrong_key",
        "callback_before_return",
        "wrong_amount",
        "other_merchant",
    }
)
PAYER_FAULTS = frozenset({"pays_wrong_amount", "pays_late", "pays_twice", "lose_return", "wait_for_payer"})
ANSWER_FAULTS = frozenset(
    f"{kind}_{fault}"
    for kind in ("create", "query", "refund", "refund_query")
    for fault in ("timeout", "html", "500", "truncated", "error_200", "bad_signature")
)
OWN_FAULTS = frozenset(
    {
        "create_timeout_before_money",
        "create_timeout_after_money",
        "query_other_payment",
        "query_not_found",
        "query_pending",
        "refund_timeout_before_money",
        "refund_refused",
        "refund_query_pending",
    }
)
ATTEMPT_FAULTS = CALLBACK_FAULTS | PAYER_FAULTS | ANSWER_FAULTS | OWN_FAULTS
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
