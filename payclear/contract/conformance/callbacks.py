"""Plays callbacks that are not what they seem, keys that change, and what may stand in a log.

Called by `plays`.
"""

import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from urllib.parse import quote_plus

from payclear.contract.conformance.bench import (
    PERSON,
    PERSON_ASCII,
    PERSON_ID,
    Bench,
    Failed,
    Payment,
    Subject,
    need,
)
from payclear.contract.conformance.judgments import (
    has,
    paid_callback,
    refund_request,
)
from payclear.contract.conformance.mutations import Mutation, mutations
from payclear.contract.errors import (
    CallbackMalformed,
    SignatureInvalid,
)
from payclear.contract.manifest import Capability
from payclear.contract.messages import (
    VerifiedCallback,
)

_LONG_HEX = re.compile(r"[0-9a-fA-F]{40,}")
_LONG_BASE64 = re.compile(r"(?<![A-Za-z0-9+/])(?:[A-Za-z0-9+/]{27}=|[A-Za-z0-9+/]{43}=|[A-Za-z0-9+/]{86}==)")


def tampered(bench: Bench, subject: Subject) -> None:
    """No field of a callback can be changed, emptied, dropped or doubled with an effect."""
    payment, request = paid_callback(bench, subject)
    genuine = payment.provider.verify_callback(payment.account, request)
    count, fields = 0, set[str]()
    for mutation in mutations(request, payment.manifest.callback_headers):
        count += 1
        fields.add(mutation.field.rpartition(".")[2])
        try:
            heard = payment.provider.verify_callback(payment.account, mutation.request)
        except (SignatureInvalid, CallbackMalformed):
            continue
        _says_nothing_new(payment, mutation, heard, genuine)
    need(count >= 10, f"only {count} mutations were tried")
    absent = set(payment.manifest.callback_uncovered) - fields
    need(not absent, f"callback_uncovered of the manifest names fields that no callback has: {absent}")


def _says_nothing_new(
    payment: Payment, mutation: Mutation, heard: VerifiedCallback, genuine: VerifiedCallback
) -> None:
    if heard.evidence == genuine.evidence:
        return
    what = f"a callback with {mutation.field} {mutation.deed}"
    is_open = mutation.field.rpartition(".")[2] in payment.manifest.callback_uncovered
    need(is_open, f"{what} is believed")
    need(heard.confirm_by_query, f"{what}, which no checksum covers, is not confirmed by query")


def foreign_key(bench: Bench, subject: Subject) -> None:
    """A callback signed with another key is no callback."""
    for fault in ("callback_wrong_key", "forge_callback"):
        payment, request = paid_callback(bench, subject, fault)
        try:
            payment.provider.verify_callback(payment.account, request)
        except SignatureInvalid:
            continue
        raise Failed(f"a callback signed with another key is believed ({fault})")


def key_rotation(bench: Bench, subject: Subject) -> None:
    """A payment under way while keys change is still heard; when the old key is gone, it is not."""
    payment, request = paid_callback(bench, subject)
    overlap = subject.after_rotation(keeps_previous=True)
    verified = payment.provider.verify_callback(overlap, request)
    need(verified.evidence.attempt_ref == payment.reference, "the callback names another payment")
    need(verified.key_id.endswith("_previous"), f"key_id does not name the previous key: {verified.key_id}")
    try:
        payment.provider.verify_callback(subject.after_rotation(keeps_previous=False), request)
    except SignatureInvalid:
        return
    raise Failed("a key that was withdrawn is still believed")


def redaction(bench: Bench, subject: Subject) -> None:
    """What is logged of a payment holds no secret, no signature, no person."""
    heard = _Heard()
    logger = logging.getLogger("providers")
    before = logger.level
    logger.addHandler(heard)
    logger.setLevel(logging.DEBUG)
    try:
        _talk_about_a_person(bench, subject)
    finally:
        logger.removeHandler(heard)
        logger.setLevel(before)
    text = "\n".join(heard.lines)
    need("providers.transcript" in text, "no transcript was written")
    for name, secret in subject.account.secrets.items():
        value = secret.reveal()
        for shown in (value, quote_plus(value)):
            need(len(value) < 6 or shown not in text, f"the secret {name} is in the log")
    for words in (PERSON, PERSON_ID, quote_plus(PERSON), PERSON_ASCII, quote_plus(PERSON_ASCII)):
        need(words not in text, f"a person is in the log: {words}")
    found = _LONG_HEX.search(text) or _LONG_BASE64.search(text)
    need(found is None, f"something like a signature is in the log: {found.group(0)[:12] if found else ''}…")


class _Heard(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


def _talk_about_a_person(bench: Bench, subject: Subject) -> None:
    with Payment(bench, subject) as payment:
        payment.create()
        payment.pay()
        if has(subject, Capability.CALLBACK):
            payment.provider.verify_callback(payment.account, payment.callbacks()[0])
        if has(subject, Capability.STATUS_QUERY):
            payment.query()
        if has(subject, Capability.REFUND):
            asked = replace(refund_request(payment, subject.amount), asked_by=PERSON_ASCII)
            payment.provider.refund(payment.account, asked)


PLAYS: Mapping[str, Callable[[Bench, Subject], None]] = MappingProxyType(
    {
        "tampered": tampered,
        "foreign_key": foreign_key,
        "key_rotation": key_rotation,
        "redaction": redaction,
    }
)
