"""Every scenario of the conformance kit as data, and why one does not apply to an adapter: from its manifest alone.

Read by the suites that play them and by the table in docs. A scenario is played or has a reason, never skipped.
"""

from collections.abc import Callable
from dataclasses import dataclass

from payclear.contract.manifest import Capability, Manifest

Reason = Callable[[Manifest], str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One scenario. `needs_books`: it is judged by the ledger, so it is played through the callback address."""

    id: str
    title: str
    needs_books: bool = False
    reason: Reason


def reason_against(scenario: Scenario, manifest: Manifest) -> str | None:
    """Why a scenario can not happen with an adapter; None when it must be played."""
    return scenario.reason(manifest)


def _pays_here(manifest: Manifest) -> str | None:
    if manifest.capabilities & {Capability.REDIRECT, Capability.QR}:
        return None
    return "takes no checkout from us: the money comes by itself"


def _calls_back(manifest: Manifest) -> str | None:
    return None if Capability.CALLBACK in manifest.capabilities else "sends no callback"


def _is_asked(manifest: Manifest) -> str | None:
    return None if Capability.STATUS_QUERY in manifest.capabilities else "offers no status query"


def _is_called(manifest: Manifest) -> str | None:
    if Capability.STATUS_QUERY in manifest.capabilities or (
        manifest.checkout_calls and _pays_here(manifest) is None
    ):
        return None
    return "no call leaves us: neither at checkout nor for a status"


def _reports(what: str) -> Reason:
    def reason(manifest: Manifest) -> str | None:
        if what not in manifest.reports:
            return f"reports no payment that was {what}"
        return _pays_here(manifest)

    return reason


def _tells_refusals(manifest: Manifest) -> str | None:
    if _calls_back(manifest):
        return _calls_back(manifest)
    return None if "refused" in manifest.callback_on else "calls back about successes only"


def _names_merchant(manifest: Manifest) -> str | None:
    if _calls_back(manifest):
        return _calls_back(manifest)
    return None if manifest.callback_names_merchant else "its callback names no merchant account"


def _signs_answers(manifest: Manifest) -> str | None:
    if _is_asked(manifest):
        return _is_asked(manifest)
    return None if manifest.answers_signed else "its answers carry no signature"


def _names_payment(manifest: Manifest) -> str | None:
    if _is_asked(manifest):
        return _is_asked(manifest)
    return None if manifest.answers_name_payment else "its answers name no payment"


def _learns(manifest: Manifest) -> str | None:
    """A payment must be told of at all before a statement tells it."""
    if Capability.CALLBACK in manifest.capabilities or Capability.STATUS_QUERY in manifest.capabilities:
        return None
    if Capability.COLLECTION in manifest.capabilities:
        return "its bank calls first: see the scenarios of collection"
    return "tells of a payment by its statement alone"


def _collects(operation: str = "pay") -> Reason:
    def reason(manifest: Manifest) -> str | None:
        if Capability.COLLECTION not in manifest.capabilities:
            return "no bank collects through it"
        if operation not in manifest.collection_operations:
            return f"its protocol has no message for it ({operation})"
        return None

    return reason


def _leaves_open(manifest: Manifest) -> str | None:
    if _collects()(manifest):
        return _collects()(manifest)
    return None if manifest.callback_uncovered else "its signature covers every field"


def _signs_replies(manifest: Manifest) -> str | None:
    if _collects()(manifest):
        return _collects()(manifest)
    return None if manifest.collection_replies_signed else "our replies carry no signature in its protocol"


def _refunds(manifest: Manifest) -> str | None:
    return None if Capability.REFUND in manifest.capabilities else "offers no refund"


def _refunds_parts(manifest: Manifest) -> str | None:
    if Capability.PARTIAL_REFUND in manifest.capabilities or _refunds(manifest):
        return _refunds(manifest)
    return "gives whole payments back only"


def _repeats_refunds(manifest: Manifest) -> str | None:
    if manifest.refund_repeats_safely or _refunds(manifest):
        return _refunds(manifest)
    return "does not promise that a refund asked twice is one"


def _asks_refunds(manifest: Manifest) -> str | None:
    if Capability.REFUND_QUERY in manifest.capabilities or _refunds(manifest):
        return _refunds(manifest)
    return "offers no query of a refund"


def _statement(part: str = "") -> Reason:
    def reason(manifest: Manifest) -> str | None:
        if Capability.STATEMENT not in manifest.capabilities:
            return "delivers no statement that is known"
        if part and part not in manifest.statement_parts:
            return f"its statement has no {part}"
        return None

    return reason


def _s(id_: str, title: str, *reasons: Reason, books: bool = False) -> Scenario:
    def reason(manifest: Manifest) -> str | None:
        return next((found for each in reasons if (found := each(manifest))), None)

    return Scenario(id=id_, title=title, needs_books=books, reason=reason)


SCENARIOS: tuple[Scenario, ...] = (
    _s("success", "Success: every source says the same", _pays_here),
    _s("refusal", "The bank refuses", _reports("refused")),
    _s("cancelled", "The payer cancels", _reports("cancelled")),
    _s("timeout_before_money", "No answer, before the money moved", _is_called),
    _s("timeout_after_money", "No answer, after the money moved", _is_called),
    _s("answer_html", "Broken answer: a page of HTML", _is_called),
    _s("answer_truncated", "Broken answer: cut off in the middle", _is_called),
    _s("answer_error_200", "Broken answer: 200 with an error nobody documented", _is_called),
    _s("answer_500", "Broken answer: HTTP 500", _is_called),
    _s("answer_foreign_key", "Answer signed with another key", _signs_answers),
    _s("answer_other_payment", "Answer about another payment", _names_payment),
    _s("not_found", "The provider does not know the payment", _is_asked),
    _s("tampered", "Callback tampered with, field by field", _calls_back),
    _s("foreign_key", "Callback signed with another key", _calls_back),
    _s("key_rotation", "Key rotated while a payment is under way", _calls_back),
    _s("redaction", "Transcripts without secrets and persons", _is_called),
    _s("refund", "Refund of the whole, and never more than was captured", _refunds),
    _s("refund_part", "Refund in parts, and never more than was captured", _refunds_parts),
    _s("refund_refused", "The provider refuses a refund", _refunds),
    _s("refund_repeated", "The same refund asked twice goes back once", _repeats_refunds),
    _s("refund_timeout", "No answer to a refund that was made; asking finds it", _refunds),
    _s("refund_lost", "No answer to a refund that never arrived; asking does not find it", _refunds),
    _s("refund_pending", "A refund under way is neither done nor refused", _asks_refunds),
    _s("captured", "Success reaches the books once", _learns, books=True),
    _s("duplicate_100", "The same callback a hundred times", _calls_back, books=True),
    _s("parallel_50", "The same callback fifty times at once", _calls_back, books=True),
    _s("reordered", "An older refusal arrives before and after the success", _tells_refusals, books=True),
    _s("late", "Paid after the order's time", _learns, books=True),
    _s("replayed", "A callback replayed a day later", _calls_back, books=True),
    _s("forged", "A forged callback changes nothing but a counter", _calls_back, books=True),
    _s("wrong_amount", "Another amount was paid", _learns, books=True),
    _s("wrong_merchant", "Callback for another merchant account", _names_merchant, books=True),
    _s("unknown_order", "Callback for a payment that is not ours", _calls_back, books=True),
    _s("collect_reading", "Counter: every message says what was done", _collects()),
    _s("collect_verdicts", "Counter: every answer of ours is heard as what it is", _collects()),
    _s("collect_reply_foreign_key", "Counter: our reply signed with another key", _signs_replies),
    _s("collect_tampered", "Counter: message tampered with, field by field", _collects()),
    _s("collect_foreign_key", "Counter: message signed with another key", _collects()),
    _s("collect_key_rotation", "Counter: the bank's key rotated in flight", _collects()),
    _s("collect_found", "Counter: bill by payment code, dossier, decision", _collects("inquire"), books=True),
    _s("collect_unknown", "Counter: a number nobody knows", _collects("inquire"), books=True),
    _s("collect_paid_before", "Counter: a bill that is paid already", _collects(), books=True),
    _s("collect_confirming", "Counter: a payment elsewhere is being confirmed", _collects(), books=True),
    _s("collect_captured", "Counter: cash reaches the dossier once", _collects(), books=True),
    _s("collect_duplicate_100", "Counter: the same payment a hundred times", _collects(), books=True),
    _s("collect_parallel_50", "Counter: the same payment fifty times at once", _collects(), books=True),
    _s("collect_answer_lost", "Counter: our answer is lost, the bank repeats", _collects(), books=True),
    _s("collect_other_content", "Counter: the same reference with other content", _collects(), books=True),
    _s("collect_wrong_amount", "Counter: another amount was paid", _collects(), books=True),
    _s("collect_unknown_bill", "Counter: a bill that nobody handed out", _collects(), books=True),
    _s("collect_other_bill", "Counter: the bill of another document", _collects(), books=True),
    _s(
        "collect_open_fields",
        "Counter: fields without signature changed on the way",
        _leaves_open,
        books=True,
    ),
    _s("collect_too_late", "Counter: paid when the bill's time was over", _collects(), books=True),
    _s("collect_forged", "Counter: a forged message changes nothing but a counter", _collects(), books=True),
    _s("collect_replayed", "Counter: a message replayed at once and a day later", _collects(), books=True),
    _s("collect_reversed", "Counter: taken back, owed again, paid again", _collects("reverse"), books=True),
    _s("collect_reversed_twice", "Counter: taken back twice", _collects("reverse"), books=True),
    _s("collect_reversed_late", "Counter: taken back after the day's end", _collects("reverse"), books=True),
    _s(
        "collect_reversed_unknown",
        "Counter: taken back what was never paid",
        _collects("reverse"),
        books=True,
    ),
    _s("collect_status", "Counter: the bank asks what became of it", _collects("status"), books=True),
    _s("collect_redaction", "Counter: logs without secrets and persons", _collects(), books=True),
    _s("statement_sound", "Statement: sound", _statement()),
    _s("statement_missing_line", "Statement: a line is missing", _statement()),
    _s("statement_extra_line", "Statement: money nobody here asked for", _statement()),
    _s("statement_duplicate_line", "Statement: a line twice", _statement()),
    _s("statement_amount_plus_1", "Statement: one đồng more", _statement()),
    _s("statement_amount_as_text", "Statement: an amount as text", _statement()),
    _s("statement_bad_amount_text", "Statement: an amount that is none", _statement()),
    _s("statement_status_failed", "Statement: a paid line as failed", _statement("status")),
    _s("statement_status_unknown", "Statement: a status nobody knows", _statement("status")),
    _s("statement_missing_reference", "Statement: a line without reference", _statement()),
    _s("statement_wrong_count", "Statement: the trailer's count is wrong", _statement("trailer")),
    _s("statement_wrong_sum", "Statement: the trailer's sum is wrong", _statement("trailer")),
    _s("statement_no_trailer", "Statement: no trailer", _statement("trailer")),
    _s("statement_moved_columns", "Statement: columns moved", _statement()),
    _s("statement_truncated", "Statement: cut off in the middle", _statement()),
    _s("statement_html", "Statement: a page of HTML", _statement()),
    _s("statement_unavailable", "Statement: not there yet", _statement()),
)
