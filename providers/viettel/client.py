"""Viettel's wire: inquiry and refund by signed form with Basic authentication, delivery of the settlement file.

Called by provider.py only; decides nothing about payments.
"""

import base64
from collections.abc import Mapping
from datetime import date
from typing import Any
from urllib.parse import urlencode

from payclear.contract.errors import OutcomeUnknown, ProviderRefused
from payclear.contract.messages import Account
from payclear.kernel.clock import Clock, SystemClock
from providers.statement_drop import statement_transport, take_statement
from providers.transport import Transport
from providers.viettel import mapping
from providers.viettel.mapping import KeyPair
from providers.wire import answer_object, member


def key_pairs(account: Account) -> tuple[KeyPair, ...]:
    """The pairs that may have signed what Viettel sends: the present one, and the previous one while it overlaps.

    An access code that stays the same need not be repeated as previous.
    """
    secrets = account.secrets
    pairs = [KeyPair("hash_key", secrets["access_code"], secrets["hash_key"])]
    if secrets.get("hash_key_previous"):
        access_code = secrets.get("access_code_previous") or secrets["access_code"]
        pairs.append(KeyPair("hash_key_previous", access_code, secrets["hash_key_previous"]))
    return tuple(pair for pair in pairs if pair.access_code and pair.hash_key)


class ViettelClient:
    """Speaks to Viettel's gateway for one account at a time; keeps nothing between calls."""

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

    def call(self, account: Account, fields: Mapping[str, str], signed: tuple[str, ...]) -> dict[str, Any]:
        """Sign and send one command; return the answer about our merchant and our order.

        Raises ProviderRefused when our credentials are refused, OutcomeUnknown for every answer that can not be read
        or is about something else. How Viettel signs its answers is not known.
        """
        check_sum = mapping.sign(key_pairs(account)[0], fields, signed)
        credentials = f"{account.option('api_user')}:{account.secrets['api_password'].reveal()}"
        answer = self._transport.send(
            "POST",
            account.option("api_url"),
            headers={
                "Content-Type": "application/x-www-form-urlencoded; charset=UTF-8",
                "Authorization": "Basic " + base64.b64encode(credentials.encode("utf-8")).decode("ascii"),
            },
            body=urlencode({**fields, "check_sum": check_sum}).encode("ascii"),
            allow_insecure_host=str(account.options.get("allow_insecure_host", "")),
            secrets=account.secrets.values(),
        )
        if answer.status in (401, 403):
            raise ProviderRefused("Viettel refuses our credentials", status=answer.status)
        got = answer_object(answer)
        if not member(got, "error_code", OutcomeUnknown):
            raise OutcomeUnknown("Viettel's answer carries no error_code", reason="no_code")
        for name in ("merchant_code", "order_id"):
            if member(got, name, OutcomeUnknown) != fields[name]:
                raise OutcomeUnknown(
                    "Viettel answers about something else", reason="other_payment", field=name
                )
        return got

    def fetch_statement(self, account: Account, business_on: date) -> tuple[str, bytes]:
        """Fetch the settlement workbook of a day: (file name, bytes); raises StatementUnavailable."""
        merchant, day = account.option("merchant_code"), f"{business_on:%Y%m%d}"
        name = f"VIETTELAPP_{merchant}_{day}.xlsx"
        content = take_statement(
            account,
            self._statements,
            self._clock,
            name=name,
            asked={"merchant_code": merchant, "date": day},
            key=account.secrets["hash_key"],
        )
        return name, content
