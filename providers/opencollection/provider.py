"""What the messages of our open collection API mean in payclear's words. Called by the core through the contract; stateless.

The bank calls first; nothing here talks to the network but the fetching of its day file.
"""

import re
from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from pathlib import Path

from payclear.contract.collection import CollectionAnswer, CollectionCall
from payclear.contract.errors import CallbackMalformed, SignatureInvalid
from payclear.contract.manifest import load_manifest
from payclear.contract.messages import (
    Account,
    Acknowledgement,
    InboundRequest,
    ParsedStatement,
    StatementFile,
)
from payclear.contract.provider import Provider
from payclear.kernel.clock import Clock, SystemClock
from payclear.security.http_signatures import (
    CONTENT_DIGEST,
    SIGNATURE,
    Demand,
    HttpRequest,
    HttpResponse,
    HttpSignatureInvalid,
    VerifyingKey,
    content_digest,
    covered_value,
    sign,
    verify,
    verifying_key,
)
from payclear.security.keyring import KeyUnusable
from payclear.security.signatures import Ed25519Signer
from providers.collection_drop import take_day_file
from providers.opencollection import mapping, statement
from providers.statement_drop import statement_transport
from providers.transport import Transport
from providers.wire import empty_secret_problems, json_object, url_problems

BODY_LIMIT = 16_384
REQUEST_TAG = "payclear-collection"
REPLY_TAG = "payclear-collection-reply"
REQUEST_COVERS = ('"@method"', '"@authority"', '"@path"', '"content-digest"', '"content-type"')

_DEMAND = Demand(
    components=frozenset(REQUEST_COVERS), tag=REQUEST_TAG, nonce=re.compile(r"[A-Za-z0-9_-]{8,64}")
)
_BILLER = re.compile(r"[A-Za-z0-9-]{1,40}")
_KEY_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


class OpenCollectionProvider(Provider):
    """Banks collect for us by our own protocol: signed JSON both ways (RFC 9421), a day file."""

    manifest = load_manifest(Path(__file__).with_name("manifest.toml"))

    def __init__(self, transport: Transport | None = None, clock: Clock | None = None) -> None:
        self._transport = transport or statement_transport()
        self._clock = clock or SystemClock()

    def account_problems(self, account: Account) -> list[str]:
        """What is missing or wrong in the account's configuration, in plain sentences."""
        problems = super().account_problems(account)
        if problems:
            return problems
        if not _BILLER.fullmatch(account.option("biller_id")):
            problems.append(f"provider account {account.code}: option biller_id can not stand in a file name")
        problems += [
            f"provider account {account.code}: option {name} is not a key name"
            for name in ("bank_key_id", "bank_key_id_previous", "reply_key_id")
            if not _KEY_ID.fullmatch(str(account.options.get(name, "-")))
        ]
        if account.options.get("bank_key_id_previous") == account.option("bank_key_id"):
            problems.append(f"provider account {account.code}: both keys of the bank have the same name")
        try:
            bank_keys(account)
            _reply_signer(account)
        except KeyUnusable as error:
            problems.append(f"provider account {account.code}: {error}")
        problems += empty_secret_problems(account, self.manifest.required_secrets)
        return problems + url_problems(account, ("statement_url",))

    def merchant_account(self, account: Account) -> str:
        """Our number at the bank."""
        return account.option("biller_id")

    def read_collection(self, account: Account, request: InboundRequest) -> tuple[CollectionCall, ...]:
        """Verify and read one message; raises SignatureInvalid or CallbackMalformed and nothing else."""
        if len(request.body) > BODY_LIMIT:
            raise CallbackMalformed("the message is too long", reason="too_long")
        try:
            verify(
                _signed(account, request),
                request.body,
                keys=bank_keys(account),
                demand=_DEMAND,
                now=request.received_at,
            )
        except HttpSignatureInvalid as error:
            raise SignatureInvalid("the message is not signed by the bank", **error.facts) from error
        operation = mapping.operation_of(request.path, account.code)
        media_type = request.headers["content-type"].partition(";")[0].strip().lower()
        if operation is None or request.method != "POST" or request.query_string:
            raise CallbackMalformed("no such operation", reason="operation")
        if media_type != mapping.JSON:
            raise CallbackMalformed("the message is JSON", reason="content_type")
        return (
            mapping.read_call(operation, json_object(request.body, CallbackMalformed), request.received_at),
        )

    def answer_collection(
        self, account: Account, request: InboundRequest, answers: tuple[CollectionAnswer, ...]
    ) -> Acknowledgement:
        """The reply, signed and bound to the very message that it answers."""
        (answer,) = answers
        status, media_type, body = mapping.reply_of(answer)
        fields = {"content-type": media_type, CONTENT_DIGEST: content_digest(body)}
        asked = _signed(account, request)
        covers = ['"@status"', '"content-digest"', '"content-type"', *_can_be_covered(asked)]
        signature = sign(
            HttpResponse(status=status, fields=fields, request=asked),
            components=covers,
            signer=_reply_signer(account),
            key_id=account.option("reply_key_id"),
            created=request.received_at,
            tag=REPLY_TAG,
            label="reply",
        )
        headers = {CONTENT_DIGEST: fields[CONTENT_DIGEST]} | signature
        return Acknowledgement(status=status, content_type=media_type, body=body, headers=headers)

    def fetch_statement(self, account: Account, business_on: date) -> StatementFile:
        """Take the bank's day file from the folder or address of the account; raises StatementUnavailable."""
        return take_day_file(
            account,
            self._transport,
            self._clock,
            biller_id=account.option("biller_id"),
            business_on=business_on,
        )

    def parse_statement(self, account: Account, file: StatementFile) -> ParsedStatement:
        """Read a day file; never raises, whatever the bytes."""
        return statement.parse(file.content)


def bank_keys(account: Account) -> Mapping[str, VerifyingKey]:
    """The bank's keys by name: the present one and, while it overlaps, the previous one. Raises KeyUnusable."""
    keys = {account.option("bank_key_id"): _loaded(account.option("bank_public_key"))}
    if account.options.get("bank_key_id_previous"):
        keys[account.option("bank_key_id_previous")] = _loaded(
            str(account.options.get("bank_public_key_previous", ""))
        )
    return keys


def _reply_signer(account: Account) -> Ed25519Signer:
    return Ed25519Signer.from_pem(account.secrets["reply_key"])


def _signed(account: Account, request: InboundRequest) -> HttpRequest:
    """The message as its signature sees it. `authority`, if configured, is the host that banks call, whatever a proxy says."""
    return HttpRequest(
        method=request.method,
        authority=str(account.options.get("authority", "")) or request.headers.get("host", ""),
        path=request.path,
        query=request.query_string.decode("latin-1"),
        fields=request.headers,
    )


def _can_be_covered(asked: HttpRequest) -> list[str]:
    """The parts of a message that bind a reply to it; one that is missing or odd, as in a forged message, is left out."""
    return [
        f'"{name}";req'
        for name in ("@method", "@authority", "@path", CONTENT_DIGEST, SIGNATURE)
        if covered_value(asked, name)
    ]


@lru_cache(maxsize=64)
def _loaded(pem: str) -> VerifyingKey:
    return verifying_key(pem)


provider = OpenCollectionProvider()
