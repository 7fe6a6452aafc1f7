"""Links that open one document for a while, and the order that a visitor makes or joins through one. Never commits.

Called by `pages`. A token is random, kept as a digest, and says nothing of a person; whoever holds it may see and do
what its purpose allows, until it ends.
"""

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from payclear.audit.service import record
from payclear.db.uow import UnitOfWork
from payclear.kernel.ids import is_token, new_token, new_uuid, public_id
from payclear.lookup import queries
from payclear.lookup.domain import PAYER_LASTS, RESULT_LASTS, LinkPurpose
from payclear.lookup.records import LinkEnded, LinkRow, LinkUnknown, MadeLink
from payclear.obligations import service as obligations
from payclear.orders.domain import PublicStatus
from payclear.orders.errors import ObligationInOrder
from payclear.orders.records import OrderView
from payclear.orders.service import CreateOrder, create_order, get_by_id, live_order_of
from payclear.orders.suspense import ended_order_with_money

PREFIX: Final = "lkp"
_LASTS: Final = {LinkPurpose.RESULT: RESULT_LASTS, LinkPurpose.PAYER: PAYER_LASTS}


@dataclass(frozen=True, slots=True, kw_only=True)
class PayThrough:
    """Where the citizen comes back to, and how the order speaks."""

    return_url: str
    locale: str
    expires_in: timedelta


def make_link(uow: UnitOfWork, obligation_id: UUID, purpose: LinkPurpose) -> MadeLink:
    """A link to one obligation; it ends by itself, a payer's can be taken back before."""
    token = new_token()
    values = {
        "id": new_uuid(),
        "token_digest": _digest(token),
        "obligation_id": obligation_id,
        "purpose": purpose,
        "at": uow.now,
        "expires_at": uow.now + _LASTS[purpose],
    }
    row = uow.rows(LinkRow, queries.ADD_LINK, values)[0]
    if purpose is LinkPurpose.PAYER:
        _audit(uow, "lookup_link.created", obligation_id, {"link": public_id(PREFIX, row.id)})
    return MadeLink(row=row, token=token, purpose=purpose)


def open_link(uow: UnitOfWork, token: str, purpose: LinkPurpose) -> LinkRow:
    """The link of a token; raises LinkUnknown, and LinkEnded for one whose time is over or that was taken back."""
    rows = uow.rows(LinkRow, queries.LINK, (_digest(token),)) if is_token(token) else []
    if not rows or rows[0].purpose != purpose:
        raise LinkUnknown("no such link")
    if uow.now >= rows[0].expires_at or rows[0].revoked_at is not None:
        raise LinkEnded("the link has ended")
    return rows[0]


def take_back(uow: UnitOfWork, obligation_id: UUID) -> int:
    """End every payer's link to an obligation; how many there were."""
    values = {"obligation_id": obligation_id, "at": uow.now}
    ended = uow.run(queries.REVOKE_LINKS, values).rowcount
    if ended:
        _audit(uow, "lookup_link.revoked", obligation_id, {"links": ended})
    return ended


def joinable_order(uow: UnitOfWork, obligation_id: UUID) -> OrderView | None:
    """The order, open or paid, that collects an obligation alone; None when it is free.

    Money that came late for one that ended comes before an open one: its page says that it is being looked at.
    Raises ObligationInOrder when that order collects other documents, too: who knows one may not see the others.
    """
    order = live_order_of(uow, obligation_id)
    if order is None or order.public_status is PublicStatus.OPEN:
        ended = ended_order_with_money(uow, [obligation_id])
        order = order if ended is None else get_by_id(uow, ended)
    if order is not None and any(each.obligation_id != obligation_id for each in order.documents):
        raise ObligationInOrder("it is paid together with other documents")
    return order


def order_through(uow: UnitOfWork, link: LinkRow, pay: PayThrough) -> OrderView:
    """The order to go to for the link's obligation, whoever made it, or a new one at the obligation's own portal.

    Raises what `create_order` raises: ObligationNotPayable, and ObligationInOrder when another was made at this moment
    or collects other documents, too.
    """
    order = joinable_order(uow, link.obligation_id)
    if order is not None:
        return order
    owed = obligations.find_many(uow, [link.obligation_id])[0]
    order = create_order(
        uow,
        CreateOrder(
            portal_code=owed.portal_code,
            portal_ref=f"lookup-{public_id(PREFIX, new_uuid())}",
            obligation_ids=(link.obligation_id,),
            return_url=pay.return_url,
            locale=pay.locale,
            expires_in=pay.expires_in,
            actor="lookup",
            actor_type="citizen",
        ),
    )
    uow.run(queries.ADD_ORDER, (order.id, link.id))
    return order


def _audit(uow: UnitOfWork, action: str, obligation_id: UUID, facts: dict[str, object]) -> None:
    record(
        uow,
        actor_type="citizen",
        actor="lookup",
        action=action,
        object_type="obligation",
        object_id=public_id("obl", obligation_id),
        facts=facts,
    )


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
