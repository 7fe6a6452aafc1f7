"""Song Hong's wire: the pay URL, the status query, the statement's delivery. Called by provider.py only; decides nothing."""

from datetime import date
from urllib.parse import urlencode

from payclear.contract.errors import OutcomeUnknown, SignatureInvalid
from payclear.contract.messages import Account, CheckoutRequest, StatusQuery
from payclear.kernel.clock import Clock, SystemClock
from payclear.kernel.secret import Secret
from providers.songhong.mapping import SIGNATURE, Message, key_of, mac, read_message
from providers.statement_drop import statement_transport, take_statement
from providers.transport import Transport


def active_keys(account: Account) -> dict[str, Secret]:
    """The present signing key, and the previous one while it overlaps."""
    names = ("signing_key", "signing_key_previous")
    return {name: account.secrets[name] for name in names if account.secrets.get(name)}


class SonghongClient:
    """Speaks to Song Hong for one account at a time; keeps nothing between calls."""

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

    def pay_url(self, account: Account, request: CheckoutRequest) -> str:
        """The signed address of the bank's page."""
        fields = {
            "merchant": account.option("merchant"),
            "ref": request.attempt_ref,
            "amount": str(request.amount.amount),
            "expires": str(int(request.expires_at.timestamp())),
            "back": request.return_url,
            "notify": request.callback_url,
        }
        signed = mac(account.secrets["signing_key"], "|".join(fields.values()).encode("utf-8"))
        return f"{account.option('pay_url')}?{urlencode({**fields, 'mac': signed})}"

    def query(self, account: Account, query: StatusQuery) -> Message | None:
        """What the bank says of a payment; None when it does not know it."""
        asked = f"{query.attempt_ref}|{query.request_id}".encode("ascii")
        answer = self._transport.send(
            "GET",
            f"{account.option('api_url')}/payments/{query.attempt_ref}?request={query.request_id}",
            headers={SIGNATURE: mac(account.secrets["signing_key"], asked)},
            allow_insecure_host=str(account.options.get("allow_insecure_host", "")),
            secrets=account.secrets.values(),
        )
        if answer.status != 200:
            raise OutcomeUnknown("the bank answered with an HTTP error", status=answer.status)
        if key_of(active_keys(account), answer.body, answer.headers.get(SIGNATURE, "")) is None:
            raise SignatureInvalid("the answer is not signed by the bank")
        got = read_message(answer.body, OutcomeUnknown)
        if (got.merchant, got.reference) != (account.option("merchant"), query.attempt_ref):
            raise OutcomeUnknown("the bank answers about something else", reason="other_payment")
        return None if got.status == "NONE" else got

    def fetch_statement(self, account: Account, business_on: date) -> tuple[str, bytes]:
        """The day's statement by name and bytes; raises StatementUnavailable."""
        name = f"SONGHONG_{account.option('merchant')}_{business_on:%Y%m%d}.csv"
        asked = {"merchant": account.option("merchant"), "date": f"{business_on:%Y%m%d}"}
        key = account.secrets["signing_key"]
        content = take_statement(account, self._statements, self._clock, name=name, asked=asked, key=key)
        return name, content
