"""Takes a provider's statement file from where it is delivered: a folder, or an HTTPS address of our own convention.

Called by the adapters whose provider delivers files by FTP or e-mail under contract. It reads bytes and judges
nothing; a file that is not there is StatementUnavailable.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlencode

from payclear.contract.errors import NotSent, OutcomeUnknown, ProviderRefused, StatementUnavailable
from payclear.contract.messages import Account
from payclear.kernel.clock import Clock
from payclear.kernel.secret import Secret
from providers.transport import Transport

STATEMENT_LIMIT = 64 << 20

_FILE_NAME = re.compile(r"[A-Za-z0-9_-]{1,100}\.[a-z]{3,4}")


def statement_transport() -> Transport:
    """A transport that is patient enough for a file."""
    return Transport(read_timeout_s=30.0, total_deadline_s=120.0, body_limit=STATEMENT_LIMIT)


def take_statement(
    account: Account, transport: Transport, clock: Clock, *, name: str, asked: Mapping[str, str], key: Secret
) -> bytes:
    """Read `statement_folder`/name, else GET `statement_url`?asked, signed with the account's key.

    The request carries `x-statement-timestamp` and `x-statement-signature`, the HMAC-SHA256 hex of
    `GET|query|timestamp`. Raises StatementUnavailable, ProviderRefused.
    """
    if not _FILE_NAME.fullmatch(name):
        raise ProviderRefused("the merchant account can not stand in a file name", reason="file_name")
    folder = str(account.options.get("statement_folder", ""))
    if folder:
        return _read_file(Path(folder) / name)
    url = str(account.options.get("statement_url", ""))
    if not url:
        raise StatementUnavailable("neither statement_folder nor statement_url is configured")
    query = urlencode(asked)
    stamp = str(int(clock.now().timestamp()))
    message = f"GET|{query}|{stamp}".encode("ascii")
    signature = hmac.digest(key.reveal().encode("utf-8"), message, hashlib.sha256).hex()
    try:
        answer = transport.send(
            "GET",
            f"{url}?{query}",
            headers={"x-statement-timestamp": stamp, "x-statement-signature": signature},
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
