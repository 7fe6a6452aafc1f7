"""The sandbox's wire: signed JSON calls with signed answers. Called by provider.py only; decides nothing."""

import json
from collections.abc import Mapping
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
from providers.sandbox.mapping import signed_headers, signing_key_id
from providers.transport import Answer, Transport

STATEMENT_LIMIT = 64 << 20


def active_keys(account: Account) -> dict[str, Secret]:
    """The present signing key, and the previous one while it overlaps."""
    names = ("signing_key", "signing_key_previous")
    return {name: account.secrets[name] for name in names if account.secrets.get(name)}


class SandboxClient:
    """Speaks to the sandbox for one account at a time; keeps nothing between calls."""

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

    def call(self, account: Account, path: str, operation: str, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Send one operation; return the verified answer about our merchant and our attempt.

        Raises ProviderRefused for HTTP 400, SignatureInvalid for an answer that is not the sandbox's,
        OutcomeUnknown for every other answer that can not be read.
        """
        answer = self._send(self._transport, account, path, {"operation": operation, **fields})
        if answer.status == 400:
            raise ProviderRefused("the sandbox refuses the request itself")
        if answer.status != 200:
            raise OutcomeUnknown("the sandbox answered with an HTTP error", status=answer.status)
        got = _object(answer)
        if signing_key_id(active_keys(account), answer.headers, answer.body) is None:
            raise SignatureInvalid("the answer is not signed by the sandbox")
        for name in ("merchant_id", "attempt_ref"):
            if got.get(name) != ({"merchant_id": account.option("merchant_id"), **fields})[name]:
                raise OutcomeUnknown(
                    "the sandbox answers about something else", reason="other_payment", field=name
                )
        return got

    def fetch_statement(self, account: Account, on: str) -> bytes:
        """Fetch the CSV of a day; raises StatementUnavailable, SignatureInvalid."""
        try:
            answer = self._send(
                self._statements, account, "/statements", {"operation": "statement", "on": on}
            )
        except (NotSent, OutcomeUnknown) as error:
            raise StatementUnavailable("the statement could not be fetched", **error.facts) from error
        if answer.status != 200:
            raise StatementUnavailable("there is no statement for that day yet", status=answer.status)
        if signing_key_id(active_keys(account), answer.headers, answer.body) is None:
            raise SignatureInvalid("the statement is not signed by the sandbox")
        return answer.body

    def _send(self, transport: Transport, account: Account, path: str, fields: Mapping[str, Any]) -> Answer:
        body = json.dumps({"merchant_id": account.option("merchant_id"), **fields}).encode("utf-8")
        signed = signed_headers(account.secrets["signing_key"], body, self._clock.now())
        return transport.send(
            "POST",
            account.option("base_url").rstrip("/") + path,
            headers={"Content-Type": "application/json", **signed},
            body=body,
            allow_insecure_host=str(account.options.get("allow_insecure_host", "")),
            secrets=account.secrets.values(),
        )


def _object(answer: Answer) -> dict[str, Any]:
    try:
        data: Any = json.loads(answer.body.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise OutcomeUnknown("the sandbox's answer is no JSON", reason="not_json") from error
    if not isinstance(data, dict):
        raise OutcomeUnknown("the sandbox's answer is no JSON object", reason="not_an_object")
    return data
