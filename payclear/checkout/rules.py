"""Loads routing rules and service fees after the static check, and checks those that are in force. For operators.

Called by `payclear routing` and by the demonstration. Nothing is loaded that the check refuses.
"""

from collections.abc import Sequence
from pathlib import Path

from payclear.catalogue.domain import Method
from payclear.catalogue.files import load_catalogue
from payclear.catalogue.final_checks import register_final_check
from payclear.catalogue.service import agency_codes, fee_programmes, procedure_codes, routing_rules
from payclear.checkout.routing import is_online, method_of
from payclear.checkout.rule_check import AccountFacts, Known, Problem, check
from payclear.db.uow import UnitOfWork
from payclear.identity.activation import portals
from payclear.kernel.problems import OperatorProblem
from payclear.obligations.domain import ObligationKind
from payclear.runtime import Runtime, current


class RulesRefused(OperatorProblem):
    """The rules contradict each other or can not work; every reason in plain sentences."""


def check_rules(runtime: Runtime, uow: UnitOfWork) -> list[Problem]:
    """What is wrong with the rules and fee programmes in the catalogue, what stops them first."""
    return check(routing_rules(uow), fee_programmes(uow), _known(runtime, uow))


def _sentences(uow: UnitOfWork) -> list[str]:
    return [problem.sentence for problem in check_rules(current(), uow) if not problem.is_warning]


register_final_check(("routing_rule", "service_fee_programme"), _sentences)


def load_rules(runtime: Runtime, uow: UnitOfWork, paths: Sequence[Path]) -> list[Problem]:
    """Put the rules of files into the catalogue; returns warnings. Raises CatalogueRefused or RulesRefused."""
    if runtime.settings.is_production and (routing_rules(uow) or fee_programmes(uow)):
        raise RulesRefused(
            "There are rules already: in production two people change them at /console/catalogue."
        )
    for path in paths:
        load_catalogue(uow, path)
    problems = check_rules(runtime, uow)
    errors = [problem.sentence for problem in problems if not problem.is_warning]
    if errors:
        raise RulesRefused("Nothing was loaded. " + " ".join(errors))
    return problems


def _known(runtime: Runtime, uow: UnitOfWork) -> Known:
    return Known(
        accounts=[_account(runtime, code) for code in runtime.settings.provider_accounts],
        kinds=tuple(ObligationKind),
        agencies=agency_codes(uow),
        portals=[portal.code for portal in portals(uow)],
        procedures=procedure_codes(uow),
    )


def _account(runtime: Runtime, code: str) -> AccountFacts:
    if code not in runtime.providers:
        return AccountFacts(code=code, method=Method.BANK, amount_min=0, amount_max=0, is_offerable=False)
    manifest = runtime.providers.get(code).provider.manifest
    return AccountFacts(
        code=code,
        method=method_of(manifest),
        amount_min=manifest.amount_min,
        amount_max=manifest.amount_max,
        is_offerable=is_online(manifest),
    )
