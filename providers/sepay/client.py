"""SePay's wire: the signed checkout form, the order look-up. Called by provider.py only; decides nothing."""

import base64
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from payclear.contract.errors import OutcomeUnknown, ProviderRefused
from payclear.contract.messages import Account
from payclear.kernel.secret import Secret
from providers.sepay import mapping
from providers.transport import Transport
from providers.wire import answer_object


def active_keys(account: Account, name: str) -> dict[str, Secret]:
    """A secret and, while they overlap, the previous one."""
    names = (name, f"{name}_previous")
    return {each: account.secrets[each] for each in names if account.secrets.get(each)}


class SepayClient:
    """Speaks to SePay's gateway for one account at a time; keeps nothing between calls."""

    def __init__(self, transport: Transport | None = None) -> None:
        self._transport = transport or Transport()

    def open_checkout(self, account: Account, fields: Mapping[str, str]) -> str:
        """Post the signed form; the address its answer sends the browser to.

        Raises ProviderRefused for HTTP 400, 401 and 422, OutcomeUnknown for every answer that leads nowhere.
        """
        signature = mapping.sign(account.secrets["secret_key"], mapping.canonical(fields))
        answer = self._transport.send(
            "POST",
            account.option("checkout_url"),
            headers={"Content-Type": "application/x-www-form-urlencoded"},
            body=urlencode({**fields, "signature": signature}).encode("ascii"),
            allow_insecure_host=str(account.options.get("allow_insecure_host", "")),
            secrets=account.secrets.values(),
        )
        if answer.status in (400, 401, 422):
            raise ProviderRefused("SePay refuses the form itself", status=answer.status)
        if answer.status not in (302, 303):
            raise OutcomeUnknown("SePay leads nowhere", reason="http_status", status=answer.status)
        return answer.headers.get("location", "")

    def order(self, account: Account, invoice: str) -> dict[str, Any] | None:
        """Look an order up by our number; None when SePay does not know it. Raises OutcomeUnknown."""
        pair = f"{account.option('merchant_id')}:{account.secrets['secret_key'].reveal()}"
        answer = self._transport.send(
            "GET",
            f"{account.option('api_url').rstrip('/')}/order/detail/{invoice}",
            headers={"Authorization": "Basic " + base64.b64encode(pair.encode("utf-8")).decode("ascii")},
            allow_insecure_host=str(account.options.get("allow_insecure_host", "")),
            secrets=account.secrets.values(),
        )
        if answer.status == 404:
            return None
        data = answer_object(answer)
        order = data.get("data", data)
        if not isinstance(order, dict) or "order_status" not in order:
            raise OutcomeUnknown("SePay's answer holds no order", reason="no_order")
        return order
