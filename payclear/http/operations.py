"""One operation of the portal API: its guard, schemas and documentation, and the order it is served in.

Every route of the API stands below an `@operation`; the features' `api` modules hold nothing but meaning.
Order: body read (bounded) → key → scope → shape → idempotency → work → answer stored → commit.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, Final

from flask import Response, current_app, g, request

from payclear.db.uow import UnitOfWork
from payclear.http.auth import Caller, require_caller
from payclear.http.bodies import read_body
from payclear.http.idempotency import HEADER, Answer, KeyedRequest, answer_once, fingerprint_of, key_of
from payclear.http.json_body import parse_json
from payclear.http.rate_limits import limit_caller
from payclear.http.schemas import Choice, FieldProblem, InvalidRequest, StrictSchema, load
from payclear.http.units import in_unit
from payclear.kernel.errors import ErrorCategory, PayclearError
from payclear.runtime import Runtime, current

AUTHENTICATE: Final = "payclear.authenticate"
BODY_BYTES_MAX: Final = 262_144
JSON: Final = "application/json"


class UnsupportedMediaType(PayclearError):
    """The body is not `application/json` in UTF-8 without encoding."""

    code = "unsupported_media_type"
    category = ErrorCategory.UNSUPPORTED


class BodyMissing(PayclearError):
    """The operation takes a body and none came."""

    code = "body_missing"
    category = ErrorCategory.MALFORMED


class NoFields(StrictSchema):
    """Nothing may be sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileBody:
    """A body that is a file: what each media type is called, and how many bytes it may have."""

    kinds: Mapping[str, str]
    bytes_max: int


@dataclass(frozen=True, slots=True)
class UploadedFile:
    """A file as it came; `kind` is its media type's name."""

    kind: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """What the documentation says about a route, and what guards it."""

    name: str
    summary: str
    about: str
    tag: str
    scope: str
    writes: bool
    body: StrictSchema | Choice | None
    query: StrictSchema
    answers: Mapping[int, tuple[StrictSchema, str]]
    errors: tuple[type[PayclearError], ...]
    example: Mapping[str, Any] | None
    asks: bool = False  # a question whose words may stand in no address: a body, no key, nothing kept
    headers: Mapping[str, str] = field(default_factory=dict)  # further headers and what they say
    file: FileBody | None = None  # the body is a file and no JSON object
    answers_with: str = JSON  # the media type of what is answered


@dataclass(frozen=True, slots=True)
class Call:
    """One authenticated, well-formed call inside its unit of work."""

    uow: UnitOfWork
    caller: Caller
    runtime: Runtime
    data: Any
    query: Any


@dataclass(frozen=True, slots=True)
class Reply:
    """What an operation answers: a JSON object, or bytes of the operation's own media type."""

    body: Mapping[str, Any] | bytes
    status: int = 200
    location: str | None = field(default=None)


Act = Callable[..., Reply]
Settle = Callable[[Runtime, PayclearError], bool]
_NOTHING: Final = NoFields()


def operation(
    *,
    summary: str,
    tag: str,
    scope: str,
    answers: Mapping[int, tuple[StrictSchema, str]],
    writes: bool = False,
    body: StrictSchema | Choice | None = None,
    query: StrictSchema | None = None,
    errors: tuple[type[PayclearError], ...] = (),
    about: str = "",
    example: Mapping[str, Any] | None = None,
    settle: Settle | None = None,
    asks: bool = False,
    headers: Mapping[str, str] | None = None,
    file: FileBody | None = None,
    answers_with: str = JSON,
) -> Callable[[Act], Callable[..., Response]]:
    """Make a function of `(call, **path)` a route guarded by `scope`, under a key if it writes.

    `settle` is shown a refusal after its unit was rolled back, with no transaction open: when it could learn something
    that may change the answer (from a provider), it returns True and the whole operation runs once more.
    """

    def decorate(act: Act) -> Callable[..., Response]:
        described = Operation(
            name=act.__name__,
            summary=summary,
            about=about,
            tag=tag,
            scope=scope,
            writes=writes,
            body=body,
            query=query or _NOTHING,
            answers=answers,
            errors=errors,
            example=example,
            asks=asks,
            headers=headers or {},
            file=file,
            answers_with=answers_with,
        )

        @wraps(act)
        def view(**path: str) -> Response:
            return _serve(described, act, path, settle)

        view.operation = described  # type: ignore[attr-defined]
        return view

    return decorate


def _serve(described: Operation, act: Act, path: Mapping[str, str], settle: Settle | None) -> Response:
    runtime = current()
    authenticate = current_app.extensions[AUTHENTICATE]

    def known_caller(uow: UnitOfWork) -> Caller:
        header = request.headers.get("Authorization")
        return require_caller(
            uow,
            authenticate,
            header,
            address=request.remote_addr or "",
            scope=described.scope,
            writes=described.writes,
        )

    if described.file is not None:
        in_unit(runtime.database, known_caller)  # whoever is nobody sends us no megabytes
    # A slow sender must not hold a connection of the database: the body is here before the unit begins.
    raw = _body(described)

    def unit(uow: UnitOfWork) -> Answer:
        caller = known_caller(uow)
        g.portal_code = caller.portal_code
        limit_caller(caller.portal_code, caller.requests_per_minute)
        query = _query(described)
        if described.asks:
            asked = load(described.body or _NOTHING, _json(described, raw))
            return _finished(described, act(Call(uow, caller, runtime, asked, query), **path))
        if not described.writes:
            return _finished(described, act(Call(uow, caller, runtime, None, query), **path))
        key = key_of(request.headers.get(HEADER))
        loaded: Any
        if described.file is not None:
            loaded = _uploaded(described.file, raw)
            data: Any = [loaded.kind, hashlib.sha256(raw).hexdigest(), request.args.to_dict()]
        else:
            data = _json(described, raw)
            loaded = load(described.body or _NOTHING, data)
        keyed = KeyedRequest(
            portal_code=caller.portal_code,
            key=key,
            fingerprint=fingerprint_of(method=request.method, path=request.path, data=data),
        )
        return answer_once(
            uow, keyed, lambda: _finished(described, act(Call(uow, caller, runtime, loaded, query), **path))
        )

    try:
        return _response(in_unit(runtime.database, unit))
    except PayclearError as refusal:
        if settle is None or not settle(runtime, refusal):
            raise
    return _response(in_unit(runtime.database, unit))


def _body(described: Operation) -> bytes:
    if described.file is not None:
        return read_body(described.file.bytes_max)
    return read_body(BODY_BYTES_MAX) if described.writes or described.asks else b""


def _uploaded(file: FileBody, raw: bytes) -> UploadedFile:
    kind = file.kinds.get(request.mimetype)
    if kind is None or request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise UnsupportedMediaType(f"send one of {', '.join(file.kinds)}, not encoded")
    if not raw:
        raise BodyMissing("send the file as the body")
    return UploadedFile(kind, raw)


def _json(described: Operation, raw: bytes) -> Any:
    if not raw:
        if described.body is not None:
            raise BodyMissing("send a JSON object")
        return {}
    charset = request.mimetype_params.get("charset", "utf-8").lower()
    encoding = request.headers.get("Content-Encoding", "identity").lower()
    if request.mimetype != JSON or charset not in ("utf-8", "utf8") or encoding != "identity":
        raise UnsupportedMediaType("send application/json in UTF-8, not encoded")
    return parse_json(raw)


def _query(described: Operation) -> Any:
    if not request.args and described.query is _NOTHING:
        return {}
    values = request.args.to_dict(flat=False)
    repeated = [FieldProblem(name[:80], "repeated_item") for name, all_ in values.items() if len(all_) > 1]
    if repeated:
        raise InvalidRequest(tuple(repeated))
    return load(described.query, {name: all_[0] for name, all_ in values.items()})


def _finished(described: Operation, reply: Reply) -> Answer:
    body = reply.body
    if not isinstance(body, bytes):
        body = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    return Answer(reply.status, described.answers_with, reply.location, body)


def _response(answer: Answer) -> Response:
    response = Response(answer.body, answer.status, content_type=answer.content_type)
    if answer.location is not None:
        response.headers["Location"] = answer.location
    if answer.is_replayed:
        response.headers["Idempotent-Replayed"] = "true"
    return response
