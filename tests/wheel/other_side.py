"""TinyBank's other side: a bank that exists nowhere, as small as a real one can be. It shares no code with its adapter.

JSON callbacks and answers are signed by `x-tiny-signature`, HMAC-SHA256 over the raw bytes; the pay URL by `mac` over its
values joined by `|`.
"""

import hmac
import json
from datetime import date
from hashlib import sha256
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlencode, urlsplit

from flask import Blueprint, Response, request

from providers.simulator.pages import pay_page
from providers.simulator.protocol import WRONG_KEY, Document, OutboundCall, Protocol
from providers.simulator.statement_lines import StatementDay
from providers.simulator.statement_route import statement_answer
from providers.simulator.truth import LOCAL, Payment, from_timestamp

STATUSES = {"success": "PAID", "insufficient": "REFUSED", "cancel": "CANCELLED", "": "OPEN"}
SIGNED = ("merchant", "ref", "amount", "expires", "back", "notify")


class TinyBank(Protocol):
    """One merchant."""

    name = "tinybank"
    title_vi = "Ngân hàng Tí Hon"
    title_en = "TinyBank"
    demo: ClassVar = {"merchant": "TINY01", "key": "DEMO-ONLY-TINYBANK-SIGNING-KEY"}

    def blueprint(self) -> Blueprint:
        """Routes under the bank's name."""
        routes = Blueprint(self.name, __name__, url_prefix=f"/{self.name}")

        @routes.get("/pay")
        def page() -> str:
            return pay_page(self.engine, self.open(request.url))

        @routes.get("/payments/<reference>")
        def query(reference: str) -> Response:
            return self.engine.answer("query", self.name, reference, self._status(reference))

        @routes.get("/statements")
        def statements() -> Response:
            return statement_answer(self, self.own("key"))

        return routes

    def open(self, text: str) -> Payment:
        """Check the address and remember the payment."""
        fields = dict(parse_qsl(urlsplit(text).query))
        if not hmac.compare_digest(
            self._mac("|".join(fields.get(name, "") for name in SIGNED)), fields.get("mac", "")
        ):
            raise self.refuse("signature")
        if fields["merchant"] != self.own("merchant"):
            raise self.refuse("merchant")
        return self.engine.open(
            Payment(
                provider=self.name,
                attempt_ref=fields["ref"],
                merchant=fields["merchant"],
                amount=int(fields["amount"]),
                status="opened",
                outcome="",
                provider_ref="",
                created_raw="",
                expires_at=float(fields["expires"]),
                paid_at=None,
                return_url=fields["back"],
                callback_url=fields["notify"],
                memo="",
                locale="vi",
            )
        )

    def callback(self, payment: Payment, *, forged: bool) -> OutboundCall | None:
        """The message about an end."""
        body = json.dumps(_told(payment)).encode()
        key = WRONG_KEY if forged else self.own("key")
        headers = {"content-type": "application/json", "x-tiny-signature": self._mac(body, key)}
        return OutboundCall(method="POST", url=payment.callback_url, headers=headers, body=body)

    def return_url(self, payment: Payment) -> str:
        """Back with the reference alone."""
        return f"{payment.return_url}?{urlencode({'ref': payment.attempt_ref})}"

    def statement(self, day: StatementDay, on: date) -> Document:
        """CSV with a trailer."""
        columns = ["ref", "number", "amount", "status", "at"]
        if "moved_columns" in day.file_faults:
            columns.reverse()
        lines = [",".join(columns)]
        for line in day.lines:
            at = from_timestamp(line.at).astimezone(LOCAL).strftime("%d/%m/%Y %H:%M:%S")
            status = {"paid": "PAID", "failed": "REFUSED", "refunded": "REFUNDED"}.get(line.status, "ODD")
            cells = {
                "ref": line.attempt_ref,
                "number": line.provider_ref,
                "amount": line.shown or str(line.amount),
                "status": status,
                "at": at,
            }
            lines.append(",".join(cells[column] for column in columns))
        if day.count is not None:
            lines.append(f"TOTAL,{day.count},{day.total},,")
        content = ("\n".join(lines) + "\n").encode()
        return Document(name=f"{self.name}_{on:%Y%m%d}.csv", content=content, media_type="text/csv")

    def _status(self, reference: str) -> Response:
        asked = f"{reference}|{request.args.get('request', '')}"
        if not hmac.compare_digest(self._mac(asked), request.headers.get("x-tiny-signature", "")):
            return Response("signature", status=401)
        faults = self.engine.faults(self.name, reference)
        payment = self.engine.find(self.name, reference)
        if payment is None or "query_not_found" in faults:
            told: dict[str, Any] = {"merchant": self.own("merchant"), "ref": reference, "status": "NONE"}
        else:
            told = _told(payment)
        if "query_pending" in faults:
            told["status"] = "OPEN"
        if "query_other_payment" in faults:
            told["ref"] = "PCOTHER0000000001"
        body = json.dumps(told).encode()
        key = WRONG_KEY if "query_bad_signature" in faults else self.own("key")
        return Response(body, mimetype="application/json", headers={"x-tiny-signature": self._mac(body, key)})

    def _mac(self, text: str | bytes, key: str = "") -> str:
        raw = text.encode() if isinstance(text, str) else text
        return hmac.new((key or self.own("key")).encode(), raw, sha256).hexdigest()


def _told(payment: Payment) -> dict[str, Any]:
    at = from_timestamp(payment.paid_at).astimezone(LOCAL).strftime("%Y%m%d%H%M%S") if payment.paid_at else ""
    return {
        "merchant": payment.merchant,
        "ref": payment.attempt_ref,
        "number": payment.provider_ref,
        "amount": payment.amount,
        "status": STATUSES[payment.outcome],
        "at": at,
    }


PROTOCOL = TinyBank
