"""Reads the raw body of a request, never more of it than its reader allows.

Called by callbacks, return pages and `http.operations`. It must never trust a length that was only announced.
"""

from flask import request
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge


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
