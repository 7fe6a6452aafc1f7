"""NgânLượng's wire: parameters in the query of a POST, an XML answer. Called by provider.py only; decides nothing."""

from collections.abc import Mapping

from payclear.contract.errors import OutcomeUnknown
from payclear.contract.messages import Account
from payclear.kernel.secret import Secret
from providers.nganluong import mapping
from providers.transport import Transport


class NganLuongClient:
    """Speaks to NgânLượng for one account at a time; keeps nothing between calls."""

    def __init__(self, transport: Transport | None = None) -> None:
        self._transport = transport or Transport()

    def call(self, account: Account, fields: Mapping[str, str]) -> dict[str, str]:
        """Send one function; the fields of its answer. Raises OutcomeUnknown for what is no readable answer.

        The query carries the merchant password, so it is never logged: the transport logs paths only.
        """
        password = Secret(mapping.merchant_password(account.secrets["merchant_secret"]))
        answer = self._transport.send(
            "POST",
            f"{account.option('api_url')}?{mapping.query_text(fields)}",
            allow_insecure_host=str(account.options.get("allow_insecure_host", "")),
            secrets=(*account.secrets.values(), password),
        )
        if answer.status != 200:
            raise OutcomeUnknown("an HTTP error was answered", reason="http_status", status=answer.status)
        return mapping.read_result(answer.body)
