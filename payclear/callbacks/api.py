"""The address that providers call. The raw bytes are read once, before anything parses them; no session, no cookie."""

from flask import Blueprint, Response, request

from payclear.callbacks.service import receive
from payclear.http.bodies import read_message
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
    message = read_message(
        runtime.settings.callbacks.body_limit_bytes,
        received_at=runtime.clock.now(),
        too_large=CallbackTooLarge,
        encoded=CallbackEncoded,
    )
    answer = receive(runtime, account_code, message, address=request.remote_addr or "")
    return Response(answer.body, status=answer.status, content_type=answer.content_type)
