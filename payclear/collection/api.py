"""The address that banks call from their counters. The raw bytes are read once, before anything parses them."""

from flask import Blueprint, Response, request

from payclear.collection.errors import CollectionMessageEncoded, CollectionMessageTooLarge
from payclear.collection.service import receive
from payclear.http.bodies import read_message
from payclear.runtime import current

blueprint = Blueprint("collection", __name__)


@blueprint.post("/collection/<account_code>")
@blueprint.post("/collection/<account_code>/<path:operation>")
def take_message(account_code: str, operation: str = "") -> Response:
    """Take one message of a bank and give its protocol's own reply; the adapter reads the operation in the path."""
    runtime = current()
    message = read_message(
        runtime.settings.callbacks.body_limit_bytes,
        received_at=runtime.clock.now(),
        too_large=CollectionMessageTooLarge,
        encoded=CollectionMessageEncoded,
    )
    answer = receive(runtime, account_code, message, address=request.remote_addr or "")
    return Response(
        answer.body, status=answer.status, headers=dict(answer.headers), content_type=answer.content_type
    )
