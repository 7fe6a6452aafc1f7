"""VNPAY's merchant API: querydr and refund behind one address, `vnp_Command` says what is wanted."""

import hmac
import json
from typing import Any

from flask import Response

from providers.simulator.engine import Engine
from providers.simulator.faults import Faults
from providers.simulator.truth import Payment, from_timestamp, local_date
from providers.simulator.vnpay_wire import (
    OUTCOMES,
    PROVIDER,
    QUERY_ANSWER,
    QUERY_REQUEST,
    REFUND_ANSWER,
    REFUND_REQUEST,
    pipe_mac,
    read_stamp,
    stamp,
)

_MESSAGES = {
    "00": "Success",
    "02": "Invalid TmnCode",
    "03": "Invalid data format",
    "91": "Transaction not found",
    "94": "Duplicate request",
    "95": "Original transaction was not successful",
    "97": "Invalid checksum",
}


class VnpayApi:
    """Checks a request, does the work, signs the answer."""

    def __init__(self, engine: Engine, *, terminal: str, key: str) -> None:
        self._engine = engine
        self._truth = engine.truth
        self._terminal = terminal
        self._key = key

    def answer(self, body: bytes) -> Response:
        """Check a request and answer it, as the fault script wants."""
        fields = _fields(body)
        command = fields.get("vnp_Command", "")
        if command not in ("querydr", "refund"):
            return _json({"vnp_ResponseCode": "03", "vnp_Message": _MESSAGES["03"]})
        paid = self._engine.find(PROVIDER, fields.get("vnp_TxnRef", ""))
        if command == "refund" and paid is not None:
            self._engine.lose_refund(paid)
        names = QUERY_REQUEST if command == "querydr" else REFUND_REQUEST
        code = self._refusal(fields, names)
        reference = fields.get("vnp_TxnRef", "")
        faults = self._engine.faults(PROVIDER, reference)
        if code:
            result = {"vnp_ResponseCode": code}
        else:
            result = self._query(fields, faults) if command == "querydr" else self._refund(fields)
        kind = "query" if command == "querydr" else "refund"
        return self._engine.answer(kind, PROVIDER, reference, self._signed(fields, result, faults, kind))

    def _refusal(self, fields: dict[str, str], names: list[str]) -> str:
        """The code of a request that is wrong in itself, or nothing."""
        if fields.get("vnp_TmnCode") != self._terminal:
            return "02"
        if any(not fields.get(f"vnp_{name}") for name in names) or fields["vnp_Version"] != "2.1.0":
            return "03"
        given = fields.get("vnp_SecureHash", "")
        if not hmac.compare_digest(pipe_mac(fields, names, self._key).encode(), given.encode()):
            return "97"
        today = local_date(self._engine.clock.now())
        return "" if self._truth.first_time(PROVIDER, fields["vnp_RequestId"], today) else "94"

    def _find(self, fields: dict[str, str]) -> Payment | None:
        payment = self._engine.find(PROVIDER, fields["vnp_TxnRef"])
        same_day = payment is not None and payment.created_raw[:8] == fields["vnp_TransactionDate"][:8]
        return payment if same_day else None

    def _query(self, fields: dict[str, str], faults: Faults) -> dict[str, str]:
        payment = self._find(fields)
        if payment is None or "query_not_found" in faults:
            return {"vnp_ResponseCode": "91"}
        if "query_pending" in faults:
            status = "01"
        elif payment.status == "opened":
            status = "02" if self._engine.is_expired(payment) else "01"
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
        if payment.paid_at is not None and status != "01":
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
        refund = self._engine.refund(payment, fields["vnp_RequestId"], amount)
        if refund is None:
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

    def _signed(self, fields: dict[str, str], result: dict[str, str], faults: Faults, kind: str) -> Response:
        answer = {
            "vnp_ResponseId": f"{self._truth.next_number()}{fields.get('vnp_RequestId', '')[:8]}",
            "vnp_Command": fields["vnp_Command"],
            "vnp_Message": _MESSAGES[result["vnp_ResponseCode"]],
            "vnp_TmnCode": fields.get("vnp_TmnCode", ""),
            "vnp_TxnRef": fields.get("vnp_TxnRef", ""),
            **result,
        }
        if kind == "query" and "query_other_payment" in faults:
            answer["vnp_TxnRef"] = "PCOTHER0000000001"
        names = QUERY_ANSWER if kind == "query" else REFUND_ANSWER
        answer["vnp_SecureHash"] = pipe_mac(answer, names, self._key)
        if f"{kind}_bad_signature" in faults:
            answer["vnp_SecureHash"] = "0" * 128
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
