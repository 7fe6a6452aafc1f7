"""How reconciliation joins payclear: ticks, checks, pages, command and texts. Found by its entry point."""

from pathlib import Path
from typing import Any

from payclear.contract.modules import ModuleRegistry
from payclear.jobs.clock import Tick
from reconciliation import jobs  # noqa: F401  (jobs are declared when their module is imported)
from reconciliation.closing.checks import CHECKS
from reconciliation.commands import reconcile
from reconciliation.pages import blueprint

CATCH_UP_EVERY_S = 3600


class ReconciliationModule:
    """The plug-in."""

    name = "reconciliation"

    def register(self, registry: ModuleRegistry, settings: Any) -> None:
        """Add what the module brings."""
        registry.add_tick(Tick(job="reconciliation.night", at=settings.scheduler.night_at))
        registry.add_tick(Tick(job="reconciliation.catch_up", every_s=CATCH_UP_EVERY_S))
        registry.add_checks(CHECKS)
        registry.add_console_blueprint(blueprint, "reconciliation.title", "/console/reconciliation")
        registry.add_command(reconcile)
        registry.add_texts(Path(__file__).with_name("texts.toml"))


module = ReconciliationModule()
