"""Hands a settlement file out over HTTPS where a provider's real delivery is FTP or e-mail: our own convention.

`GET …?date=YYYYMMDD…` with `x-statement-timestamp` and `x-statement-signature`, the HMAC-SHA256 hex of
`GET|query|timestamp`. Used by protocols whose adapter has a `statement_url`.
"""

import hmac
from datetime import datetime
from hashlib import sha256

from flask import Response, request

from providers.simulator.protocol import Protocol


def statement_answer(
    protocol: Protocol, key: str, *, day_field: str = "date", day_form: str = "%Y%m%d"
) -> Response:
    """Answer the request under way: 401 for a signature that does not hold, 404 for a day without a file."""
    query = request.query_string.decode("ascii", "replace")
    stamp = request.headers.get("x-statement-timestamp", "")
    mac = hmac.new(key.encode("utf-8"), f"GET|{query}|{stamp}".encode(), sha256).hexdigest()
    if not hmac.compare_digest(mac, request.headers.get("x-statement-signature", "")):
        return Response("signature", status=401)
    try:
        on = datetime.strptime(request.args.get(day_field, ""), day_form).date()
    except ValueError:
        return Response("date", status=400)
    document = protocol.engine.statement(protocol.name, on)
    if document is None:
        return Response("no statement yet", status=404)
    return Response(document.content, mimetype=document.media_type)
