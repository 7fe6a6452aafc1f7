"""VietinBank's side of the collection: 1100 and 1200 to the biller, its answers verified, the agreed day file.

The bank has the money before it tells us. Its keys here are public: DEMO ONLY.
"""

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, ClassVar

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from providers.simulator.bank import PERSON, UNKNOWN, Bank, Bill, Deposit, Heard, Reply
from providers.simulator.protocol import OutboundCall
from providers.simulator.truth import LOCAL

_STAMP = "%Y%m%d%H%M%S"
_BANK_KEY = """\
-----BEGIN PRIVATE KEY-----
MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQDJZ6Rk48fGmiIt
Rdy0hrJmiMqnRptbssYdGgwKvCOr4pRZCWhLXQInfBK+nLvcY4xMWMGIfKOeGfvX
zTRJysRHy9jB4sa5qHLsne31/ZM9D2/akxzV2jGDSfmTFlclaQhrsu1GaFuZWLA7
5asP40P3DnyPSvorjVviG9q0jaVZGpVroWuSCA2Ihr/BzTrv3H+LEp46yftuVukk
FiwZ6SyQJFMHJL3TwPP8XtBRbdyqk7EaIZCPI87FwgTbeZFXiIcQJO3pc5HPP8VC
tn/34CKnRuSycZR+FpHfMMozMi708eWr/z2OW66A4cizFWyKkWo8Jo1xsntPgwoV
yAwgTKyxAgMBAAECggEABrXQyNm79LZ68AY1WcBpHjhthBA6qd31cs/E2fC1wYrN
hX/mPSiOo1EjcL1ZFvksGfkVDZ6VdvWHqgN4vAKo8nlssd0D4PinR5HldT4rEyw5
/k7LdaaM4sJqscdbRPBQawItnJxqfNvzFzPKNL/OKmONq9qEJkJR7uEdsslLWoIU
lEj32jq0y+i1M563QzWVtS5kg2LlEuE5gmJKKFQktOGi0lvSS4nVjSwOiwriZJ72
Ha7TkdAffEPu85yucHBayKkk/BER3Yzr+leZprp0gHZB6BL/IYp0uS/3NETKrRCC
0Z+zJuqjh76fr/ElCdTfBWK6baUiCfgd3BaU93SADwKBgQDvpiYSc4MJaplfLtD6
JjxIaPN7/dl4RidU9uHB4NLkFMJOusK2g/6wdd5NJkZQTA670Zhx7T54UCufpAYI
bdS8HLp5FLd2+UpqTYbH/C5VZ9JV+zUrgMWCOlwR463Mz8Pqqsk2ouOmVKUK9xcH
bWmobiFsKVM5+Xpa2MiQd9IDtwKBgQDXJX+NgPAsUVZ4+xtWE3K8HT6INOtMuVs0
yWVb581pmaZnfI2Q+KHV5wn0WuGA0fZN5vAHhOoNFA0FEnIQMnnKPt6+jVPTPq5r
hEWz11Y1QInpPz/JPdlENeWdnEDMnmML7jcqyFINK1cC9Wdjaqna+10khZDT0bT+
PGsqDXzi1wKBgQDikLr3wLtGwMAla7ZoeJOPhaGEPNdHzVNMEWgYCrx2o2WcVxbU
xO+Z1qWHXMMnEPDxAlPUiY4A4xKLB+AoQeXYvnRRGpPk6ARBgfAFy9XmKpSBc1Cu
Qzz3RMNcqlrbAiXgCvzWKaN90hKCzl24SOmWMiBpCJzFd6YEk2TyqEUl+wKBgAxr
PrSlV7fHLi2nmQlb8AiJy51DKL3yCSC/61jlxYat9twMZYOTxou5XWq8gD3WYNhY
V0yn0HbWzHWZffoPX9Zb0LHBKLCN8rWEGh3qdTB3vD45h24PYuY8EjgJ1/e3wNHk
e0y96XaXJNun3MLxWkKotdSw3Q5NEZyHUkxIIQhbAoGAK7kTTFGrMM6qMvThLp6Z
u2INb0lG6yHwvtAlhuIrD17mtz7s2E7iKQPUWsijCxskLFBI47jugdH7oDdIQpcl
M+0TcETkcDcZA/uA2xxXxHJm9NsaHrO5Ds0gvaFLmqUKM4pxMJMOs/QlAkfjfDIc
74zYR0NWJvWxAYrUxVn5vUU=
-----END PRIVATE KEY-----
"""
_BILLER_KEY = """\
-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAwkoUiwt5rr6/aPbs+Tk0
JQHGQygh0/C8Wm0NqjHhiLDgfomOvTAfLEWagZLc9zXTR37uklQqILYAILu6xz3J
dairQRpZGHz/6bl99W5pxAe649luX/Sed5zY2gPZ7e8FDT3vdotqldq9tyhYadZy
7ngG9oGcH3Ad3KFN4yq4GiPvl5FzGWBlbPfa5lqDdOepvSrrx6sUWPsa4+dX1sHx
gx0XFCIiGjnKjUwT8DVwUHXC2Z7UAGKvTLQaSv5sPPyh8i9m76FADPTptA1b19Jb
9dKQzcAUUqcTKbvt2gcGFvpEh3pMRUmR5/yJMHAs63zqtXU6kW/BhDJ5GR0YLBA4
wwIDAQAB
-----END PUBLIC KEY-----
"""
_CHANNELS = {"COUNTER_BRANCH": "211901", "ATM": "211902", "EBANKING": "211903"}


class VietinBank(Bank):
    """One biller at VietinBank."""

    name = "vietinbank"
    title_vi = "VietinBank thu hộ"
    title_en = "VietinBank collection"
    demo: ClassVar[Mapping[str, str]] = {
        "biller_id": "DVC01",
        "provider_id": "DVC",
        "account": "112000000001",
        "prefix": "9639",
        "bank_key": _BANK_KEY,
        "biller_key": _BILLER_KEY,
        "statement_key": "DEMO-ONLY-VIETINBANK-STATEMENT-KEY",
    }
    operations = ("inquire", "pay", "reverse")
    takes_first = True

    def new_bank_ref(self) -> str:
        """Fourteen digits: the day and a number."""
        number = int(self.engine.truth.next_number()) % 1_000_000
        return f"{self.engine.clock.now().astimezone(LOCAL):%Y%m%d}{number:06d}"

    def inquire_call(self, document: str, *, key: str = "") -> OutboundCall:
        """1100."""
        data = {
            "transId": self.new_bank_ref(),
            "transTime": self._stamp(self.engine.clock.now()),
            "custCode": document,
            "custAcct": self.own("prefix") + document,
        }
        text = data["transId"] + data["transTime"] + data["custCode"]
        return self._call("1100", 1, data, text, key)

    def pay_call(self, deposit: Deposit, *, key: str = "") -> OutboundCall:
        """1200 with one record, type C."""
        record = self._record(deposit)
        return self._call("1200", 1, {"records": [record]}, _record_text(record), key)

    def reverse_call(self, deposit: Deposit, *, key: str = "") -> OutboundCall:
        """1200 with one record, type D and the payment's number."""
        return self.pay_call(deposit, key=key)

    def notice_of(self, deposits: Sequence[Deposit]) -> OutboundCall:
        """1200 with a record for each deposit."""
        records = [self._record(deposit) for deposit in deposits]
        text = "".join(map(_record_text, records))
        return self._call("1200", len(records), {"records": records}, text, "")

    def read(self, operation: str, call: OutboundCall, reply: Reply) -> Heard:
        """1110 or 1210; what is not soundly signed by the biller says nothing."""
        if reply.status != 200:
            return UNKNOWN
        try:
            told = json.loads(reply.body)
            header, data = told["header"], told["data"]
            errors = data["errors"]
            code = errors["errorCode"]
            text = _reply_text(data, code, header.get("channelId", ""))
            signed = self._holds(header["signature"], text)
        except (ValueError, KeyError, TypeError):
            return UNKNOWN
        if not signed:
            return Heard(says="unknown", code=code, signed=False)
        # What was not read, or could not be booked now, is told again.
        says = "taken" if code == "00" else "unknown" if code == "99" else "refused"
        bills = [_bill(data["details"])] if operation == "inquire" and code == "00" else []
        return Heard(says=says, code=code, bills=bills, signed=True, reply=told)

    def wrong_key(self) -> str:
        """A sound RSA key of nobody."""
        return _stranger()

    def _stamp(self, at: datetime) -> str:
        return at.astimezone(LOCAL).strftime(_STAMP)

    def _record(self, deposit: Deposit) -> dict[str, Any]:
        return {
            "transId": deposit.bank_ref,
            "originalId": deposit.original_ref,
            "channelId": _CHANNELS.get(deposit.channel, "211900"),
            "recordNo": "1",
            "transTime": self._stamp(deposit.at),
            "transType": "D" if deposit.original_ref else "C",
            "serviceType": "COLLECTION",
            "paymentType": "BILL",
            "paymentMethod": deposit.instrument,
            "custCode": deposit.document_no,
            "custName": PERSON,
            "custAcct": self.own("prefix") + deposit.document_no,
            "sendAcctId": "101870000001",
            "sendAcctName": PERSON,
            "billId": deposit.bill_id,
            "billTerm": "",
            "amount": str(deposit.amount),
            "fee": "0",
            "vat": "0",
            "balance": str(deposit.amount),
            "payRefNo": f"P{deposit.bank_ref}",
            "bankTransId": f"CTG{deposit.bank_ref}",
            "remark": f"NOP PHAT {deposit.document_no}",
            "status": {"code": "00", "message": "Success"},
            "currencyCode": "VND",
        }

    def _call(self, kind: str, count: int, data: Mapping[str, Any], text: str, key: str) -> OutboundCall:
        signature = _private(key or self.own("bank_key")).sign(
            text.encode("utf-8"), padding.PKCS1v15(), hashes.SHA256()
        )
        header = {
            "msgId": f"MSG{self.engine.truth.next_number()}",
            "msgType": kind,
            "channelId": "211901",
            "providerId": self.own("provider_id"),
            "merchantId": self.own("biller_id"),
            "productId": "COLLECTION",
            "timestamp": self._stamp(self.engine.clock.now()),
            "recordNum": str(count),
            "signature": base64.b64encode(signature).decode("ascii"),
            "encrypt": "N",
            "gatewayId": "GW01",
            "username": "vtb",
        }
        return OutboundCall(
            method="POST",
            url=self.address(),
            headers={"content-type": "application/json"},
            body=json.dumps({"header": header, "data": data}, ensure_ascii=False).encode("utf-8"),
        )

    def _holds(self, signature: str, text: str) -> bool:
        key = serialization.load_pem_public_key(self.own("biller_key").encode("ascii"))
        if not isinstance(key, rsa.RSAPublicKey):
            return False
        try:
            given = base64.b64decode(signature, validate=True)
            key.verify(given, text.encode("utf-8"), padding.PKCS1v15(), hashes.SHA256())
        except (InvalidSignature, ValueError, binascii.Error):
            return False
        return True


def _record_text(record: Mapping[str, Any]) -> str:
    names = ("transId", "originalId", "transTime", "custCode", "custName", "custAcct", "amount", "balance")
    head = "".join(record[name] for name in names)
    return head + record["status"]["code"] + record["bankTransId"] + record["remark"]


def _reply_text(data: Mapping[str, Any], code: str, channel: str) -> str:
    """What the biller has signed: of a bill, of records, or of the error alone."""
    if "details" in data:
        bill = data["details"]
        names = ("transTime", "custCode", "custName", "billId", "amount")
        return bill["transId"] + channel + "".join(bill[name] for name in names) + code
    signed = ("transId", "originalId", "transTime", "custCode", "custName", "custAcct", "amount")
    told = [
        "".join(each[name] for name in signed) + each["status"]["code"] for each in data.get("records", ())
    ]
    return code + "".join(told)


def _bill(details: Mapping[str, str]) -> Bill:
    return Bill(
        bill_id=details["billId"],
        document_no=details["custCode"],
        amount=int(details["amount"]),
        payer_name=details["custName"],
    )


@lru_cache(maxsize=8)
def _private(pem: str) -> rsa.RSAPrivateKey:
    key = serialization.load_pem_private_key(pem.encode("ascii"), password=None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise TypeError("no RSA key")
    return key


@lru_cache(maxsize=1)
def _stranger() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return pem.decode("ascii")


PROTOCOL = VietinBank
