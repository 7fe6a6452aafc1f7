"""The address that providers call. The raw bytes are read once, before anything parses them; no session, no cookie."""

from flask import Blueprint, Response, request
from werkzeug.exceptions import RequestEntityTooLarge

from payclear.callbacks.service import receive
from payclear.contract.messages import InboundRequest
from payclear.http.bodies import read_body
from payclear.kernel.errors import ErrorCategory, PayclearError
from payclear.runtime import current

blueprint = Blueprint("callbacks", __name__)


class CallbackTooLarge(PayclearError):
    """A callback larger than any provider sends."""

    code = "callback_too_large"
    category = ErrorCategory.TOO_LARGE


class CallbackEncoded(PayclearError):
    """A compressed callback: the signature is over the bytes as sent, so none is unpacked."""

    code = "callback_encoded"
    category = ErrorCategory.UNSUPPORTED


@blueprint.route("/callbacks/<account_code>", methods=["GET", "POST"])
def take_callback(account_code: str) -> Response:
    """Take one callback and give the provider's own acknowledgement."""
    runtime = current()
    limit = runtime.settings.callbacks.body_limit_bytes
    if request.headers.get("Content-Encoding"):
        raise CallbackEncoded("send it uncompressed")
    if (request.content_length or 0) > limit or len(request.query_string) > limit:
        raise CallbackTooLarge("over the limit", limit=limit)
    answer = receive(
        runtime,
        account_code,
        InboundRequest(
            method=request.method,
            path=request.path,
            query_string=request.query_string,
            headers={name.lower(): value for name, value in request.headers.items()},
            body=_body(limit),
            received_at=runtime.clock.now(),
        ),
    )
    return Response(answer.body, status=answer.status, content_type=answer.content_type)


def _body(limit: int) -> bytes:
    try:
        return read_body(limit)
    except RequestEntityTooLarge as error:
        raise CallbackTooLarge("over the limit", limit=limit) from error
