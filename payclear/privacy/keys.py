"""Change of the key-encryption key: rewraps data keys in small steps while others read and write; resumable at any point.

Called by `payclear keys`. What is sealed stays as it is; only the wrap of each data key changes.
"""

from dataclasses import dataclass
from typing import Any

from psycopg import sql

from payclear.db.uow import Database, UnitOfWork
from payclear.privacy import queries
from payclear.security.sealed import DataKey, Sealer

BATCH = 500


@dataclass(frozen=True, slots=True)
class KeyUse:
    """How many data keys of a table one key-encryption key wraps."""

    kek_id: str
    table: str
    rows: int


def key_tables(uow: UnitOfWork) -> dict[str, list[str]]:
    """Every table that keeps wrapped data keys, with the columns of its primary key."""
    return {name: columns for name, columns in uow.run(queries.KEY_TABLES)}


def uses(uow: UnitOfWork) -> list[KeyUse]:
    """How many data keys each key-encryption key wraps, per table."""
    found = []
    for table in key_tables(uow):
        counted = sql.SQL(
            "SELECT kek_id, count(*) FROM {} WHERE wrapped_key IS NOT NULL GROUP BY kek_id ORDER BY kek_id"
        ).format(sql.Identifier(table))
        found += [KeyUse(kek_id, table, rows) for kek_id, rows in uow.driver.execute(counted)]
    return found


def rotate(database: Database, sealer: Sealer, *, batch: int = BATCH) -> int:
    """Rewrap every data key that another than the active key wraps; how many. Each step is a transaction of its own.

    Rows that somebody holds are passed over and met in the next round; the work ends when a round finds none.
    """
    with database.begin() as uow:
        tables = key_tables(uow)
    done = 0
    for table, columns in tables.items():
        while rewrapped := _round(database, sealer, table, columns, batch):
            done += rewrapped
    return done


def _round(database: Database, sealer: Sealer, table: str, columns: list[str], batch: int) -> int:
    """Walk once through a table in the order of its key; how many were rewrapped."""
    done, last = 0, None
    while True:
        with database.begin() as uow:
            places = _step(uow, sealer, table, columns, batch, last)
            uow.commit()
        done += len(places)
        if len(places) < batch:
            return done
        last = places[-1]


def _step(
    uow: UnitOfWork, sealer: Sealer, table: str, columns: list[str], batch: int, last: list[Any] | None
) -> list[list[Any]]:
    """Rewrap one step of rows after `last`; the places of those rows."""
    names = sql.SQL(", ").join(sql.Identifier(name) for name in columns)
    chosen = sql.SQL(
        "SELECT {names}, data_key_id, kek_id, wrapped_key FROM {table} "
        "WHERE kek_id <> %s AND wrapped_key IS NOT NULL {after} ORDER BY {names} LIMIT %s "
        "FOR NO KEY UPDATE SKIP LOCKED"
    ).format(
        names=names,
        table=sql.Identifier(table),
        after=sql.SQL("")
        if last is None
        else sql.SQL("AND ({}) > ({})").format(names, sql.SQL(", ").join([sql.Placeholder()] * len(columns))),
    )
    rows = uow.driver.execute(chosen, (sealer.active, *(last or ()), batch)).fetchall()
    same = sql.SQL(" AND ").join(sql.SQL("{} = %s").format(sql.Identifier(name)) for name in columns)
    rewrite = sql.SQL("UPDATE {} SET kek_id = %s, wrapped_key = %s WHERE {}").format(
        sql.Identifier(table), same
    )
    changes = []
    for *place, key_id, kek_id, wrapped in rows:
        fresh = sealer.rewrap(DataKey(key_id, kek_id, bytes(wrapped)))
        changes.append((fresh.kek_id, fresh.wrapped, *place))
    with uow.driver.cursor() as cursor:
        cursor.executemany(rewrite, changes)
    return [list(place) for *place, _key_id, _kek_id, _wrapped in rows]
