"""The other side of Viettel's gateway 2.0: pay page, verify-data question, result, return, inquiry, refund, workbook."""

import base64
import hmac
import http.client
import json
from collections.abc import Mapping
from contextlib import closing
from datetime import date
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlencode, urlsplit

from flask import Blueprint, Response, request

from providers.simulator.pages import pay_page
from providers.simulator.protocol import WRONG_KEY, XLSX, Document, OutboundCall, Protocol
from providers.simulator.statement_lines import Line, StatementDay
from providers.simulator.statement_route import statement_answer
from providers.simulator.truth import LOCAL, Payment, from_timestamp
from providers.simulator.workbooks import Layout, write_workbook

TIME_TO_PAY_S = 900
# outcome → error_code, payment_status. Only 00 and 1 are documented; 2 is what the demo account calls a refusal.
RESULTS = {"success": ("00", "1"), "insufficient": ("51", "2"), "cancel": ("24", "2"), "unclear": ("32", "3")}
LAYOUT = Layout(
    header=(
        "MA_GIAO_DICH",
        "MA_GIAO_DICH_NCCDV",
        "MA_THANH_TOAN",
        "SO_TIEN",
        "NGAY_GIAO_DICH",
        "THONG_TIN_GD",
        "TRANG_THAI",
    ),
    sheet="Giao dịch",
    total_label="TỔNG CỘNG",
    amount_column="SO_TIEN",
)
STATES = {
    "paid": "Thành công",
    "failed": "Thất bại",
    "refunded": "Hoàn tiền",
    "suspected": "Đang xử lý",
    "odd": "Trạng thái 42",
}
_FORM = {"content-type": "application/x-www-form-urlencoded"}
_ANSWER_LIMIT = 4_096


class Viettel(Protocol):
    """One merchant of the gateway. `created_raw` of a payment holds its bill code."""

    name = "viettel"
    title_vi = title_en = "Viettel Money"
    demo: ClassVar[Mapping[str, str]] = {
        "merchant": "DEMOVT",
        "access_code": "DEMO-ONLY-VIETTEL-ACCESS-CODE",
        "key": "DEMO-ONLY-VIETTEL-HASH-KEY-0001",
        "user": "demo",
        "password": "DEMO-ONLY-VIETTEL-API-PASSWORD",
        "asks_first": "no",  # "yes": the verify-data question comes before the money is taken
    }
    outcomes = tuple(RESULTS)

    def blueprint(self) -> Blueprint:
        """Routes under /viettel."""
        routes = Blueprint(self.name, __name__, url_prefix="/viettel")

        @routes.get("/PaymentGateway/payment")
        def show() -> str:
            return pay_page(self.engine, self._open(request.query_string.decode("ascii", "replace")))

        @routes.post("/api")
        def api() -> Response:
            return self._api(dict(parse_qsl(request.get_data(as_text=True))))

        @routes.get("/statements")
        def statements() -> Response:
            return statement_answer(self, self.own("key"))

        return routes

    def open(self, text: str) -> Payment:
        """Check a whole pay URL and remember the payment."""
        return self._open(urlsplit(text).query)

    def _open(self, query: str) -> Payment:
        fields = dict(parse_qsl(query))
        locale = "en" if fields.get("locale") == "En" else "vi"
        covered = ["billcode", "command", "merchant_code", "order_id", "trans_amount", "version"]
        if any(not fields.get(name) for name in (*covered, "return_url", "desc")):
            raise self.refuse("format", locale)
        if fields["merchant_code"] != self.own("merchant"):
            raise self.refuse("merchant", locale)
        if not self._holds(fields, covered):
            raise self.refuse("signature", locale)
        short = len(fields["billcode"]) <= 20 and len(fields["order_id"]) <= 20
        if fields["command"] != "PAYMENT" or not fields["trans_amount"].isdigit() or not short:
            raise self.refuse("format", locale)
        return self.engine.open(
            Payment(
                provider=self.name,
                attempt_ref=fields["order_id"],
                merchant=fields["merchant_code"],
                amount=int(fields["trans_amount"]),
                status="opened",
                outcome="",
                provider_ref="",
                created_raw=fields["billcode"],
                expires_at=self.engine.now_s() + TIME_TO_PAY_S,
                paid_at=None,
                return_url=fields["return_url"],
                callback_url=self.callback_url(),
                memo=fields["desc"],
                locale=locale,
            )
        )

    def before_pay(self, payment: Payment) -> None:
        """Ask the merchant whether the data are right, when configured; one that gives no answer is taken to agree."""
        if self.own("asks_first") != "yes":
            return
        asked = {
            "billcode": payment.created_raw,
            "merchant_code": payment.merchant,
            "order_id": payment.attempt_ref,
        }
        names = ["billcode", "merchant_code", "order_id", "trans_amount"]
        mac = self._mac({**asked, "trans_amount": str(payment.amount)}, names)
        got = _post(payment.callback_url, urlencode({**asked, "check_sum": mac}))
        if "error_code" not in got:
            return
        said = {name: str(got.get(name, "")) for name in (*names, "check_sum")}
        agrees = got["error_code"] == "00" and said["trans_amount"] == str(payment.amount)
        if not agrees or not self._holds(said, names):
            raise self.refuse("unknown", payment.locale)

    def callback(self, payment: Payment, *, forged: bool) -> OutboundCall | None:
        """The result as a form."""
        body = urlencode(self._result(payment, WRONG_KEY if forged else ""))
        return OutboundCall(method="POST", url=payment.callback_url, headers=_FORM, body=body.encode("ascii"))

    def is_acknowledged(self, status: int, body: bytes) -> bool:
        """error_code 00 with a reply checksum that holds ends the calls."""
        try:
            got = json.loads(body)
        except ValueError:
            return False
        if status != 200 or not isinstance(got, dict) or got.get("error_code") != "00":
            return False
        fields = {name: str(value) for name, value in got.items()}
        return self._holds(fields, ["error_code", "merchant_code", "order_id"])

    def return_url(self, payment: Payment) -> str:
        """The way back, with the result."""
        mark = "&" if urlsplit(payment.return_url).query else "?"
        return payment.return_url + mark + urlencode(self._result(payment))

    def statement(self, day: StatementDay, on: date) -> Document:
        """VIETTELAPP workbook: one sheet."""

        def values(line: Line) -> dict[str, str | int]:
            return {
                "MA_GIAO_DICH": line.provider_ref,
                "MA_GIAO_DICH_NCCDV": line.attempt_ref,
                "MA_THANH_TOAN": line.attempt_ref,
                "SO_TIEN": line.shown or line.amount,
                "NGAY_GIAO_DICH": from_timestamp(line.at).astimezone(LOCAL).strftime("%d/%m/%Y %H:%M:%S"),
                "THONG_TIN_GD": line.memo,
                "TRANG_THAI": STATES[line.status],
            }

        name = f"VIETTELAPP_{self.own('merchant')}_{on:%Y%m%d}.xlsx"
        return Document(name=name, content=write_workbook(LAYOUT, day, on, values), media_type=XLSX)

    def _result(self, payment: Payment, key: str = "") -> dict[str, str]:
        error_code, status = RESULTS[payment.outcome]
        fields = {
            "billcode": payment.created_raw,
            "cust_msisdn": "84900000000",
            "error_code": error_code,
            "merchant_code": payment.merchant,
            "order_id": payment.attempt_ref,
            "payment_status": status,
            "trans_amount": str(payment.amount),
            "vt_transaction_id": payment.provider_ref,
        }
        covered = [
            "billcode",
            "merchant_code",
            "order_id",
            "payment_status",
            "trans_amount",
            "vt_transaction_id",
        ]
        return {**fields, "check_sum": self._mac(fields, covered, key)}

    def _api(self, asked: dict[str, str]) -> Response:
        basic = base64.b64encode(f"{self.own('user')}:{self.own('password')}".encode()).decode()
        if not hmac.compare_digest(f"Basic {basic}", request.headers.get("Authorization", "")):
            return Response("unauthorized", status=401)
        inquiry = asked.get("cmd") == "TRANS_INQUIRY"
        covered = "cmd merchant_code order_id version"
        if not inquiry:
            covered = "cmd merchant_code order_id originalRequestId refundType trans_amount version"
        answer: dict[str, Any] = {
            name: asked.get(name, "") for name in ("merchant_code", "order_id", "version")
        }
        if asked.get("merchant_code") != self.own("merchant") or not self._holds(asked, covered.split()):
            return _json({**answer, "error_code": "02", "error_msg": "check_sum"})
        return self._inquire(answer) if inquiry else self._refund(asked, answer)

    def _inquire(self, answer: dict[str, Any]) -> Response:
        reference = answer["order_id"]
        faults = self.engine.faults(self.name, reference)
        payment = self.engine.find(self.name, reference)
        if payment is None or "query_not_found" in faults:
            unknown = _json({**answer, "error_code": "01", "error_msg": "not found"})
            return self.engine.answer("query", self.name, reference, unknown)
        error_code, status = RESULTS.get(payment.outcome, ("00", "0"))
        if "query_pending" in faults:
            error_code, status = "00", "0"
        elif payment.status == "opened" and self.engine.is_expired(payment):
            error_code, status = "32", "2"
        answer |= {
            "error_code": error_code,
            "payment_status": int(status),
            "trans_amount": payment.amount,
            "vt_transaction_id": payment.provider_ref or None,
        }
        if "query_other_payment" in faults:
            answer["order_id"] = "PCOTHER0000000001"
        return self.engine.answer("query", self.name, reference, _json(answer))

    def _refund(self, asked: dict[str, str], answer: dict[str, Any]) -> Response:
        paid = self.engine.truth.settled_on(None, self.name)
        payment = next((each for each in paid if each.provider_ref == asked["originalRequestId"]), None)
        done = None
        if payment is not None and asked["trans_amount"].isdigit():
            done = self.engine.refund(payment, asked["order_id"], int(asked["trans_amount"]))
        answer |= {
            "error_code": "00" if done else "813",
            "error_msg": "success" if done else "refund refused",
            "vt_transaction_id": done.provider_ref if done else None,
        }
        reference = payment.attempt_ref if payment else ""
        return self.engine.answer("refund", self.name, reference, _json(answer))

    def _mac(self, fields: Mapping[str, str], names: list[str], key: str = "") -> str:
        text = self.own("access_code") + "".join(fields.get(name, "") for name in names)
        mac = hmac.new((key or self.own("key")).encode(), text.encode(), "sha1")
        return base64.b64encode(mac.digest()).decode()

    def _holds(self, fields: Mapping[str, str], names: list[str]) -> bool:
        return hmac.compare_digest(self._mac(fields, names).encode(), fields.get("check_sum", "").encode())


def _post(url: str, body: str) -> dict[str, Any]:
    """The JSON object a merchant answers; nothing when there is none."""
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    try:
        with closing(kind(parts.netloc, timeout=5)) as connection:
            connection.request("POST", parts.path or "/", body=body, headers=_FORM)
            with connection.getresponse() as response:
                got = json.loads(response.read(_ANSWER_LIMIT))
    except (OSError, http.client.HTTPException, ValueError):
        return {}
    return got if isinstance(got, dict) else {}


def _json(members: Mapping[str, Any]) -> Response:
    return Response(json.dumps(members), mimetype="application/json")


PROTOCOL = Viettel
