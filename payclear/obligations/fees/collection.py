"""Where and when a dossier's fee is paid, as the catalogue says on a day: online, at a counter, or both (F25).

Read by the API, by routing and by the public pages. It is not fixed with the price: a procedure that is opened for online
payment is open for the dossiers that wait.
"""

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from payclear.catalogue.domain import CollectionMode, CollectionTiming
from payclear.db.uow import UnitOfWork
from payclear.obligations.fees import queries
from payclear.obligations.fees.facts import Collection


def collections(uow: UnitOfWork, obligation_ids: Sequence[UUID], on: date) -> dict[UUID, Collection]:
    """How obligations are collected on a day; what is for no dossier, or of an unknown procedure, is not in the answer."""
    found = uow.run(queries.COLLECTIONS, {"ids": list(obligation_ids), "on": on})
    return {id_: Collection(CollectionMode(mode), CollectionTiming(timing)) for id_, mode, timing in found}
