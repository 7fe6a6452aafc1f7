"""Accounts and messages of VietinBank, valid by default, signed by code of their own."""

import base64
import json
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from payclear.contract.messages import Account, InboundRequest
from payclear.kernel.secret import Secret
from tests.providers.factories import NOW

VECTORS = {
    vector["case"]: vector
    for vector in json.loads((Path(__file__).parents[2] / "golden" / "vietinbank.json").read_text("utf-8"))
}
_PAIR = VECTORS["collection-inq-bill-request"]["secret"]
PRIVATE, PUBLIC = _PAIR["private_key_pem_throwaway"], _PAIR["public_key_pem"]
REF, BILL, CODE = "20261121000002", "100000000000142", "VPHC0123456"
PERSON = "NGUYEN VAN AN"

_OTHER = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER_PRIVATE = _OTHER.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
).decode()
OTHER_PUBLIC = (
    _OTHER.public_key()
    .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    .decode()
)


def secrets(**changes: str) -> dict[str, Secret]:
    keys = {"private_key": PRIVATE, "statement_key": "STATEMENT-KEY"}
    return {name: Secret(value) for name, value in (keys | changes).items()}


def account(**changes: Any) -> Account:
    options: dict[str, str | int | bool] = {
        "provider_id": "DVC",
        "merchant_id": "DVC01",
        "account_number": "112000000001",
        "virtual_account_prefix": "9639",
        "trans_id_length": 14,
        "bank_public_key": PUBLIC,
        "channels": "211901=COUNTER_BRANCH, 211903=EBANKING",
        "instruments": "CASH=CASH, ACCOUNT=ACCOUNT",
    }
    return Account(
        code="vietinbank-test",
        adapter="vietinbank",
        name_vi="VietinBank",
        name_en="VietinBank",
        options=options | changes.get("options", {}),
        secrets=changes.get("secrets", secrets()),
    )


def signed(text: str, private: str = PRIVATE) -> str:
    key = serialization.load_pem_private_key(private.encode(), password=None)
    assert isinstance(key, rsa.RSAPrivateKey)
    return base64.b64encode(key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())).decode()


def message(kind: str, data: Any, text: str, *, private: str = PRIVATE, **header: Any) -> bytes:
    """A message of the bank; `header` changes its header, None leaves a field out."""
    fields = {
        "msgId": "MSG0001",
        "msgType": kind,
        "channelId": "211901",
        "providerId": "DVC",
        "merchantId": "DVC01",
        "productId": "COLLECTION",
        "timestamp": "20261121103245",
        "recordNum": str(len(data.get("records") or [1])),
        "signature": signed(text, private),
        "encrypt": "N",
        "gatewayId": "GW",
        "username": "vtb",
    } | header
    kept = {name: value for name, value in fields.items() if value is not None}
    return json.dumps({"header": kept, "data": data}, ensure_ascii=False).encode()


def inquiry(*, private: str = PRIVATE, header: dict[str, Any] | None = None, **changes: Any) -> bytes:
    data = {"transId": "20261121000001", "transTime": "20261121103000", "custCode": CODE} | changes
    text = "".join(str(data[name] or "") for name in ("transId", "transTime", "custCode"))
    return message("1100", data, text, private=private, **(header or {}))


def record(**changes: Any) -> dict[str, Any]:
    fields = {
        "transId": REF,
        "originalId": "",
        "channelId": "211901",
        "recordNo": "1",
        "transTime": "20261121103045",
        "transType": "C",
        "paymentMethod": "CASH",
        "custCode": CODE,
        "custName": PERSON,
        "custAcct": f"9639{CODE}",
        "sendAcctName": PERSON,
        "sendAcctId": "101870000001",
        "billId": BILL,
        "amount": "1250000",
        "balance": "1250000",
        "bankTransId": "CTG20261121000987",
        "remark": "NOP PHAT VPHC",
        "status": {"code": "00", "message": "Success"},
        "currencyCode": "VND",
    }
    return {name: value for name, value in (fields | changes).items() if value is not None}


def record_text(each: dict[str, Any]) -> str:
    def value(name: str) -> str:
        found = each.get(name)
        return "" if found is None else str(found)

    names = ("transId", "originalId", "transTime", "custCode", "custName", "custAcct", "amount", "balance")
    status = each.get("status") or {}
    tail = value("bankTransId") + value("remark")
    return "".join(value(name) for name in names) + str(status.get("code", "")) + tail


def notice(*records: dict[str, Any], private: str = PRIVATE, **header: Any) -> bytes:
    told = list(records) or [record()]
    return message("1200", {"records": told}, "".join(map(record_text, told)), private=private, **header)


def inbound(body: bytes) -> InboundRequest:
    return InboundRequest(
        method="POST",
        path="/collection/vietinbank-test",
        query_string=b"",
        headers={"content-type": "application/json"},
        body=body,
        received_at=NOW,
    )
