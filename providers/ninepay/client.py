"""9Pay's wire: signed inquire and refund calls. Called by provider.py only; decides nothing about payments."""

import json
from collections.abc import Mapping
from typing import Any

from payclear.contract.errors import OutcomeUnknown, ProviderRefused
from payclear.contract.messages import Account
from payclear.kernel.clock import Clock, SystemClock
from payclear.kernel.secret import Secret
from providers.ninepay import mapping
from providers.transport import Answer, Transport
from providers.wire import answer_object, json_object, member


def checksum_keys(account: Account) -> dict[str, Secret]:
    """The keys that may have made a callback's checksum: the present one, and the previous one while it overlaps."""
    names = ("checksum_key", "checksum_key_previous")
    return {name: account.secrets[name] for name in names if account.secrets.get(name)}


def endpoint(account: Account) -> str:
    """9Pay's base address, as it stands in signing strings."""
    return account.option("endpoint").rstrip("/")


class NinepayClient:
    """Speaks to 9Pay's API for one account at a time; keeps nothing between calls."""

    def __init__(self, transport: Transport | None = None, clock: Clock | None = None) -> None:
        self._transport = transport or Transport()
        self._clock = clock or SystemClock()

    def inquire(self, account: Account, invoice_no: str) -> dict[str, Any] | None:
        """Ask about an invoice; None when 9Pay says that it knows none.

        Raises ProviderRefused when our signature is refused, OutcomeUnknown for every answer that is not about this
        invoice. 9Pay does not sign its answers.
        """
        answer = self._send(account, "GET", f"/v2/payments/{invoice_no}/inquire", {})
        if answer.status == 404:
            json_object(answer.body, OutcomeUnknown)  # a page of some proxy is no answer of 9Pay
            return None
        if answer.status in (401, 403):
            raise ProviderRefused("9Pay refuses our signature", status=answer.status)
        got = answer_object(answer)
        if member(got, "invoice_no", OutcomeUnknown) != invoice_no:
            raise OutcomeUnknown("9Pay answers about something else", reason="other_payment")
        return got

    def refund(self, account: Account, fields: Mapping[str, str | int]) -> dict[str, Any]:
        """Send a refund request; return the answer that names it. Raises OutcomeUnknown for any other answer."""
        got = answer_object(self._send(account, "POST", "/refunds/create", fields))
        if member(got, "request_id", OutcomeUnknown) != fields["request_id"]:
            raise OutcomeUnknown("9Pay answers about something else", reason="other_payment")
        return got

    def _send(self, account: Account, method: str, path: str, fields: Mapping[str, str | int]) -> Answer:
        url = endpoint(account) + path
        headers = mapping.signed_headers(
            account.secrets["secret_key"],
            account.option("merchant_key"),
            method=method,
            url=url,
            stamp=str(int(self._clock.now().timestamp())),
            params=fields,
        )
        body = b""
        if fields:
            headers["Content-Type"] = "application/json"
            body = json.dumps(dict(fields), separators=(",", ":")).encode("utf-8")
        return self._transport.send(
            method,
            url,
            headers=headers,
            body=body,
            allow_insecure_host=str(account.options.get("allow_insecure_host", "")),
            secrets=account.secrets.values(),
        )
