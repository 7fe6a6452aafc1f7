"""BIDV's side of the biller protocol: getbill and paybill to the biller, the agreed day file.

The bank waits for the biller's word; there is no reversal. Its key here is public: DEMO ONLY.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any, ClassVar

from providers.simulator.bank import PERSON, UNKNOWN, Bank, Bill, Deposit, Heard, Reply
from providers.simulator.protocol import WRONG_KEY, OutboundCall
from providers.simulator.truth import LOCAL


class Bidv(Bank):
    """One service of a biller at BIDV."""

    name = "bidv"
    title_vi = "BIDV thu hộ"
    title_en = "BIDV biller"
    demo: ClassVar[Mapping[str, str]] = {
        "biller_id": "031001",
        "secret": "DEMO-ONLY-BIDV-BILLER-SECRET",
        "statement_key": "DEMO-ONLY-BIDV-STATEMENT-KEY",
    }
    operations = ("inquire", "pay")

    def new_bank_ref(self) -> str:
        """As the bank writes them."""
        return f"BIDV{self.engine.truth.next_number()}"

    def inquire_call(self, document: str, *, key: str = "") -> OutboundCall:
        """POST /getbill."""
        service = self.own("biller_id")
        fields = {"service_id": service, "customer_id": document}
        return self._call("/getbill", fields, (service, document), key)

    def pay_call(self, deposit: Deposit, *, key: str = "") -> OutboundCall:
        """POST /paybill; the checksum is over reference and amount."""
        fields = {
            "service_id": self.own("biller_id"),
            "customer_id": deposit.document_no,
            "bill_id": deposit.bill_id,
            "amount": str(deposit.amount),
            "trans_id": deposit.bank_ref,
            "trans_date": deposit.at.astimezone(LOCAL).strftime("%Y%m%d%H%M%S"),
            "senderName": PERSON,
            "senderAccount": "21510000000001",
        }
        return self._call("/paybill", fields, (deposit.bank_ref, str(deposit.amount)), key)

    def read(self, operation: str, call: OutboundCall, reply: Reply) -> Heard:
        """The reply carries no checksum."""
        if reply.status != 200:
            return UNKNOWN
        try:
            told = json.loads(reply.body)
            code = told["result_code"]
        except (ValueError, KeyError, TypeError):
            return UNKNOWN
        says = "taken" if code == "000" else "unknown" if code == "031" else "refused"
        bills = _bills(told) if operation == "inquire" and code == "000" else []
        return Heard(says=says, code=code, bills=bills, reply=told)

    def wrong_key(self) -> str:
        """Another secret."""
        return WRONG_KEY

    def _call(self, path: str, fields: Mapping[str, str], signed: tuple[str, ...], key: str) -> OutboundCall:
        secret = key or self.own("secret")
        text = "|".join((secret, *signed)).encode("utf-8")
        mac = hmac.new(secret.encode("utf-8"), text, hashlib.sha256).digest()
        body = {**fields, "checksum": base64.b64encode(mac).decode("ascii")}
        return OutboundCall(
            method="POST",
            url=self.address(path),
            headers={"content-type": "application/json"},
            body=json.dumps(body, ensure_ascii=False).encode("utf-8"),
        )


def _bills(told: Mapping[str, Any]) -> list[Bill]:
    return [
        Bill(
            bill_id=item["bill_id"],
            document_no=told["customer_id"],
            amount=int(item["amount"]),
            payer_name=told["customer_name"],
        )
        for period in told["data"]
        for item in period["data"]
    ]


PROTOCOL = Bidv
