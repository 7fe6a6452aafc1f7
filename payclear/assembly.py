"""Puts together what the configuration names: adapters, plug-in modules, subscribers of facts, the clock's ticks.

Every process role starts here; `app` adds the web to it, `processes` the worker and the scheduler.
"""

from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, EntryPoints, entry_points

import payclear.audit.jobs
import payclear.callbacks.jobs
import payclear.checkout.rules
import payclear.obligations.batches.jobs
import payclear.opendata.jobs
import payclear.operations.jobs
import payclear.orders.jobs
import payclear.orders.withdrawing
import payclear.privacy.jobs
import payclear.receipts.jobs
import payclear.refunds.jobs
import payclear.webhooks.jobs  # noqa: F401  (jobs and checks are declared when their module is imported)
from payclear.contract.messages import Account
from payclear.contract.modules import Module, ModuleRegistry
from payclear.contract.provider import Provider
from payclear.contract.registry import ProviderLine, ProviderRegistry
from payclear.contract.version import refusal_of
from payclear.db.engine import make_engine
from payclear.db.uow import Database
from payclear.i18n.texts import register_texts
from payclear.identity.domain import InvalidNetwork, read_networks
from payclear.jobs.clock import Tick
from payclear.kernel.clock import Clock, SystemClock
from payclear.kernel.problems import OperatorProblem
from payclear.kernel.settings import Settings
from payclear.receipts import handlers as receipts
from payclear.runtime import Runtime, install
from payclear.security.blind_index import BlindIndex
from payclear.security.keyring import KeyUnusable
from payclear.security.sealed import Sealer
from payclear.security.signatures import Ed25519Signer
from payclear.webhooks import handlers as webhooks

COUNT_CALLS_EVERY_S = 600


class ConfigurationRefused(OperatorProblem):
    """A provider account or module is named that can not work; a plain sentence."""


@dataclass(frozen=True, slots=True)
class Assembly:
    """One process, put together."""

    runtime: Runtime
    modules: ModuleRegistry

    @property
    def ticks(self) -> list[Tick]:
        """Every periodic job, the core's first."""
        return [*core_ticks(self.runtime.settings), *self.modules.ticks]


def assemble(runtime: Runtime) -> Assembly:
    """Install the tools of this process, subscribe those who listen, and load the modules."""
    install(runtime)
    webhooks.register()
    receipts.register()
    return Assembly(runtime, load_modules(runtime.settings))


def core_ticks(settings: Settings) -> list[Tick]:
    """The periodic jobs of the core with their periods from the settings."""
    every = settings.scheduler
    return [
        Tick(job="orders.query_due", every_s=every.query_every_s),
        Tick(job="orders.expire_due", every_s=every.expire_every_s),
        Tick(job="refunds.send_due", every_s=every.query_every_s),
        Tick(job="refunds.query_due", every_s=every.query_every_s),
        Tick(job="callbacks.retry_due", every_s=every.drain_every_s),
        Tick(job="webhooks.drain", every_s=every.drain_every_s),
        Tick(job="decisions.take_due", every_s=every.expire_every_s),
        Tick(job="receipts.issue", every_s=every.drain_every_s),
        Tick(job="audit.seal", every_s=every.seal_every_s),
        Tick(job="audit.seal_whole_trail", at=("00:40",)),
        Tick(job="operations.count_calls", every_s=COUNT_CALLS_EVERY_S),
        Tick(job="operations.tidy", at=("03:30",)),
        Tick(job="opendata.publish", at=("00:50",)),
        Tick(job="privacy.retain", at=("03:10",)),
    ]


def make_runtime(settings: Settings, *, url: str, clock: Clock | None = None) -> Runtime:
    """Make the tools of one process for a database address; raises ConfigurationRefused."""
    _require_signing_key(settings)
    chosen = clock or SystemClock()
    return Runtime(
        settings=settings,
        clock=chosen,
        database=Database(make_engine(url, settings), chosen),
        providers=load_providers(settings),
        sealer=Sealer(settings.security.seal_keys, settings.security.seal_active),
        blind_index=BlindIndex(settings.security.index_secret),
    )


def _require_signing_key(settings: Settings) -> None:
    """A key that can not sign is found now, not in the night when the trail is sealed."""
    try:
        Ed25519Signer.from_pem(settings.security.audit_signing_key)
    except KeyUnusable as error:
        raise ConfigurationRefused(
            "security.audit_signing_key is no Ed25519 private key in PEM: make one with "
            "'openssl genpkey -algorithm ed25519'."
        ) from error


def load_providers(settings: Settings) -> ProviderRegistry:
    """Find the adapter of every enabled account; raises ConfigurationRefused with every problem at once."""
    installed = entry_points(group="payclear.providers")
    lines: dict[str, ProviderLine] = {}
    problems: list[str] = []
    for code, named in settings.provider_accounts.items():
        if not named.enabled:
            continue
        try:
            provider = _load_adapter(installed, named.adapter)
        except ConfigurationRefused as refused:
            problems.append(f"Provider account {code} names the adapter {named.adapter}: {refused}")
            continue
        account = Account(
            code=code,
            adapter=named.adapter,
            name_vi=named.name_vi,
            name_en=named.name_en,
            options=named.options,
            secrets=named.secrets,
        )
        problems += provider.account_problems(account)
        networks = str(account.options.get("allowed_networks", ""))
        try:
            allowed_networks = tuple(read_networks(networks.split(",") if networks.strip() else ()))
        except InvalidNetwork:
            problems.append(f"Provider account {code}: options.allowed_networks has what is no network.")
            continue
        if settings.is_production and account.options.get("allow_insecure_host"):
            problems.append(f"Provider account {code} may not reach an insecure host in production.")
        lines[code] = ProviderLine(
            account=account,
            provider=provider,
            cut_off=named.cut_off,
            grace_business_days=named.grace_business_days,
            allowed_networks=allowed_networks,
        )
    if problems:
        raise ConfigurationRefused(" ".join(problems))
    return ProviderRegistry(lines)


def _load_adapter(installed: EntryPoints, name: str) -> Provider:
    """The adapter of a name, whichever wheel brings it; raises ConfigurationRefused with a sentence, never a traceback."""
    found = {(entry.value, _wheel_of(entry)): entry for entry in installed.select(name=name)}
    if not found:
        raise ConfigurationRefused("none is installed.")
    if len(found) > 1:
        wheels = " and ".join(sorted(wheel for _, wheel in found))
        raise ConfigurationRefused(f"it comes with {wheels}; uninstall one of them.")
    (entry,) = found.values()
    brought = f"the one that comes with {_wheel_of(entry)}"
    try:
        provider = entry.load()
    except Exception as error:  # whatever a stranger's wheel does when it is imported
        said = " ".join(str(error).split())[:300]
        raise ConfigurationRefused(
            f"{brought} can not be loaded ({type(error).__name__}: {said})."
        ) from error
    if not isinstance(provider, Provider):
        raise ConfigurationRefused(f"{brought} is no payclear.contract.provider.Provider.")
    refusal = refusal_of(provider.manifest.contract)
    if refusal:
        raise ConfigurationRefused(f"{brought} {refusal}.")
    if provider.name != name:
        raise ConfigurationRefused(f"{brought} calls itself {provider.name} in its manifest.")
    return provider


def _wheel_of(entry: EntryPoint) -> str:
    return f"{entry.dist.name} {entry.dist.version}" if entry.dist else entry.value


@cache
def _modules() -> tuple[Module, ...]:
    found = sorted(entry_points(group="payclear.modules"), key=lambda entry: entry.name)
    return tuple(entry.load() for entry in found)


def load_modules(settings: Settings) -> ModuleRegistry:
    """Let every installed module add what it brings."""
    registry = ModuleRegistry()
    for module in _modules():
        module.register(registry, settings)
    for path in registry.texts:
        register_texts(path)
    return registry
