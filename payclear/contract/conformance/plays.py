"""Plays the scenarios that need no books: one adapter, its account, the simulator's other side over HTTP.

Called by the suites: `play(scenario_id, bench, subject)` returns, or raises Failed with a sentence.
"""

from collections.abc import Mapping
from types import MappingProxyType

from payclear.contract.conformance import callbacks, collection, exchanges, refunds, statements
from payclear.contract.conformance.bench import Bench, Failed, Subject
from payclear.contract.conformance.exchanges import Play
from payclear.contract.errors import ProviderError


def play(scenario_id: str, bench: Bench, subject: Subject) -> None:
    """Play one scenario; raises Failed, KeyError for one that needs the books."""
    scenario = PLAYS[scenario_id]
    try:
        scenario(bench, subject)
    except ProviderError as error:
        raise Failed(f"the adapter raises {error.code} where it has no reason to: {error}") from error


PLAYS: Mapping[str, Play] = MappingProxyType(
    {**exchanges.PLAYS, **refunds.PLAYS, **callbacks.PLAYS, **collection.PLAYS, **statements.PLAYS}
)
