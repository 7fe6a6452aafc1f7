"""Payoo's wire: the create call, the business API with its signed envelope, the settlement file's delivery.

Called by provider.py only. It verifies what is signed and decides nothing about payments.
"""

import json
from collections.abc import Mapping
from datetime import date
from typing import Any
from urllib.parse import urlencode

from payclear.contract.errors import OutcomeUnknown, SignatureInvalid
from payclear.contract.messages import Account
from payclear.kernel.clock import Clock, SystemClock
from payclear.kernel.secret import Secret
from providers.payoo import mapping
from providers.statement_drop import statement_transport, take_statement
from providers.transport import Answer, Transport
from providers.wire import answer_object, json_object


def active_keys(account: Account) -> dict[str, Secret]:
    """The checksum keys that may have signed what Payoo sends: the present one and, while it overlaps, the previous."""
    names = ("checksum_key", "checksum_key_previous")
    return {name: account.secrets[name] for name in names if account.secrets.get(name)}


class PayooClient:
    """Speaks to Payoo for one account at a time; keeps nothing between calls."""

    def __init__(
        self,
        transport: Transport | None = None,
        clock: Clock | None = None,
        *,
        statements: Transport | None = None,
    ) -> None:
        self._transport = transport or Transport()
        self._statements = statements or statement_transport()
        self._clock = clock or SystemClock()

    def create(self, account: Account, shop: mapping.Shop) -> dict[str, Any]:
        """Send an order; the answer's object, which is not verified (its rule is not known)."""
        xml = mapping.order_xml(shop)
        form = {
            "data": xml,
            "checksum": mapping.checksum(account.secrets["checksum_key"], xml),
            "refer": account.option("shop_domain"),
        }
        answer = self._send(
            account,
            account.option("pay_url"),
            {"Content-Type": "application/x-www-form-urlencoded"},
            urlencode(form).encode("ascii"),
        )
        return answer_object(answer)

    def business(self, account: Account, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """Call the business API (`getorderinfo`, `CancelOrder`); the object within the verified envelope.

        Raises SignatureInvalid, or OutcomeUnknown for everything that is not a readable answer.
        """
        data = json.dumps(request, separators=(",", ":"))
        signature = mapping.checksum(account.secrets["checksum_key"], data)
        headers = {
            "Content-Type": "application/json",
            "apiusername": account.option("api_username"),
            "apipassword": account.secrets["api_password"].reveal(),
            "apisignature": account.secrets["api_signature"].reveal(),
        }
        body = json.dumps({"RequestData": data, "Signature": signature}).encode("ascii")
        url = f"{account.option('api_url').rstrip('/')}/{operation}"
        envelope = answer_object(self._send(account, url, headers, body))
        text, given = envelope.get("ResponseData"), envelope.get("Signature")
        if not isinstance(text, str) or not isinstance(given, str):
            raise OutcomeUnknown("Payoo's answer has no envelope", reason="no_envelope")
        if mapping.signing_key_id(active_keys(account), given, text) is None:
            raise SignatureInvalid("the answer is not signed by Payoo")
        return json_object(text.encode("utf-8", "replace"), OutcomeUnknown)

    def fetch_statement(self, account: Account, business_on: date) -> tuple[str, bytes]:
        """Fetch the settlement workbook of a day: (file name, bytes); raises StatementUnavailable."""
        shop_id = account.option("shop_id")
        name = f"PAYOO_{shop_id}_{business_on:%Y%m%d}.xlsx"
        asked = {"shop_id": shop_id, "date": f"{business_on:%Y%m%d}"}
        key = account.secrets["checksum_key"]
        return name, take_statement(account, self._statements, self._clock, name=name, asked=asked, key=key)

    def _send(self, account: Account, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        return self._transport.send(
            "POST",
            url,
            headers=headers,
            body=body,
            allow_insecure_host=str(account.options.get("allow_insecure_host", "")),
            secrets=account.secrets.values(),
        )
