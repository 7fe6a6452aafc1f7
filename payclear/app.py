"""Assembles the application that the configuration names: providers, modules, subscribers, blueprints with their guards."""

from importlib.metadata import entry_points

from flask import Flask

from payclear.callbacks import api as callbacks
from payclear.contract.messages import Account
from payclear.contract.provider import Provider
from payclear.contract.registry import ProviderLine, ProviderRegistry
from payclear.db.engine import make_engine
from payclear.db.uow import Database
from payclear.kernel.clock import Clock, SystemClock
from payclear.kernel.problems import OperatorProblem
from payclear.kernel.settings import Settings
from payclear.runtime import Runtime, install
from payclear.security.blind_index import BlindIndex
from payclear.security.sealed import Sealer


class ConfigurationRefused(OperatorProblem):
    """A provider account or module is named that can not work; a plain sentence."""


def make_runtime(settings: Settings, *, url: str, clock: Clock | None = None) -> Runtime:
    """Make the tools of one process for a database address."""
    chosen = clock or SystemClock()
    return Runtime(
        settings=settings,
        clock=chosen,
        database=Database(make_engine(url, settings), chosen),
        providers=load_providers(settings),
        sealer=Sealer(settings.security.seal_keys, settings.security.seal_active),
        blind_index=BlindIndex(settings.security.index_secret),
    )


def load_providers(settings: Settings) -> ProviderRegistry:
    """Find the adapter of every enabled account; raises ConfigurationRefused with every problem at once."""
    adapters = {entry.name: entry for entry in entry_points(group="payclear.providers")}
    lines: dict[str, ProviderLine] = {}
    problems: list[str] = []
    for code, account_settings in settings.provider_accounts.items():
        if not account_settings.enabled:
            continue
        entry = adapters.get(account_settings.adapter)
        if entry is None:
            problems.append(f"Provider account {code} names the adapter {account_settings.adapter}: none is installed.")
            continue
        provider: Provider = entry.load()
        account = Account(
            code=code,
            adapter=account_settings.adapter,
            name_vi=account_settings.name_vi,
            name_en=account_settings.name_en,
            options=account_settings.options,
            secrets=account_settings.secrets,
        )
        problems += provider.account_problems(account)
        lines[code] = ProviderLine(
            account=account,
            provider=provider,
            cut_off=account_settings.cut_off,
            grace_business_days=account_settings.grace_business_days,
        )
    if problems:
        raise ConfigurationRefused(" ".join(problems))
    return ProviderRegistry(lines)


def create_app(runtime: Runtime) -> Flask:
    """Make the Flask application; every blueprint is registered beside the guard that protects it."""
    install(runtime)
    app = Flask("payclear", static_folder=None)
    app.register_blueprint(callbacks.blueprint)  # guarded by each provider's signature
    return app
