"""What the memo of a payment says: what is paid, our code and reference, and the number of the document where it is one.

Called when an attempt is sent to a provider. Banks cut the end of a memo, so the number stands last; what recognises the
payment stands before it. It must never carry personal data, nor the reference of another order.
"""

from collections.abc import Sequence
from datetime import date
from typing import Final

from payclear.i18n.memos import to_bank_memo
from payclear.kernel.ids import find_order_refs
from payclear.kernel.payment_code import find_payment_codes
from payclear.obligations.domain import ObligationKind
from payclear.obligations.rules.dossier_codes import DossierCode, parse_dossier_code
from payclear.orders.records import DocumentView, OrderView

MEMO_MAX: Final = 200
WORDS: Final = {
    ObligationKind.DOSSIER_FEE: "NOP PHI LE PHI",
    ObligationKind.TRAFFIC_FINE: "NOP PHAT VPHC",
    ObligationKind.HOUSEHOLD_HEALTH_INSURANCE: "NOP BHYT",
    ObligationKind.VOLUNTARY_SOCIAL_INSURANCE: "NOP BHXH",
    ObligationKind.TAX: "NOP THUE",
    ObligationKind.LAND_OBLIGATION: "NOP TIEN DAT",
    ObligationKind.CONTRIBUTION: "NOP DONG GOP",
}
SEVERAL_KINDS: Final = "NOP TIEN"


def memo_of(order: OrderView) -> str:
    """The memo of every attempt of an order; what costs nothing is not in it."""
    collected = {line.obligation_id for line in order.lines if line.amount.is_positive}
    documents = [document for document in order.documents if document.obligation_id in collected]
    return memo_for(documents, payment_code=order.payment_code, order_ref=order.order_ref)


def memo_for(documents: Sequence[DocumentView], *, payment_code: str, order_ref: str) -> str:
    """The memo of a payment for documents, in letters that every bank carries; the number only of a single one.

    A number that reads like a code or reference of ours is left out: nobody may be led to another order.
    """
    kinds = {ObligationKind(document.kind) for document in documents}
    words = WORDS[kinds.pop()] if len(kinds) == 1 else SEVERAL_KINDS
    plain = f"{words} {payment_code} {order_ref}"
    number = _number(documents[0]) if len(documents) == 1 else ""
    if not number:
        return plain
    whole = to_bank_memo(f"{plain} SO {number}", MEMO_MAX)
    names = (find_order_refs(whole), find_payment_codes(whole))
    return whole if names == ([order_ref], [payment_code]) else plain


def _number(document: DocumentView) -> str:
    """The number that a transfer names: of a decision (TT 18/2023/TT-BTC), of a dossier whose code is one.

    Numbers of notices may be made of a person's own, and a code that no format explains may hold anything.
    """
    if document.kind == ObligationKind.TRAFFIC_FINE:
        return document.document_no
    is_dossier = document.kind == ObligationKind.DOSSIER_FEE
    parsed = parse_dossier_code(document.document_no, today=date.max) if is_dossier else None
    return parsed.key if isinstance(parsed, DossierCode) else ""
