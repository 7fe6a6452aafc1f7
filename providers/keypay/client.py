"""KeyPay's wire: create, detail and refund by JSON, signed with key 1, answered with key 2. Called by provider.py only.

It verifies what is signed and decides nothing about payments.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from payclear.contract.errors import OutcomeUnknown, ProviderRefused, SignatureInvalid
from payclear.contract.messages import Account
from payclear.kernel.secret import Secret
from providers.keypay import mapping
from providers.transport import Transport
from providers.wire import answer_object

_ERROR = re.compile(r"-?[0-9]{1,6}")


def inbound_keys(account: Account) -> dict[str, Secret]:
    """The keys that may have signed what KeyPay sends: the present key 2, and the previous one while it overlaps."""
    names = ("client_key_2", "client_key_2_previous")
    return {name: account.secrets[name] for name in names if account.secrets.get(name)}


class KeypayClient:
    """Speaks to KeyPay for one account at a time; keeps nothing between calls."""

    def __init__(self, transport: Transport | None = None) -> None:
        self._transport = transport or Transport()

    def create(self, account: Account, fields: Mapping[str, str], more: Mapping[str, Any]) -> dict[str, str]:
        """Open a payment: `fields` are signed, `more` is not. Returns the answer, which KeyPay does not sign."""
        signed = {"check_sum": mapping.check_sum(account.secrets["client_key_1"], fields, mapping.PAYMENT)}
        return self._send(account, "create_url", {**fields, **more, **signed})

    def ask(
        self, account: Account, where: str, fields: Mapping[str, str], signed: tuple[str, ...]
    ) -> dict[str, str]:
        """Ask about a payment or ask for a refund; the answer must carry key 2's checksum of what we asked.

        `where` names the option with the address. Raises SignatureInvalid, OutcomeUnknown, ProviderRefused.
        """
        check_sum = mapping.check_sum(account.secrets["client_key_1"], fields, signed)
        got = self._send(account, where, {**fields, "check_sum": check_sum})
        if mapping.signing_key_id(inbound_keys(account), fields, signed, got.get("check_sum", "")) is None:
            raise SignatureInvalid("KeyPay's answer is not signed by KeyPay, or not about what we asked")
        for name in ("client_id", "transaction_id", "transaction_refund_code"):
            if name in fields and got.get(name, fields[name]) != fields[name]:
                raise OutcomeUnknown(
                    "KeyPay answers about something else", reason="other_payment", field=name
                )
        return got

    def _send(self, account: Account, where: str, message: Mapping[str, Any]) -> dict[str, str]:
        answer = self._transport.send(
            "POST",
            account.option(where),
            headers={"Content-Type": "application/json", "Accept": "application/json"},
            body=json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode("utf-8"),
            allow_insecure_host=str(account.options.get("allow_insecure_host", "")),
            secrets=account.secrets.values(),
        )
        if answer.status in (401, 403):
            raise ProviderRefused("KeyPay refuses our request", status=answer.status)
        got = mapping.flat(answer_object(answer), OutcomeUnknown)
        if not _ERROR.fullmatch(got.get("error", "")):
            raise OutcomeUnknown("KeyPay's answer carries no code of KeyPay", reason="no_code")
        return got
