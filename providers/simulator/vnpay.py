"""VNPAY over HTTP: the pay page, querydr and refund, the settlement workbook."""

import hmac
import json
import threading
from datetime import datetime
from hashlib import sha512
from typing import Any

from flask import Blueprint, Response, redirect, render_template, request

from providers.simulator.faults import Faults
from providers.simulator.statement_lines import statement_of_day
from providers.simulator.truth import Payment, Refunded, from_timestamp, local_date
from providers.simulator.vnpay_payments import OUTCOMES, PROVIDER, PageError, VnpayPayments
from providers.simulator.vnpay_wire import (
    QUERY_ANSWER,
    QUERY_REQUEST,
    REFUND_ANSWER,
    REFUND_REQUEST,
    pipe_mac,
    read_stamp,
    stamp,
)
from providers.simulator.vnpay_workbook import workbook

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_MESSAGES = {
    "00": "Success",
    "02": "Invalid TmnCode",
    "03": "Invalid data format",
    "91": "Transaction not found",
    "94": "Duplicate request",
    "95": "Original transaction was not successful",
    "97": "Invalid checksum",
}


def blueprint(payments: VnpayPayments, stopping: threading.Event) -> Blueprint:
    """Routes under /vnpay."""
    routes = Blueprint("vnpay", __name__, url_prefix="/vnpay", template_folder="templates")
    api = VnpayApi(payments, stopping)

    @routes.get("/paymentv2/vpcpay.html")
    def pay_page() -> Response | str:
        payment = payments.open_by_query(request.query_string.decode("ascii", "replace"))
        if payment.status != "opened":
            raise PageError("01", payment.locale)
        return render_template("vnpay_pay.html", payment=payment, locale=payment.locale)

    @routes.post("/paymentv2/pay/<attempt_ref>")
    def pay(attempt_ref: str) -> Response | str:
        payment = payments.truth.payment(PROVIDER, attempt_ref)
        if payment is None:
            raise PageError("91")
        paid = payments.pay(payment, request.form.get("outcome", ""))
        if "lose_return" in payments.faults(attempt_ref):
            return render_template("vnpay_lost.html", payment=paid, locale=paid.locale)
        return redirect(payments.return_url(paid), 303)  # type: ignore[return-value]

    @routes.errorhandler(PageError)
    def page_error(error: PageError) -> tuple[str, int]:
        return render_template("vnpay_error.html", code=error.code, locale=error.locale), 400

    @routes.post("/merchant_webapi/api/transaction")
    def transaction() -> Response:
        return api.answer(request.get_data())

    @routes.get("/statements")
    def statements() -> Response:
        return _statement(payments)

    return routes


def _statement(payments: VnpayPayments) -> Response:
    terminal, day_text = request.args.get("tmn_code", ""), request.args.get("date", "")
    sent_at = request.headers.get("x-statement-timestamp", "")
    key = payments.settings.vnpay_key.encode("utf-8")
    mac = hmac.new(key, f"GET|{terminal}|{day_text}|{sent_at}".encode(), sha512).hexdigest()
    if not hmac.compare_digest(mac, request.headers.get("x-statement-signature", "")):
        return Response("signature", status=401)
    try:
        on = datetime.strptime(day_text, "%Y%m%d").date()
    except ValueError:
        return Response("date", status=400)
    if terminal != payments.settings.vnpay_terminal or on > local_date(payments.clock.now()):
        return Response("no statement", status=404)
    day = statement_of_day(payments.truth, PROVIDER, on)
    if "unavailable" in day.file_faults:
        return Response("no statement yet", status=404)
    return Response(workbook(day, terminal=terminal, on=on), mimetype=XLSX)


class VnpayApi:
    """The merchant API: one URL, `vnp_Command` says what is wanted."""

    def __init__(self, payments: VnpayPayments, stopping: threading.Event) -> None:
        self._payments = payments
        self._truth = payments.truth
        self._key = payments.settings.vnpay_key
        self._stopping = stopping

    def answer(self, body: bytes) -> Response:
        """Check a request and answer it, as the fault script wants."""
        fields = _fields(body)
        command = fields.get("vnp_Command", "")
        if command not in ("querydr", "refund"):
            return _json({"vnp_ResponseCode": "03", "vnp_Message": _MESSAGES["03"]})
        names = QUERY_REQUEST if command == "querydr" else REFUND_REQUEST
        code = self._refusal(fields, names)
        faults = self._payments.faults(fields.get("vnp_TxnRef", ""))
        if code:
            result = {"vnp_ResponseCode": code}
        else:
            result = self._query(fields, faults) if command == "querydr" else self._refund(fields)
        return self._dressed(fields, result, faults, "query" if command == "querydr" else "refund")

    def _refusal(self, fields: dict[str, str], names: list[str]) -> str:
        """The code of a request that is wrong in itself, or nothing."""
        if fields.get("vnp_TmnCode") != self._payments.settings.vnpay_terminal:
            return "02"
        if any(not fields.get(f"vnp_{name}") for name in names) or fields["vnp_Version"] != "2.1.0":
            return "03"
        given = fields.get("vnp_SecureHash", "")
        if not hmac.compare_digest(pipe_mac(fields, names, self._key).encode(), given.encode()):
            return "97"
        today = local_date(self._payments.clock.now())
        return "" if self._truth.first_time(PROVIDER, fields["vnp_RequestId"], today) else "94"

    def _find(self, fields: dict[str, str]) -> Payment | None:
        payment = self._truth.payment(PROVIDER, fields["vnp_TxnRef"])
        same_day = payment is not None and payment.created_raw[:8] == fields["vnp_TransactionDate"][:8]
        return payment if same_day else None

    def _query(self, fields: dict[str, str], faults: Faults) -> dict[str, str]:
        payment = self._find(fields)
        if payment is None or "query_not_found" in faults:
            return {"vnp_ResponseCode": "91"}
        if payment.status == "opened":
            status = "02" if self._payments.is_expired(payment) else "01"
        else:
            status = OUTCOMES[payment.outcome][1]
        result = {
            "vnp_ResponseCode": "00",
            "vnp_Amount": str(payment.amount * 100),
            "vnp_TransactionNo": payment.provider_ref or "0",
            "vnp_TransactionType": "01",
            "vnp_TransactionStatus": status,
            "vnp_OrderInfo": payment.memo,
        }
        if payment.paid_at is not None:
            result |= {"vnp_BankCode": "NCB", "vnp_PayDate": stamp(from_timestamp(payment.paid_at))}
        return result

    def _refund(self, fields: dict[str, str]) -> dict[str, str]:
        payment = self._find(fields)
        if payment is None:
            return {"vnp_ResponseCode": "91"}
        if payment.status != "paid":
            return {"vnp_ResponseCode": "95"}
        try:
            hundredfold = int(fields["vnp_Amount"])
            read_stamp(fields["vnp_CreateDate"])
        except ValueError:
            return {"vnp_ResponseCode": "03"}
        amount = hundredfold // 100
        whole = amount == payment.amount
        kind = fields["vnp_TransactionType"]
        if hundredfold <= 0 or hundredfold % 100 or kind != ("02" if whole else "03"):
            return {"vnp_ResponseCode": "03"}
        refund = Refunded(
            provider=PROVIDER,
            refund_ref=fields["vnp_RequestId"],
            attempt_ref=payment.attempt_ref,
            amount=amount,
            provider_ref=self._truth.next_number(),
            refunded_at=self._payments.clock.now().timestamp(),
        )
        if not self._truth.add_refund(refund):
            return {"vnp_ResponseCode": "94"}
        return {
            "vnp_ResponseCode": "00",
            "vnp_Amount": fields["vnp_Amount"],
            "vnp_BankCode": "NCB",
            "vnp_PayDate": stamp(from_timestamp(refund.refunded_at)),
            "vnp_TransactionNo": refund.provider_ref,
            "vnp_TransactionType": kind,
            "vnp_TransactionStatus": "05",
            "vnp_OrderInfo": fields["vnp_OrderInfo"],
        }

    def _dressed(
        self, fields: dict[str, str], result: dict[str, str], faults: Faults, prefix: str
    ) -> Response:
        """Sign the answer, or spoil it as planted.

        The work is done before, so that a lost answer hides real work.
        """
        if f"{prefix}_timeout" in faults:
            self._stopping.wait(faults.seconds(f"{prefix}_timeout", self._payments.settings.hang_s))
        if f"{prefix}_html" in faults:
            return Response("<html><body>502 Bad Gateway</body></html>", mimetype="text/html")
        if prefix == "query" and "query_500" in faults:
            return Response("error", status=500)
        answer = {
            "vnp_ResponseId": f"{self._truth.next_number()}{fields.get('vnp_RequestId', '')[:8]}",
            "vnp_Command": fields["vnp_Command"],
            "vnp_Message": _MESSAGES[result["vnp_ResponseCode"]],
            "vnp_TmnCode": fields.get("vnp_TmnCode", ""),
            "vnp_TxnRef": fields.get("vnp_TxnRef", ""),
            **result,
        }
        if prefix == "query" and "query_other_payment" in faults:
            answer["vnp_TxnRef"] = "PCOTHER0000000001"
        names = QUERY_ANSWER if prefix == "query" else REFUND_ANSWER
        answer["vnp_SecureHash"] = pipe_mac(answer, names, self._key)
        if f"{prefix}_bad_signature" in faults:
            answer["vnp_SecureHash"] = "0" * 128
        if prefix == "query" and "query_truncated" in faults:
            text = json.dumps(answer)
            return Response(text[: len(text) // 2], mimetype="application/json")
        return _json(answer)


def _fields(body: bytes) -> dict[str, str]:
    try:
        data: Any = json.loads(body)
    except ValueError:
        return {}
    if not isinstance(data, dict):
        return {}
    return {str(name): str(value) for name, value in data.items()}


def _json(fields: dict[str, str]) -> Response:
    return Response(json.dumps(fields), mimetype="application/json")
