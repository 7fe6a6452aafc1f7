"""MoMo's wire: signed JSON calls and the settlement file's delivery. Called by provider.py only.

MoMo does not sign its answers: they are held against what was asked, and decide nothing here.
"""

import json
import re
from collections.abc import Mapping
from datetime import date
from typing import Any

from payclear.contract.errors import OutcomeUnknown, ProviderRefused
from payclear.contract.messages import Account
from payclear.kernel.clock import Clock, SystemClock
from payclear.kernel.secret import Secret
from providers.momo import mapping
from providers.momo.mapping import SIGNED_FIELDS, KeyPair
from providers.statement_drop import statement_transport, take_statement
from providers.transport import Answer, Transport
from providers.wire import json_object

PARTNER = re.compile(r"[A-Za-z0-9_-]{1,50}")

_NUMBERS = frozenset({"amount", "transId"})


def key_pairs(account: Account) -> tuple[KeyPair, ...]:
    """The pairs that may have signed what MoMo sends: the present one, and the previous one while it overlaps."""
    secrets = account.secrets
    nothing = Secret("")
    present = secrets.get("access_key", nothing)
    pairs = (
        KeyPair("secret_key", present, secrets.get("secret_key", nothing)),
        KeyPair(
            "secret_key_previous",
            secrets.get("access_key_previous") or present,
            secrets.get("secret_key_previous", nothing),
        ),
    )
    return tuple(pair for pair in pairs if pair.secret_key)


class MomoClient:
    """Speaks to MoMo's API for one account at a time; keeps nothing between calls."""

    def __init__(
        self,
        transport: Transport | None = None,
        clock: Clock | None = None,
        *,
        statements: Transport | None = None,
    ) -> None:
        # MoMo asks its partners to wait 30 seconds.
        self._transport = transport or Transport(read_timeout_s=30.0, total_deadline_s=35.0)
        self._statements = statements or statement_transport()
        self._clock = clock or SystemClock()

    def call(self, account: Account, operation: str, fields: Mapping[str, str]) -> tuple[int, dict[str, str]]:
        """Sign and send one operation (create, query, refund); return resultCode and the answer's fields.

        Raises ProviderRefused when the request itself is refused, OutcomeUnknown for everything that is not a
        readable answer about this request.
        """
        code, message = self._call(account, operation, fields)
        return code, mapping.plain_fields(message)

    def refunds(self, account: Account, fields: Mapping[str, str]) -> tuple[int, list[dict[str, str]]]:
        """Ask for refunds (`refund/query`); return resultCode and the refunds that the answer lists."""
        code, message = self._call(account, "refund/query", fields)
        listed = message.get("refundTrans")
        members = listed if isinstance(listed, list) else []
        return code, [mapping.plain_fields(each) for each in members if isinstance(each, dict)]

    def _call(
        self, account: Account, operation: str, fields: Mapping[str, str]
    ) -> tuple[int, dict[str, Any]]:
        pairs = key_pairs(account)
        if not pairs:
            raise ProviderRefused("there is no key to sign with", reason="no_key")
        signed = {**fields, "signature": mapping.sign(pairs[0], fields, SIGNED_FIELDS[operation])}
        body: dict[str, str | int | bool] = {
            name: int(value) if name in _NUMBERS else value for name, value in signed.items()
        }
        if operation == "create":
            body["autoCapture"] = True
        answer = self._transport.send(
            "POST",
            f"{account.option('base_url').rstrip('/')}/{operation}",
            headers={"Content-Type": "application/json; charset=UTF-8"},
            body=json.dumps(body, ensure_ascii=False).encode("utf-8"),
            allow_insecure_host=str(account.options.get("allow_insecure_host", "")),
            secrets=account.secrets.values(),
        )
        return self._read(fields, answer)

    def _read(self, asked: Mapping[str, str], answer: Answer) -> tuple[int, dict[str, Any]]:
        # MoMo answers refusals with 4xx and the same envelope, so the status alone says nothing.
        message = json_object(answer.body, OutcomeUnknown)
        got = mapping.plain_fields(message)
        code = mapping.read_code(got.get("resultCode", ""))
        if code is None or answer.status >= 500:
            raise OutcomeUnknown("MoMo's answer carries no code", reason="no_code", status=answer.status)
        if code in mapping.REQUEST_REFUSED:
            raise ProviderRefused("MoMo refuses the request itself", result_code=code)
        if answer.status != 200 and code == 0:
            raise OutcomeUnknown("MoMo says ok and error", reason="http_status", status=answer.status)
        for name in ("partnerCode", "orderId", "requestId"):
            if got.get(name, "") != asked[name]:
                raise OutcomeUnknown("MoMo answers about something else", reason="other_payment", field=name)
        return code, message

    def fetch_statement(self, account: Account, business_on: date) -> tuple[str, bytes]:
        """Fetch the settlement workbook of a day: (file name, bytes); raises StatementUnavailable (see README)."""
        partner, day = account.option("partner_code"), f"{business_on:%Y%m%d}"
        name = f"MOMOAPP_{partner}_{day}.xlsx"
        content = take_statement(
            account,
            self._statements,
            self._clock,
            name=name,
            asked={"partner": partner, "date": day},
            key=account.secrets["secret_key"],
        )
        return name, content
