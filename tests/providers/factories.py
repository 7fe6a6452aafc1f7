"""Accounts and messages for adapter tests, valid by default."""

from datetime import UTC, datetime, timedelta
from typing import Any

from payclear.contract.messages import (
    Account,
    CheckoutRequest,
    InboundRequest,
    RefundQuery,
    RefundRequest,
    StatusQuery,
)
from payclear.kernel.money import Money
from payclear.kernel.secret import Secret

NOW = datetime(2026, 11, 21, 3, 30, tzinfo=UTC)  # 10:30 in Viet Nam
VNPAY_SECRET = "RAOEXHYVSDDIIENYWSLDIIZTANXUXZFJ"
SANDBOX_SECRET = "sandbox-test-key-0001"
REFERENCE = "PC0123456789A01"


def vnpay_account(base_url: str = "https://vnpay.example.vn", **changes: Any) -> Account:
    """A VNPAY terminal; options and secrets in `changes` replace the defaults of the same name."""
    options: dict[str, str | int | bool] = {
        "tmn_code": "DEMOV210",
        "pay_url": f"{base_url}/vnpay/paymentv2/vpcpay.html",
        "api_url": f"{base_url}/vnpay/merchant_webapi/api/transaction",
        "statement_url": f"{base_url}/vnpay/statements",
        "server_ip": "203.113.131.1",
    }
    if base_url.startswith("http:"):
        options["allow_insecure_host"] = "127.0.0.1"
    return Account(
        code="vnpay-test",
        adapter="vnpay",
        name_vi="VNPAY",
        name_en="VNPAY",
        options=options | changes.get("options", {}),
        secrets=changes.get("secrets", {"hash_secret": Secret(VNPAY_SECRET)}),
    )


def sandbox_account(base_url: str = "https://sandbox.example.vn", **changes: Any) -> Account:
    """A merchant of the sandbox."""
    options: dict[str, str | int | bool] = {"base_url": f"{base_url}/sandbox", "merchant_id": "DEMO"}
    if base_url.startswith("http:"):
        options["allow_insecure_host"] = "127.0.0.1"
    return Account(
        code="sandbox-test",
        adapter="sandbox",
        name_vi="Sandbox",
        name_en="Sandbox",
        options=options | changes.get("options", {}),
        secrets=changes.get("secrets", {"signing_key": Secret(SANDBOX_SECRET)}),
    )


def checkout(**changes: Any) -> CheckoutRequest:
    """A checkout of 150,000 đồng."""
    fields: dict[str, Any] = {
        "attempt_ref": REFERENCE,
        "order_ref": REFERENCE[:13],
        "amount": Money(150_000),
        "memo": "Nop le phi ho so 0123456",
        "created_at": NOW,
        "expires_at": NOW + timedelta(minutes=15),
        "payer_ip": "203.113.131.9",
        "locale": "vi",
        "return_url": "http://127.0.0.1:9/return/vnpay",
        "callback_url": "http://127.0.0.1:9/callbacks/sandbox",
    }
    return CheckoutRequest(**fields | changes)


def status_query(**changes: Any) -> StatusQuery:
    """A query about the same checkout, a minute later."""
    fields: dict[str, Any] = {
        "attempt_ref": REFERENCE,
        "provider_ref": None,
        "amount": Money(150_000),
        "created_at": NOW,
        "expires_at": NOW + timedelta(minutes=15),
        "asked_at": NOW + timedelta(minutes=1),
        "request_id": "REQ0000000000000000000000000001",
    }
    return StatusQuery(**fields | changes)


def refund_request(**changes: Any) -> RefundRequest:
    """A refund of the whole amount."""
    fields: dict[str, Any] = {
        "refund_ref": "RFD0000000000000000000000000001",
        "attempt_ref": REFERENCE,
        "provider_ref": "14226112",
        "amount": Money(150_000),
        "captured": Money(150_000),
        "paid_created_at": NOW,
        "asked_at": NOW + timedelta(hours=1),
        "asked_by": "doisoat",
        "reason": "paid twice",
    }
    return RefundRequest(**fields | changes)


def refund_query(**changes: Any) -> RefundQuery:
    """A question about that refund, two hours after it was asked; `refund` and its fields may be changed."""
    fields: dict[str, Any] = {
        "refund": refund_request(),
        "provider_ref": None,
        "asked_at": NOW + timedelta(hours=3),
        "request_id": "REQ0000000000000000000000000002",
    }
    return RefundQuery(**fields | changes)


def inbound(
    query: bytes | str = b"",
    *,
    method: str = "GET",
    headers: dict[str, str] | None = None,
    body: bytes = b"",
    at: datetime = NOW,
) -> InboundRequest:
    """A request as it arrived."""
    return InboundRequest(
        method=method,
        path="/callbacks/test",
        query_string=query.encode("utf-8") if isinstance(query, str) else query,
        headers=headers or {},
        body=body,
        received_at=at,
    )
