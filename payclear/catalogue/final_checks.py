"""Checks of whole tables that only a feature above can make, such as routing rules that contradict each other.

A feature registers its check at import; `changes` asks it when a change that touches its tables has been tried.
"""

from collections.abc import Callable, Iterable, Sequence

from payclear.db.uow import UnitOfWork

Check = Callable[[UnitOfWork], Sequence[str]]

_checks: dict[str, Check] = {}


def register_final_check(tables: Iterable[str], check: Check) -> None:
    """Ask `check` after a change of any of these tables: it answers sentences, none when they fit together."""
    _checks.update(dict.fromkeys(tables, check))


def sentences_of(uow: UnitOfWork, tables: Iterable[str]) -> list[str]:
    """What the checks of these tables say, each asked once."""
    asked = dict.fromkeys(_checks[table] for table in tables if table in _checks)
    return [sentence for check in asked for sentence in check(uow)]
