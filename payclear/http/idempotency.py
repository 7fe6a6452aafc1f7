"""The same key and body give the same answer, byte for byte, and the work is done once (DESIGN rule 10).

Called by `http.operations` around the work of every POST. The answer is stored in the transaction of the
work: there is no work without its answer and no answer without its work. Refusals are not stored.
"""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from psycopg.errors import UniqueViolation

from payclear.db.uow import UnitOfWork
from payclear.http import queries
from payclear.http.json_body import canonical_bytes
from payclear.kernel.errors import Conflict, ErrorCategory, InvalidInput, PayclearError

HEADER: Final = "Idempotency-Key"
KEPT_FOR: Final = timedelta(days=30)
_BARE: Final = re.compile(r"[!#-+\--~][!-+\--~]{0,254}")  # visible ASCII without comma, no quote in front
_QUOTED: Final = re.compile(r'"((?:[!#-\[\]-~]|\\["\\]){1,510})"')  # an sf-string of RFC 8941 without spaces
HEADER_PATTERN: Final = f"^(?:{_BARE.pattern}|{_QUOTED.pattern})$"
_FORGET_AT_ONCE: Final = 5_000


class IdempotencyKeyMissing(PayclearError):
    """A POST needs the header Idempotency-Key."""

    code = "idempotency_key_missing"
    category = ErrorCategory.MALFORMED


class IdempotencyKeyInvalid(PayclearError):
    """The key is not 1 to 255 visible ASCII characters, quoted as RFC 8941 has it or bare."""

    code = "idempotency_key_invalid"
    category = ErrorCategory.MALFORMED


class IdempotencyKeyReused(InvalidInput):
    """The key was used for another request."""

    code = "idempotency_key_reused"


class IdempotencyInFlight(Conflict):
    """A request with this key is being worked on."""

    code = "idempotency_in_flight"


@dataclass(frozen=True, slots=True)
class Answer:
    """A finished answer as it is sent and stored."""

    status: int
    content_type: str
    location: str | None
    body: bytes
    is_replayed: bool = False


@dataclass(frozen=True, slots=True)
class _Claim:
    is_mine: bool
    fingerprint: bytes | None
    status: int | None
    content_type: str | None
    location: str | None
    body: bytes | None


@dataclass(frozen=True, slots=True)
class KeyedRequest:
    """A request under its key: `fingerprint` tells two requests apart."""

    portal_code: str
    key: str
    fingerprint: bytes


def key_of(header: str | None) -> str:
    """The key in an Idempotency-Key header; raises IdempotencyKeyMissing, IdempotencyKeyInvalid."""
    text = (header or "").strip()
    if not text:
        raise IdempotencyKeyMissing("send the header Idempotency-Key with every POST")
    if _BARE.fullmatch(text):
        return text
    quoted = _QUOTED.fullmatch(text)
    key = re.sub(r"\\(.)", r"\1", quoted.group(1)) if quoted else ""
    if not 1 <= len(key) <= 255:
        raise IdempotencyKeyInvalid("1 to 255 visible ASCII characters, bare or in double quotes")
    return key


def fingerprint_of(*, method: str, path: str, data: Any) -> bytes:
    """The SHA-256 over method, path (it holds the API's version) and the body in canonical form."""
    head = f"{method}\n{path}\n".encode()
    return hashlib.sha256(head + canonical_bytes(data)).digest()


def answer_once(uow: UnitOfWork, request: KeyedRequest, work: Callable[[], Answer]) -> Answer:
    """The stored answer of this key, or that of `work`, stored in the same transaction.

    Raises IdempotencyInFlight while another connection works under the key, IdempotencyKeyReused when it
    was used for another request, and whatever `work` refuses.
    """
    claim = _look(uow, queries.CLAIM, request)
    assert claim is not None
    if claim.fingerprint is not None:
        return _replay(claim, request)
    if not claim.is_mine:
        raise IdempotencyInFlight("the same key is being worked on", retry_after_s=1)
    try:
        answer = work()
        _store(uow, request, answer)
    except (PayclearError, UniqueViolation):
        # The request may have been answered between our snapshot and our lock: then that answer is the one.
        uow.rollback()
        earlier = _look(uow, queries.FIND, request)
        if earlier is None:
            raise
        return _replay(earlier, request)
    return answer


def forget_old_keys(uow: UnitOfWork) -> int:
    """Forget answers older than 30 days, at most 5,000 at once; returns how many."""
    return uow.run(queries.FORGET, (uow.now - KEPT_FOR, _FORGET_AT_ONCE)).rowcount


def _look(uow: UnitOfWork, sql: str, request: KeyedRequest) -> _Claim | None:
    name = f"idempotency\x00{request.portal_code}\x00{request.key}".encode()
    lock = int.from_bytes(hashlib.sha256(name).digest()[:8], "big", signed=True)
    values = {"lock": lock, "portal_code": request.portal_code, "key": request.key}
    row = uow.run(sql, values).fetchone()
    return _Claim(*row) if row is not None else None


def _replay(claim: _Claim, request: KeyedRequest) -> Answer:
    if claim.fingerprint != request.fingerprint:
        raise IdempotencyKeyReused("the key was used for another request")
    assert claim.status is not None
    assert claim.content_type is not None
    assert claim.body is not None
    return Answer(claim.status, claim.content_type, claim.location, claim.body, is_replayed=True)


def _store(uow: UnitOfWork, request: KeyedRequest, answer: Answer) -> None:
    uow.run(
        queries.STORE,
        {
            "portal_code": request.portal_code,
            "key": request.key,
            "fingerprint": request.fingerprint,
            "status": answer.status,
            "content_type": answer.content_type,
            "location": answer.location,
            "body": answer.body,
            "at": uow.now,
        },
    )
