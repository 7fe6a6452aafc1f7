"""payOS's wire: calls with the merchant's two headers, answers whose data is signed. Called by provider.py only.

It verifies every answer before handing it on and decides nothing about payments.
"""

import json
from collections.abc import Mapping
from typing import Any

from payclear.contract.errors import OutcomeUnknown, ProviderRefused, SignatureInvalid
from payclear.contract.messages import Account
from payclear.kernel.secret import Secret
from providers.payos import mapping
from providers.transport import Answer, Transport
from providers.wire import json_object, member


def active_keys(account: Account) -> dict[str, Secret]:
    """The keys that may have signed what payOS sends: the present one, and the previous one while it overlaps."""
    names = ("checksum_key", "checksum_key_previous")
    return {name: account.secrets[name] for name in names if account.secrets.get(name)}


class PayosClient:
    """Speaks to payOS for one account at a time; keeps nothing between calls."""

    def __init__(self, transport: Transport | None = None) -> None:
        self._transport = transport or Transport()

    def create(self, account: Account, fields: Mapping[str, str | int]) -> dict[str, Any]:
        """Sign and send a payment request; return the verified data of the link.

        Raises ProviderRefused, SignatureInvalid, or OutcomeUnknown for every answer that opens no link clearly.
        """
        signature = mapping.sign(account.secrets["checksum_key"], mapping.canonical_create(fields))
        body = json.dumps({**fields, "signature": signature}, ensure_ascii=False).encode("utf-8")
        code, data = self._call(account, "POST", "", body)
        if data is None:
            raise OutcomeUnknown("payOS did not open the payment", reason="code", code=code[:20])
        return data

    def link(self, account: Account, order_code: int) -> dict[str, Any] | None:
        """Ask for a payment link; its verified data, or None when payOS does not know the order."""
        code, data = self._call(account, "GET", f"/{order_code}", b"")
        if data is None and code != mapping.NOT_FOUND:
            raise OutcomeUnknown("payOS did not answer the question", reason="code", code=code[:20])
        return data

    def _call(
        self, account: Account, method: str, path: str, body: bytes
    ) -> tuple[str, dict[str, Any] | None]:
        headers = {
            "x-client-id": account.option("client_id"),
            "x-api-key": account.secrets["api_key"].reveal(),
        }
        if body:
            headers["Content-Type"] = "application/json"
        answer = self._transport.send(
            method,
            f"{account.option('base_url').rstrip('/')}/v2/payment-requests{path}",
            headers=headers,
            body=body,
            allow_insecure_host=str(account.options.get("allow_insecure_host", "")),
            secrets=account.secrets.values(),
        )
        return self._read(account, answer)

    def _read(self, account: Account, answer: Answer) -> tuple[str, dict[str, Any] | None]:
        if answer.status in (401, 403):
            raise ProviderRefused("payOS refuses our credentials", status=answer.status)
        if answer.status != 200:
            raise OutcomeUnknown(
                "payOS answered with an HTTP error", reason="http_status", status=answer.status
            )
        got = json_object(answer.body, OutcomeUnknown)
        code = member(got, "code", OutcomeUnknown)
        if code == mapping.CHANNEL_REFUSED:
            raise ProviderRefused("payOS does not know the payment channel or has paused it", code=code)
        data = got.get("data")
        if code != mapping.OK:
            return code, None
        if not isinstance(data, dict):
            raise OutcomeUnknown("payOS says ok and tells nothing", reason="no_data")
        signature = member(got, "signature", OutcomeUnknown)
        if mapping.signing_key_id(active_keys(account), data, signature) is None:
            raise SignatureInvalid("payOS's answer is not signed by payOS")
        return code, data
