"""ZaloPay's wire: signed JSON calls and the settlement file's delivery. Called by provider.py only.

ZaloPay neither signs its answers nor names in them what was asked about; nothing is decided here.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from payclear.contract.errors import OutcomeUnknown, ProviderRefused
from payclear.contract.messages import Account
from payclear.kernel.clock import Clock, SystemClock
from payclear.kernel.secret import Secret
from providers.statement_drop import statement_transport, take_statement
from providers.transport import Transport
from providers.wire import answer_object, member
from providers.zalopay import mapping
from providers.zalopay.mapping import SIGNED_FIELDS

APP_ID = re.compile(r"[1-9][0-9]{0,9}")

_NUMBERS = frozenset({"app_id", "amount", "app_time", "timestamp", "expire_duration_seconds"})


@dataclass(frozen=True, slots=True)
class ZaloPayAnswer:
    """An answer: the two codes, and its other members as text."""

    code: int
    sub_code: int | None
    fields: Mapping[str, str]

    @property
    def detail(self) -> str:
        """ZaloPay's own code to keep."""
        return mapping.detail_code(self.code, self.sub_code)


def callback_keys(account: Account) -> dict[str, Secret]:
    """The keys that may have signed what ZaloPay sends: key2, and the previous one while it overlaps."""
    names = ("key2", "key2_previous")
    return {name: account.secrets[name] for name in names if account.secrets.get(name)}


class ZaloPayClient:
    """Speaks to ZaloPay's API for one account at a time; keeps nothing between calls."""

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

    def call(self, account: Account, operation: str, fields: Mapping[str, str]) -> ZaloPayAnswer:
        """Sign with key1 and send one operation (create, query, refund, query_refund); return the answer.

        Raises ProviderRefused when the request itself is refused, OutcomeUnknown for everything that is no readable
        answer.
        """
        key1 = account.secrets["key1"]
        signed = mapping.canonical({**fields, "key1": key1.reveal()}, SIGNED_FIELDS[operation])
        body = {name: int(value) if name in _NUMBERS else value for name, value in fields.items()}
        body["mac"] = mapping.sign(key1, signed)
        answer = self._transport.send(
            "POST",
            f"{account.option('base_url').rstrip('/')}/v2/{operation}",
            headers={"Content-Type": "application/json"},
            body=json.dumps(body, ensure_ascii=False).encode("utf-8"),
            allow_insecure_host=str(account.options.get("allow_insecure_host", "")),
            secrets=account.secrets.values(),
        )
        got = answer_object(answer)
        code = mapping.read_code(member(got, "return_code", OutcomeUnknown))
        sub_code = mapping.read_code(member(got, "sub_return_code", OutcomeUnknown))
        if code is None or code not in mapping.RETURN_CODES:
            raise OutcomeUnknown("ZaloPay's answer carries no known code", reason="no_code")
        if code == 2 and sub_code in mapping.REQUEST_REFUSED:
            raise ProviderRefused("ZaloPay refuses the request itself", sub_code=sub_code)
        kept = ("amount", "zp_trans_id", "server_time", "order_url", "refund_id")
        return ZaloPayAnswer(code, sub_code, {name: member(got, name, OutcomeUnknown) for name in kept})

    def fetch_statement(self, account: Account, business_on: date) -> tuple[str, bytes]:
        """Fetch the settlement workbook of a day: (file name, bytes); raises StatementUnavailable (see README)."""
        app_id, day = account.option("app_id"), f"{business_on:%Y%m%d}"
        name = f"ZALOPAY_{app_id}_{day}.xlsx"
        content = take_statement(
            account,
            self._statements,
            self._clock,
            name=name,
            asked={"app_id": app_id, "date": day},
            key=account.secrets["key1"],
        )
        return name, content
