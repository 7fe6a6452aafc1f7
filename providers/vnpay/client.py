"""VNPAY's wire: signed querydr and refund calls, the settlement file's delivery. Called by provider.py only.

It verifies every answer before handing it on and decides nothing about payments.
"""

import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from payclear.contract.errors import (
    NotSent,
    OutcomeUnknown,
    ProviderRefused,
    SignatureInvalid,
    StatementUnavailable,
)
from payclear.contract.messages import Account
from payclear.kernel.clock import Clock, SystemClock
from payclear.kernel.secret import Secret
from providers.transport import Answer, Transport
from providers.vnpay.mapping import (
    API_REFUSED,
    API_SILENT,
    SIGNED_ANSWER_FIELDS,
    SIGNED_REQUEST_FIELDS,
    canonical_pipe,
    sign,
    signing_key_id,
)

STATEMENT_LIMIT = 64 << 20
TERMINAL = re.compile(r"[A-Za-z0-9]{8}")

_API_CODE = re.compile(r"[0-9]{2}")


def active_keys(account: Account) -> dict[str, Secret]:
    """The keys that may have signed what VNPAY sends: the present one, and the previous one while it
    overlaps.
    """
    names = ("hash_secret", "hash_secret_previous")
    return {name: account.secrets[name] for name in names if account.secrets.get(name)}


class VnpayClient:
    """Speaks to VNPAY's API for one account at a time; keeps nothing between calls."""

    def __init__(
        self,
        transport: Transport | None = None,
        clock: Clock | None = None,
        *,
        statements: Transport | None = None,
    ) -> None:
        self._transport = transport or Transport()
        self._statements = statements or Transport(
            read_timeout_s=30.0, total_deadline_s=120.0, body_limit=STATEMENT_LIMIT
        )
        self._clock = clock or SystemClock()

    def call(self, account: Account, fields: Mapping[str, str]) -> dict[str, str]:
        """Sign and send one API request; return the answer's fields, verified, of our terminal and our
        TxnRef.

        Raises ProviderRefused for the API codes 02 and 03, OutcomeUnknown for everything that is not a
        readable answer about this request, SignatureInvalid when the answer's signature does not hold.
        """
        command = fields["vnp_Command"]
        signature = sign(
            account.secrets["hash_secret"], canonical_pipe(fields, SIGNED_REQUEST_FIELDS[command])
        )
        body = json.dumps({**fields, "vnp_SecureHash": signature}).encode("utf-8")
        answer = self._transport.send(
            "POST",
            account.option("api_url"),
            headers={"Content-Type": "application/json"},
            body=body,
            allow_insecure_host=str(account.options.get("allow_insecure_host", "")),
            secrets=account.secrets.values(),
        )
        return self._read(account, fields, _json_fields(answer))

    def _read(self, account: Account, asked: Mapping[str, str], got: dict[str, str]) -> dict[str, str]:
        api_code = got.get("vnp_ResponseCode", "")
        if not _API_CODE.fullmatch(api_code):
            raise OutcomeUnknown("VNPAY's answer carries no code", reason="no_code")
        if api_code in API_REFUSED:
            raise ProviderRefused("VNPAY refuses the request itself", api_code=api_code)
        if api_code in API_SILENT:
            raise OutcomeUnknown("VNPAY did not answer the question", reason="api_code", api_code=api_code)
        canonical = canonical_pipe(got, SIGNED_ANSWER_FIELDS[asked["vnp_Command"]])
        if signing_key_id(active_keys(account), canonical, got.get("vnp_SecureHash", "")) is None:
            raise SignatureInvalid("VNPAY's answer is not signed by VNPAY", api_code=api_code)
        for name in ("vnp_TmnCode", "vnp_TxnRef"):
            if got.get(name, "") != asked[name]:
                raise OutcomeUnknown("VNPAY answers about something else", reason="other_payment", field=name)
        return got

    def fetch_statement(self, account: Account, business_on: date) -> tuple[str, bytes]:
        """Fetch the settlement workbook of a day: (file name, bytes); raises StatementUnavailable.

        From `statement_folder` when the account has one, else from `statement_url` (see README).
        """
        terminal = account.option("tmn_code")
        if not TERMINAL.fullmatch(terminal):
            raise ProviderRefused("tmn_code is not a terminal code", reason="tmn_code")
        name = f"VNPAYGATEWAY_{terminal}_{business_on:%Y%m%d}.xlsx"
        folder = str(account.options.get("statement_folder", ""))
        if folder:
            return name, _read_file(Path(folder) / name)
        if not account.options.get("statement_url"):
            raise StatementUnavailable("neither statement_folder nor statement_url is configured")
        return name, self._download(account, terminal, business_on)

    def _download(self, account: Account, terminal: str, business_on: date) -> bytes:
        day = f"{business_on:%Y%m%d}"
        stamp = str(int(self._clock.now().timestamp()))
        message = f"GET|{terminal}|{day}|{stamp}".encode("ascii")
        key = account.secrets["hash_secret"].reveal().encode("utf-8")
        try:
            answer = self._statements.send(
                "GET",
                f"{account.option('statement_url')}?tmn_code={terminal}&date={day}",
                headers={
                    "x-statement-timestamp": stamp,
                    "x-statement-signature": hmac.digest(key, message, hashlib.sha512).hex(),
                },
                allow_insecure_host=str(account.options.get("allow_insecure_host", "")),
                secrets=account.secrets.values(),
            )
        except (NotSent, OutcomeUnknown) as error:
            raise StatementUnavailable("the statement could not be fetched", **error.facts) from error
        if answer.status in (401, 403):
            raise ProviderRefused("the statement is refused to us", status=answer.status)
        if answer.status != 200:
            raise StatementUnavailable("there is no statement for that day yet", status=answer.status)
        return answer.body


def _read_file(path: Path) -> bytes:
    try:
        if path.stat().st_size > STATEMENT_LIMIT:
            raise StatementUnavailable("the statement file is larger than the limit", name=path.name)
        return path.read_bytes()
    except OSError as error:
        raise StatementUnavailable("there is no statement file for that day yet", name=path.name) from error


def _json_fields(answer: Answer) -> dict[str, str]:
    """Read a flat JSON object; raises OutcomeUnknown for any other answer.

    Numbers become their plain digits.
    """
    if answer.status != 200:
        raise OutcomeUnknown("VNPAY answered with an HTTP error", reason="http_status", status=answer.status)
    try:
        data: Any = json.loads(answer.body.decode("utf-8"), object_pairs_hook=_no_duplicates, parse_float=str)
    except (ValueError, RecursionError) as error:
        raise OutcomeUnknown("VNPAY's answer is no JSON", reason="not_json") from error
    if not isinstance(data, dict):
        raise OutcomeUnknown("VNPAY's answer is no JSON object", reason="not_an_object")
    return {name: _plain(value) for name, value in data.items()}


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("a member is given twice")
    return fields


def _plain(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise OutcomeUnknown("VNPAY's answer holds a value of a kind it never has", reason="odd_value")
    text = str(value)
    if not text.isascii() and any("\ud800" <= letter <= "\udfff" for letter in text):
        raise OutcomeUnknown("VNPAY's answer is not Unicode", reason="lone_surrogate")
    return text
