"""The platform's wire: signed INIT, QUERY and GET_BILL. Called by provider.py only; decides nothing about payments.

It unwraps the envelope of a provincial LGSP and never believes an address of another house.
"""

import json
from collections.abc import Mapping
from typing import Any

from payclear.contract.errors import OutcomeUnknown, SignatureInvalid
from payclear.contract.messages import Account
from payclear.kernel.secret import Secret
from providers.paymentplatform import mapping
from providers.transport import Answer, Transport
from providers.wire import answer_object

RECEIPT_LIMIT = 8 << 20


def active_keys(account: Account) -> dict[str, Secret]:
    """The keys that may have signed what the platform sends: the present one and, while it overlaps, the previous."""
    names = ("hash_secret", "hash_secret_previous")
    return {name: account.secrets[name] for name in names if account.secrets.get(name)}


class PaymentPlatformClient:
    """Speaks to the platform for one account at a time; keeps nothing between calls."""

    def __init__(self, transport: Transport | None = None, *, receipts: Transport | None = None) -> None:
        self._transport = transport or Transport()
        self._receipts = receipts or Transport(
            read_timeout_s=20.0, total_deadline_s=30.0, body_limit=RECEIPT_LIMIT
        )

    def init(self, account: Account, fields: Mapping[str, str], block: Mapping[str, Any]) -> dict[str, str]:
        """Send INIT with the receipt block; the answer's fields, of which none is signed."""
        answer = self._send(self._transport, account, fields, {"ThongTinBienLai": dict(block)})
        return self._about_us(account, fields, _fields(_unwrapped(answer)))

    def query(self, account: Account, fields: Mapping[str, str]) -> dict[str, str]:
        """Send QUERY; the answer's fields, verified over those of CONFIRM.

        Raises SignatureInvalid, or OutcomeUnknown for everything that is not a readable answer about this payment.
        """
        got = _fields(_unwrapped(self._send(self._transport, account, fields, {})))
        if not got.get("MaLoi"):
            raise OutcomeUnknown("the platform's answer carries no code", reason="no_code")
        if mapping.signing_key_id(active_keys(account), got, "CONFIRM") is None:
            raise SignatureInvalid("the answer is not signed by the platform")
        return self._about_us(account, fields, got)

    def get_bill(self, account: Account, fields: Mapping[str, str]) -> bytes | dict[str, str]:
        """Send GET_BILL; the receipt as PDF bytes, or the answer's fields."""
        answer = self._send(self._receipts, account, fields, {})
        if answer.status == 200 and answer.body.startswith(b"%PDF-"):
            return answer.body
        return self._about_us(account, fields, _fields(_unwrapped(answer)))

    def _send(
        self, transport: Transport, account: Account, fields: Mapping[str, str], more: Mapping[str, Any]
    ) -> Answer:
        text = mapping.canonical(fields, fields["LoaiBanTin"])
        signed = {**fields, mapping.SIGNATURE: mapping.sign(account.secrets["hash_secret"], text), **more}
        headers = {"Content-Type": "application/json; charset=utf-8"}
        if account.secrets.get("access_token"):
            headers["Authorization"] = f"Bearer {account.secrets['access_token'].reveal()}"
        return transport.send(
            "POST",
            account.option("api_url"),
            headers=headers,
            body=json.dumps(signed, ensure_ascii=False).encode("utf-8"),
            allow_insecure_host=str(account.options.get("allow_insecure_host", "")),
            secrets=account.secrets.values(),
        )

    def _about_us(self, account: Account, asked: Mapping[str, str], got: dict[str, str]) -> dict[str, str]:
        for name in ("MaDoiTac", "MaThamChieu"):
            if got.get(name, asked[name]) != asked[name]:
                raise OutcomeUnknown(
                    "the platform answers about something else", reason="other_payment", field=name
                )
        return got


def _unwrapped(answer: Answer) -> bytes:
    """The platform's own message; an LGSP puts it as text into `{"error_code": "0", "message": …}`."""
    data = answer_object(answer)
    if "MaLoi" in data or "error_code" not in data:
        return answer.body
    message = data.get("message")
    if str(data["error_code"]) != "0" or not isinstance(message, str):
        raise OutcomeUnknown("the LGSP did not pass the answer on", reason="lgsp")
    return message.encode("utf-8", "replace")


def _fields(body: bytes) -> dict[str, str]:
    return mapping.flat_fields(body, OutcomeUnknown)
