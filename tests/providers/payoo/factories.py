"""Accounts and notifications of Payoo, valid by default."""

import base64
import hashlib
import json
from typing import Any
from urllib.parse import urlencode

from payclear.contract.messages import Account
from payclear.kernel.secret import Secret
from tests.providers.factories import REFERENCE

SECRET = "DEMO-ONLY-PAYOO-CHECKSUM-KEY"
NOTIFY_IP = "118.69.56.194"


def secrets(key: str = SECRET) -> dict[str, Secret]:
    return {
        "checksum_key": Secret(key),
        "api_password": Secret("DEMO-ONLY-PAYOO-PASSWORD"),
        "api_signature": Secret("DEMO-ONLY-PAYOO-API-SIGNATURE"),
    }


def account(base_url: str = "https://payoo.example.vn", **changes: Any) -> Account:
    options: dict[str, str | int | bool] = {
        "username": "dvc_test",
        "shop_id": "12345",
        "shop_title": "DVC",
        "shop_domain": "https://pay.example.vn",
        "pay_url": f"{base_url}/payoo/v2/paynow/order/create",
        "api_url": f"{base_url}/payoo/BusinessRestAPI.svc",
        "pay_origin": base_url,
        "api_username": "demo_BizAPI",
        "notify_ip": NOTIFY_IP,
        "not_found_code": "7",
        "statement_url": f"{base_url}/payoo/statements",
    }
    if base_url.startswith("http:"):
        options["allow_insecure_host"] = "127.0.0.1"
    return Account(
        code="payoo-test",
        adapter="payoo",
        name_vi="Payoo",
        name_en="Payoo",
        options=options | changes.get("options", {}),
        secrets=changes.get("secrets", secrets()),
    )


def checksum(*texts: str) -> str:
    return hashlib.sha512("".join(texts).encode()).hexdigest().upper()


def enveloped(data: Any, *, secret: str = SECRET, ip: str = NOTIFY_IP, signature: str | None = None) -> bytes:
    """NotifyData as Payoo packs it, by code of its own."""
    text = data if isinstance(data, str) else json.dumps(data)
    mac = checksum(secret, text, ip) if signature is None else signature
    packed = base64.b64encode(json.dumps({"ResponseData": text, "Signature": mac}).encode())
    return urlencode({"NotifyData": packed.decode()}).encode()


def notice(**changes: Any) -> dict[str, Any]:
    fields = {
        "OrderNo": REFERENCE,
        "OrderCashAmount": 150_000,
        "ShopId": 12345,
        "PaymentStatus": 1,
        "PurchaseDate": "20261121103112",
        "BillingCode": "B0001",
    }
    return {name: value for name, value in (fields | changes).items() if value is not None}
