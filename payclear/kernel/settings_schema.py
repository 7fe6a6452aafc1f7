"""The shape of every setting: sections, types, limits and meanings.

Read by the loader, `payclear settings` and whoever takes a section.
It holds no default: those live in config/*.toml, and it reads nothing itself.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields
from types import MappingProxyType
from typing import Any, Final, get_type_hints

from payclear.kernel.secret import Secret

ENVIRONMENTS: Final = ("development", "test", "production")
TIME_OF_DAY: Final = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
HTTP_URL: Final = re.compile(r"https?://[^\s/?#]+(/[^\s]*)?")
RAW_PUBLIC_KEY: Final = re.compile(r"[A-Za-z0-9+/]{43}=")
ACCOUNT_CODE: Final = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


@dataclass(frozen=True, slots=True)
class Rule:
    """What a setting means and what its value must satisfy."""

    meaning: str
    example: str = ""
    required: bool = False
    choices: tuple[str, ...] = ()
    minimum: int | None = None
    maximum: int | None = None
    pattern: re.Pattern[str] | None = None
    minimum_length: int = 0


def setting(meaning: str, **limits: Any) -> Any:
    """Declare one setting; the limits are those of `Rule`."""
    return field(metadata={"rule": Rule(meaning, **limits)})


def rule_of(declared: Field[Any]) -> Rule:
    """The rule a settings field was declared with."""
    rule: Rule = declared.metadata["rule"]
    return rule


@dataclass(frozen=True, slots=True)
class DatabaseSettings:
    url: Secret = setting(
        "PostgreSQL of the application role; empty starts the embedded server in state_folder",
        example="postgresql+psycopg://payclear_app:…@db.example.vn/payclear",
    )
    owner_url: Secret = setting(
        "PostgreSQL of the owner role, for migrations only; empty means url, or the embedded server's owner",
        example="postgresql+psycopg://payclear_owner:…@db.example.vn/payclear",
    )
    pool_size: int = setting("connections one process keeps open at most", minimum=1, maximum=500)
    statement_timeout_ms: int = setting("a statement may take this long", minimum=100, maximum=600_000)
    synchronous_commit: str = setting(
        "when a commit counts as done; production takes on or remote_apply only",
        choices=("on", "remote_apply", "remote_write", "local", "off"),
    )
    state_folder: str = setting("where the embedded server keeps its data", example="var")


@dataclass(frozen=True, slots=True)
class WebSettings:
    host: str = setting("address the web server listens on", required=True)
    port: int = setting("port the web server listens on", minimum=0, maximum=65_535)
    workers: int = setting("web server processes", minimum=1, maximum=64)
    threads: int = setting("request threads of each web server process", minimum=1, maximum=256)
    public_url: str = setting("how citizens and providers reach this service", pattern=HTTP_URL)
    trusted_proxies: int = setting("how many reverse proxies stand in front", minimum=0, maximum=5)
    debug: bool = setting("show tracebacks in answers; refused in production")


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    concurrency: int = setting(
        "jobs one worker process runs at once, and as many status queries beside them", minimum=1, maximum=64
    )
    dead_after_s: int = setting(
        "seconds without a heartbeat after which a worker's jobs go to others", minimum=3, maximum=600
    )
    queues: tuple[str, ...] = setting("queues a worker takes from; empty means all")


@dataclass(frozen=True, slots=True)
class SchedulerSettings:
    night_at: tuple[str, ...] = setting(
        "times of day in Viet Nam when reconciliation of the day before starts", pattern=TIME_OF_DAY
    )
    query_every_s: int = setting("seconds between looks for attempts to query", minimum=1, maximum=3600)
    drain_every_s: int = setting("seconds between sweeps of the webhook outbox", minimum=1, maximum=3600)
    expire_every_s: int = setting("seconds between looks for orders to expire", minimum=1, maximum=3600)
    seal_every_s: int = setting("seconds between seals of the audit trail", minimum=1, maximum=3600)


@dataclass(frozen=True, slots=True)
class SecuritySettings:
    session_secret: Secret = setting("signs browser sessions", required=True, minimum_length=32)
    index_secret: Secret = setting(
        "keys the blind indexes that find a person without storing the name", required=True, minimum_length=32
    )
    seal_keys: Mapping[str, Secret] = setting(
        "keys that wrap personal data, id = base64 of 32 bytes; keep old ones until rewrapped",
        required=True,
        example="2026a=…,2027a=…",
    )
    seal_active: str = setting("id of the seal key that new data is wrapped with", required=True)
    audit_signing_key: Secret = setting("Ed25519 private key (PEM) for audit checkpoints", required=True)
    audit_previous_keys: tuple[str, ...] = setting(
        "public keys of earlier audit signing keys, base64 of 32 bytes each; their checkpoints stay valid",
        pattern=RAW_PUBLIC_KEY,
    )


@dataclass(frozen=True, slots=True)
class OrderSettings:
    default_expiry_minutes: int = setting(
        "how long an order stays payable when the portal does not say", minimum=1, maximum=129_600
    )
    attempt_minutes: int = setting("how long one attempt at a provider may take", minimum=1, maximum=1440)
    attempts_max: int = setting("attempts one order may have", minimum=1, maximum=50)
    resume_after_s: int = setting(
        "seconds after which a call to a provider that was cut off may be made again", minimum=1, maximum=600
    )


@dataclass(frozen=True, slots=True)
class ObligationSettings:
    portals_state_fees: bool = setting(
        "portals may state the lines of a dossier's fee while the catalogue does not know its procedure"
    )
    filing_days_max: int = setting(
        "how many days a dossier's filing date may lie back", minimum=30, maximum=36_500
    )


@dataclass(frozen=True, slots=True)
class GatewaySettings:
    calls_per_account: int = setting(
        "calls to one provider account that one process makes at once; fewer than web.threads",
        minimum=1,
        maximum=64,
    )
    failures_to_open: int = setting(
        "calls in a row without an answer after which a process stops calling an account",
        minimum=1,
        maximum=100,
    )
    pause_s: int = setting(
        "seconds until one call probes such an account; doubles with each probe that fails",
        minimum=1,
        maximum=3600,
    )
    pause_max_s: int = setting("seconds between two probes at most", minimum=1, maximum=3600)
    window_minutes: int = setting(
        "minutes of our own calls that the health of an account is judged by", minimum=1, maximum=1440
    )
    calls_min: int = setting("calls in these minutes, below which nothing is said", minimum=1, maximum=10_000)
    failing_percent: int = setting(
        "unanswered calls in percent that make an account failing", minimum=1, maximum=100
    )
    slow_ms: int = setting("milliseconds above which a call is slow", minimum=1, maximum=60_000)
    slow_percent: int = setting("slow calls in percent that make an account slow", minimum=1, maximum=100)


@dataclass(frozen=True, slots=True)
class CallbackSettings:
    body_limit_bytes: int = setting("largest callback that is read", minimum=1024, maximum=16_777_216)


@dataclass(frozen=True, slots=True)
class WebhookSettings:
    connect_timeout_s: int = setting("seconds to reach a portal", minimum=1, maximum=60)
    total_timeout_s: int = setting("seconds one delivery may take in all", minimum=1, maximum=120)
    allow_hosts: tuple[str, ...] = setting(
        "hosts on private or loopback addresses that webhooks may go to; empty in production"
    )


@dataclass(frozen=True, slots=True)
class LoggingSettings:
    level: str = setting("least severe level that is logged", choices=("DEBUG", "INFO", "WARNING", "ERROR"))
    format: str = setting("json for machines, text for a terminal", choices=("json", "text"))


@dataclass(frozen=True, slots=True)
class SimulatorSettings:
    host: str = setting("address the provider simulator listens on", required=True)
    port: int = setting("port the provider simulator listens on", minimum=0, maximum=65_535)


@dataclass(frozen=True, slots=True)
class PortalExampleSettings:
    host: str = setting("address the example portal listens on", required=True)
    port: int = setting("port the example portal listens on", minimum=0, maximum=65_535)
    api_key: Secret = setting("API key the example portal calls with; the demo data registers it")
    webhook_secret: Secret = setting("secret the example portal checks webhooks with")


OptionValue = str | int | bool


@dataclass(frozen=True, slots=True)
class ProviderAccountSettings:
    """One merchant or collection account at a provider."""

    adapter: str = setting("name of the adapter's entry point", required=True, example="vnpay")
    name_vi: str = setting("the provider's Vietnamese name on pages", required=True)
    name_en: str = setting("the provider's English name on pages", required=True)
    enabled: bool = setting("offer it to citizens")
    demo: bool = setting("a demonstration account; refused in production")
    cut_off: str = setting("time of day in Viet Nam that ends its business day", pattern=TIME_OF_DAY)
    grace_business_days: int = setting(
        "business days a difference may wait for the next statement", minimum=0, maximum=30
    )
    options: Mapping[str, OptionValue] = setting(
        "what the adapter needs to know, not secret; `allowed_networks` of any adapter: the only networks its callbacks "
        "and messages come from, with commas between, empty for any"
    )
    secrets: Mapping[str, Secret] = setting("what the adapter signs with; an empty one must be supplied")


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that is configured, checked; made only by `load_settings`."""

    environment: str
    database: DatabaseSettings
    web: WebSettings
    worker: WorkerSettings
    scheduler: SchedulerSettings
    security: SecuritySettings
    orders: OrderSettings
    obligations: ObligationSettings
    gateway: GatewaySettings
    callbacks: CallbackSettings
    webhooks: WebhookSettings
    logging: LoggingSettings
    simulator: SimulatorSettings
    portal_example: PortalExampleSettings
    provider_accounts: Mapping[str, ProviderAccountSettings]
    origins: Mapping[str, str] = field(repr=False, compare=False)

    @property
    def is_production(self) -> bool:
        return self.environment == "production"


def _sections() -> Mapping[str, type[Any]]:
    hints = get_type_hints(Settings)
    outside = ("environment", "provider_accounts", "origins")
    return MappingProxyType({f.name: hints[f.name] for f in fields(Settings) if f.name not in outside})


SECTIONS: Final = _sections()


def keys_of(section: type[Any]) -> Mapping[str, tuple[Any, Rule]]:
    """The keys of one section, each with its type and its rule."""
    hints = get_type_hints(section)
    return {declared.name: (hints[declared.name], rule_of(declared)) for declared in fields(section)}


def is_secret(kind: Any) -> bool:
    """Whether values of this type are never shown."""
    return kind is Secret or kind == Mapping[str, Secret]
