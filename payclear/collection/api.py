"""The address that banks call from their counters. The raw bytes are read once, before anything parses them."""

from flask import Blueprint, Response, request
from werkzeug.exceptions import RequestEntityTooLarge

from payclear.collection.errors import CollectionMessageEncoded, CollectionMessageTooLarge
from payclear.collection.service import receive
from payclear.contract.messages import InboundRequest
from payclear.http.bodies import read_body
from payclear.runtime import current

blueprint = Blueprint("collection", __name__)


@blueprint.post("/collection/<account_code>")
@blueprint.post("/collection/<account_code>/<path:operation>")
def take_message(account_code: str, operation: str = "") -> Response:
    """Take one message of a bank and give its protocol's own reply; the adapter reads the operation in the path."""
    runtime = current()
    limit = runtime.settings.callbacks.body_limit_bytes
    if request.headers.get("Content-Encoding"):
        raise CollectionMessageEncoded("send it uncompressed")
    if (request.content_length or 0) > limit or len(request.query_string) > limit:
        raise CollectionMessageTooLarge("over the limit", limit=limit)
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
    return Response(
        answer.body, status=answer.status, headers=dict(answer.headers), content_type=answer.content_type
    )


def _body(limit: int) -> bytes:
    try:
        return read_body(limit)
    except RequestEntityTooLarge as error:
        raise CollectionMessageTooLarge("over the limit", limit=limit) from error
