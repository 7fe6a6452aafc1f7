"""An account of the open collection API, and messages signed for it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from payclear.contract.messages import Account, InboundRequest
from payclear.kernel.secret import Secret
from payclear.security.http_signatures import HttpRequest, content_digest, sign
from payclear.security.signatures import Ed25519Signer
from providers.opencollection.provider import REQUEST_COVERS, REQUEST_TAG

NOW = datetime(2026, 11, 21, 3, 30, tzinfo=UTC)
BANK = Ed25519Signer.generate()
BANK_BEFORE = Ed25519Signer.generate()
OURS = Ed25519Signer.generate()
HOST = "clearing.example.vn"


def account(options: Mapping[str, Any] | None = None, secrets: Mapping[str, str] | None = None) -> Account:
    """An account whose key is being changed: the previous one still holds."""
    return Account(
        code="bank-x",
        adapter="opencollection",
        name_vi="Ngân hàng X",
        name_en="Bank X",
        options={
            "biller_id": "BILLER-1",
            "bank_key_id": "key-2",
            "bank_public_key": BANK.public_pem,
            "bank_key_id_previous": "key-1",
            "bank_public_key_previous": BANK_BEFORE.public_pem,
            "reply_key_id": "ours-1",
        }
        | dict(options or {}),
        secrets={"reply_key": OURS.private_pem, "statement_key": Secret("statement-key")}
        | {name: Secret(value) for name, value in (secrets or {}).items()},
    )


def inbound(
    operation: str,
    body: bytes,
    *,
    signer: Ed25519Signer = BANK,
    key_id: str = "key-2",
    host: str = HOST,
    content_type: str = "application/json",
    query_string: bytes = b"",
    received_at: datetime = NOW,
) -> InboundRequest:
    """A signed message as it arrives."""
    path = f"/collection/bank-x/{operation}"
    fields = {"host": host, "content-type": content_type, "content-digest": content_digest(body)}
    message = HttpRequest(method="POST", authority=host, path=path, fields=fields)
    fields |= sign(
        message,
        components=REQUEST_COVERS,
        signer=signer,
        key_id=key_id,
        created=NOW,
        tag=REQUEST_TAG,
        nonce="nonce-0001",
    )
    return InboundRequest(
        method="POST",
        path=path,
        query_string=query_string,
        headers=fields,
        body=body,
        received_at=received_at,
    )
