"""Opens the sealed names of obligors for features that show or pass them on; whoever calls masks, seals or audits them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from payclear.db.uow import UnitOfWork
from payclear.obligations import queries
from payclear.security.sealed import DataKey, Sealer


def obligor_names(uow: UnitOfWork, obligation_ids: Sequence[UUID], *, sealer: Sealer) -> dict[UUID, str]:
    """The name of the person or organisation that owes, by obligation."""
    return {
        obligation_id: sealer.open(
            sealed,
            data_key=DataKey(key_id, kek_id, wrapped),
            table="obligor",
            column="name",
            row=obligor_id,
        )
        for obligation_id, obligor_id, key_id, kek_id, wrapped, sealed in uow.run(
            queries.OBLIGOR_NAMES, (list(obligation_ids),)
        )
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Payer:
    """Who owes, in full; `id_no` is empty where the portal gave none, `procedure_code` where it is no dossier."""

    name: str = field(repr=False)
    id_no: str = field(repr=False)
    procedure_code: str


def payer_of(uow: UnitOfWork, obligation_id: UUID, *, sealer: Sealer) -> Payer:
    """Open name and identity number of who owes an obligation, for a receiver that the law gives them to."""
    row = uow.run(queries.PAYER, (obligation_id,)).fetchone()
    assert row is not None, "an obligation has its obligor"
    obligor_id, key_id, kek_id, wrapped, name, id_no, procedure_code = row

    def opened(sealed: bytes, column: str) -> str:
        key = DataKey(key_id, kek_id, wrapped)
        return sealer.open(sealed, data_key=key, table="obligor", column=column, row=obligor_id)

    return Payer(
        name=opened(name, "name"),
        id_no=opened(id_no, "id_no") if id_no is not None else "",
        procedure_code=procedure_code,
    )
