"""OnePay's wire: signed queryDR, delivery of the settlement file. Called by provider.py only.

It verifies every answer before handing it on and decides nothing about payments.
"""

from collections.abc import Mapping
from datetime import date

from payclear.contract.errors import OutcomeUnknown, SignatureInvalid
from payclear.contract.messages import Account
from payclear.kernel.clock import Clock, SystemClock
from payclear.kernel.secret import Secret
from providers.onepay import mapping
from providers.statement_drop import statement_transport, take_statement
from providers.transport import Transport


def active_keys(account: Account) -> dict[str, Secret]:
    """The keys that may have signed what OnePay sends: the present one, and the previous one while it overlaps."""
    names = ("hash_secret", "hash_secret_previous")
    return {name: account.secrets[name] for name in names if account.secrets.get(name)}


class OnepayClient:
    """Speaks to OnePay's query interface for one account at a time; keeps nothing between calls."""

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

    def query(self, account: Account, fields: Mapping[str, str]) -> dict[str, str]:
        """Ask queryDR; return the answer's fields, verified, of our merchant and our reference.

        Raises OutcomeUnknown for everything that is not a readable answer about this payment, SignatureInvalid when
        the answer's signature does not hold.
        """
        answer = self._transport.send(
            "POST",
            account.option("query_url"),
            headers={"Content-Type": "application/x-www-form-urlencoded"},
            body=mapping.signed_query(fields, account.secrets["hash_secret"]).encode("ascii"),
            allow_insecure_host=str(account.options.get("allow_insecure_host", "")),
            secrets=account.secrets.values(),
        )
        if answer.status != 200:
            raise OutcomeUnknown(
                "OnePay answered with an HTTP error", reason="http_status", status=answer.status
            )
        got = mapping.read_message(answer.body.strip(), OutcomeUnknown)
        if got.get("vpc_DRExists") not in ("Y", "N"):
            raise OutcomeUnknown(
                "OnePay's answer does not say whether it knows the payment", reason="no_answer"
            )
        if mapping.signing_key_id(active_keys(account), got) is None:
            raise SignatureInvalid("OnePay's answer is not signed by OnePay")
        known = got["vpc_DRExists"] == "Y"
        for name in ("vpc_Merchant", "vpc_MerchTxnRef"):
            if got.get(name, "") != fields[name] and (known or got.get(name)):
                raise OutcomeUnknown(
                    "OnePay answers about something else", reason="other_payment", field=name
                )
        return got

    def fetch_statement(self, account: Account, business_on: date) -> tuple[str, bytes]:
        """Fetch the settlement workbook of a day: (file name, bytes); raises StatementUnavailable."""
        merchant, day = account.option("merchant"), f"{business_on:%Y%m%d}"
        name = f"ONEPAY_{merchant}_{day}.xlsx"
        content = take_statement(
            account,
            self._statements,
            self._clock,
            name=name,
            asked={"merchant": merchant, "date": day},
            key=account.secrets["hash_secret"],
        )
        return name, content
