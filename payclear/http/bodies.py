"""Reads the raw body of a request, never more of it than its reader allows.

Called by callbacks, return pages and `http.operations`. It must never trust a length that was only announced.
"""

from datetime import datetime

from flask import request
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge

from payclear.contract.messages import InboundRequest
from payclear.kernel.errors import PayclearError


def read_message(
    limit: int, *, received_at: datetime, too_large: type[PayclearError], encoded: type[PayclearError]
) -> InboundRequest:
    """The message of a provider or bank as it was sent: its signature is over these bytes.

    Raises `encoded` for a compressed one, which is not unpacked, and `too_large` for a body or query over the limit.
    """
    if request.headers.get("Content-Encoding"):
        raise encoded("send it uncompressed")
    if (request.content_length or 0) > limit or len(request.query_string) > limit:
        raise too_large("over the limit", limit=limit)
    try:
        return read_inbound(limit, received_at=received_at)
    except RequestEntityTooLarge as error:
        raise too_large("over the limit", limit=limit) from error


def read_inbound(limit: int, *, received_at: datetime) -> InboundRequest:
    """The request as it came, for an adapter to read; raises as `read_body` does."""
    return InboundRequest(
        method=request.method,
        path=request.path,
        query_string=request.query_string,
        headers={name.lower(): value for name, value in request.headers.items()},
        body=read_body(limit),
        received_at=received_at,
    )


def read_body(limit: int) -> bytes:
    """The bytes as sent, at most `limit` of them.

    Raises RequestEntityTooLarge (413) for more, BadRequest when the sender goes away half-way. A chunked body
    announces no length and werkzeug would cut it at its maximum without a word: one byte more is asked for.
    """
    request.max_content_length = limit + 1
    try:
        body = request.get_data(cache=True)
    except OSError as error:
        raise BadRequest from error
    if len(body) > limit:
        raise RequestEntityTooLarge
    return body
