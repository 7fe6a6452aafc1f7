"""Takes the day file of a bank that collects for us from where it is delivered. Reads bytes and judges nothing.

Called by the adapters of collecting banks; docs/banks.md describes the file, `collection_sheet` reads it.
"""

from datetime import date

from payclear.contract.messages import Account, StatementFile
from payclear.kernel.clock import Clock
from payclear.kernel.secret import Secret
from providers.statement_drop import take_statement
from providers.transport import Transport


def take_day_file(
    account: Account, transport: Transport, clock: Clock, *, biller_id: str, business_on: date
) -> StatementFile:
    """The bank's file of a business day; raises StatementUnavailable, ProviderRefused."""
    name = f"COLLECTION_{biller_id}_{business_on:%Y%m%d}.csv"
    asked = {"biller_id": biller_id, "date": business_on.isoformat()}
    key = account.secrets.get("statement_key", Secret())
    content = take_statement(account, transport, clock, name=name, asked=asked, key=key)
    return StatementFile(name=name, content=content, media_type="text/csv", business_on=business_on)


def day_file_problems(account: Account) -> list[str]:
    """What is missing for fetching by address, in plain sentences."""
    if account.options.get("statement_url") and not account.secrets.get("statement_key"):
        return [f"provider account {account.code}: secret statement_key is missing for statement_url"]
    return []
