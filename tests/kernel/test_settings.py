"""Settings: every layer, and everything that is refused, all at once and in sentences."""

from __future__ import annotations

import base64
import copy
import pickle
import tomllib
from pathlib import Path

import pytest

from payclear.kernel.secret import HIDDEN, Secret
from payclear.kernel.settings import Settings, SettingsError, describe, load_settings
from payclear.kernel.settings_layers import variable_of
from payclear.kernel.settings_page import settings_page
from payclear.kernel.settings_schema import SECTIONS, keys_of

ROOT = Path(__file__).resolve().parents[2]
KEY = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
PEM_BODY = "MC4CAQAwBQYDK2VwBCIEIFBSSVZBVEUtUFJJVkFURS1QUklWQVRFLTAwMDAx"
PEM = f"-----BEGIN PRIVATE KEY-----\n{PEM_BODY}\n-----END PRIVATE KEY-----"
PRODUCTION = {
    "PAYCLEAR_DATABASE_URL": "postgresql://payclear_app:one-long-password@db.example.vn/payclear",
    "PAYCLEAR_WEB_PUBLIC_URL": "https://thanhtoan.example.vn",
    "PAYCLEAR_SECURITY_SESSION_SECRET": "s" * 43,
    "PAYCLEAR_SECURITY_INDEX_SECRET": "i" * 43,
    "PAYCLEAR_SECURITY_SEAL_KEYS": f"2026a={KEY}",
    "PAYCLEAR_SECURITY_SEAL_ACTIVE": "2026a",
    "PAYCLEAR_SECURITY_AUDIT_SIGNING_KEY": PEM,
}


def problems(environment: str, environ: dict[str, str], config_dir: Path | None = None) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as refused:
        load_settings(environment, environ=environ, config_dir=config_dir)
    return refused.value.problems


def production(**changes: str | None) -> dict[str, str]:
    merged = {**PRODUCTION, **changes}
    return {name: value for name, value in merged.items() if value is not None}


@pytest.fixture
def config_dir(tmp_path: Path) -> Path:
    for path in (ROOT / "config").glob("*.toml"):
        (tmp_path / path.name).write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    return tmp_path


def append(path: Path, text: str) -> None:
    path.write_text(path.read_text(encoding="utf-8") + "\n" + text, encoding="utf-8")


def test_every_problem_is_said_at_once() -> None:
    said = problems(
        "production", {"PAYCLEAR_WEB_PORT": "many", "PAYCLEAR_WEB_DEBUG": "true", "PAYCLEAR_WEP_PORT": "1"}
    )
    for part in ("PAYCLEAR_WEP_PORT names no setting", "web.port (from PAYCLEAR_WEB_PORT)", "web.debug"):
        assert any(part in line for line in said)
    assert any("session_secret is missing" in line for line in said)
    assert any("database.url is missing" in line for line in said)


def test_environment_unknown_is_refused() -> None:
    assert problems("staging", {}) == (
        "PAYCLEAR_ENVIRONMENT must be one of development, test, production, not staging.",
    )


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[wep]\nport = 1", "there is no section [wep]"),
        ("stray = 1", "stray stands outside every section"),
        ("[worker]\nspeed = 1", "there is no setting worker.speed"),
        ("[worker]\nconcurrency = true", "worker.concurrency (from development.toml) must be a whole number"),
        ("[worker]\nconcurrency = 0", "worker.concurrency must be at least 1"),
        ("[worker]\nqueues = 'all'", "worker.queues (from development.toml) must be a list of texts"),
        ("[scheduler]\nnight_at = ['25:00']", "scheduler.night_at has not the form"),
        ("[provider_accounts.BAD]\nenabled = false", "'BAD' is no provider account code"),
        ("[provider_accounts.other]\ncolour = 'red'", "no setting provider_accounts.other.colour"),
        (
            "[provider_accounts.other]\nadapter = 'x'",
            "provider_accounts.other.name_vi is missing",
        ),
        ("[web", "development.toml is not TOML"),
    ],
)
def test_toml_mistake_is_named(config_dir: Path, text: str, sentence: str) -> None:
    path = config_dir / "development.toml"
    whole = path.read_text(encoding="utf-8")
    path.write_text(text + "\n" + whole if text == "stray = 1" else whole + "\n" + text, encoding="utf-8")
    assert any(sentence in line for line in problems("development", {}, config_dir))


def test_previous_audit_key_that_is_no_public_key_is_refused() -> None:
    said = problems("test", {"PAYCLEAR_SECURITY_AUDIT_PREVIOUS_KEYS": "not-a-key"})
    assert any(line.startswith("security.audit_previous_keys has not the form it must have") for line in said)


def test_missing_file_is_named(tmp_path: Path) -> None:
    assert any("default.toml cannot be read" in line for line in problems("test", {}, tmp_path))


@pytest.mark.parametrize("mark", ["on", "TRUE", "1", "yes", ""])
def test_truth_value_that_is_not_true_or_false_is_refused(mark: str) -> None:
    said = problems("test", {"PAYCLEAR_WEB_DEBUG": mark})
    assert said == ("web.debug (from PAYCLEAR_WEB_DEBUG) must be true or false.",)


@pytest.mark.parametrize("number", ["1.5", "0x10", "१", "", " 1", "1e3"])
def test_number_that_is_not_plain_is_refused(number: str) -> None:
    assert problems("test", {"PAYCLEAR_WEB_PORT": number})


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        ("PAYCLEAR_WEB_DEBUG", "true", "web.debug must be false"),
        ("PAYCLEAR_DATABASE_SYNCHRONOUS_COMMIT", "off", "synchronous_commit must be on"),
        ("PAYCLEAR_DATABASE_SYNCHRONOUS_COMMIT", "local", "synchronous_commit must be on"),
        ("PAYCLEAR_DATABASE_OWNER_URL", PRODUCTION["PAYCLEAR_DATABASE_URL"], "two roles"),
        ("PAYCLEAR_WEB_PUBLIC_URL", "http://thanhtoan.example.vn", "must begin with https://"),
        ("PAYCLEAR_WEB_PUBLIC_URL", None, "web.public_url is missing"),
        ("PAYCLEAR_WEBHOOKS_ALLOW_HOSTS", "127.0.0.1", "webhooks.allow_hosts must be empty"),
        (
            "PAYCLEAR_GATEWAY_CALLS_PER_ACCOUNT",
            "8",
            "gateway.calls_per_account must be less than web.threads",
        ),
        ("PAYCLEAR_SECURITY_SESSION_SECRET", "x" * 31, "session_secret is too short"),
        ("PAYCLEAR_SECURITY_SESSION_SECRET", "demo-only-" + "x" * 40, "is a demonstration key"),
        ("PAYCLEAR_SECURITY_SESSION_SECRET", None, "The secret security.session_secret is missing"),
        ("PAYCLEAR_SECURITY_SEAL_KEYS", "2026a=short", "2026a is not base64 of 32 bytes"),
        (
            "PAYCLEAR_SECURITY_SEAL_KEYS",
            f"2026a={base64.b64encode(bytes(32)).decode()}",
            "2026a is one byte repeated",
        ),
        (
            "PAYCLEAR_SECURITY_INDEX_SECRET",
            PRODUCTION["PAYCLEAR_SECURITY_SESSION_SECRET"],
            "is the same as security.session_secret",
        ),
        ("PAYCLEAR_LOGGING_LEVEL", "DEBUG", "logging.level must not be DEBUG"),
        ("PAYCLEAR_SECURITY_SEAL_KEYS", "keys", "must be a table of texts"),
        ("PAYCLEAR_SECURITY_SEAL_ACTIVE", "2027a", "which is not among security.seal_keys"),
    ],
)
def test_production_refuses(variable: str, value: str | None, sentence: str) -> None:
    assert any(sentence in line for line in problems("production", production(**{variable: value})))


def test_production_refuses_every_key_of_the_demonstration() -> None:
    development = load_settings("development", environ={})
    security = development.security
    demo = {
        "PAYCLEAR_SECURITY_SESSION_SECRET": security.session_secret,
        "PAYCLEAR_SECURITY_INDEX_SECRET": security.index_secret,
        "PAYCLEAR_SECURITY_SEAL_KEYS": Secret(f"2026a={security.seal_keys['demo'].reveal()}"),
        "PAYCLEAR_SECURITY_AUDIT_SIGNING_KEY": security.audit_signing_key,
        "PAYCLEAR_PORTAL_EXAMPLE_API_KEY": development.portal_example.api_key,
        "PAYCLEAR_PORTAL_EXAMPLE_WEBHOOK_SECRET": development.portal_example.webhook_secret,
    }
    for variable, secret in demo.items():
        said = problems("production", production(**{variable: secret.reveal()}))
        assert [line for line in said if "is a demonstration key" in line], variable


@pytest.mark.parametrize(
    ("adapter", "name"),
    [
        ("collection", "bank_public_key"),
        ("collection", "reply_key"),
        ("vietinbank", "bank_public_key"),
        ("vietinbank", "private_key"),
        ("bidv", "secret_key"),
    ],
)
def test_production_refuses_a_demonstration_bank_key_under_another_name(
    adapter: str, name: str, config_dir: Path
) -> None:
    """Whoever reads examples/bank could sign as that bank."""
    demo = load_settings("development", environ={}).provider_accounts[f"{adapter}-demo"]
    is_secret = name in demo.secrets
    append(
        config_dir / "production.toml",
        f"""
        [provider_accounts.bank-main]
        adapter = "{demo.adapter}"
        name_vi = "Ngân hàng"
        name_en = "Bank"
        enabled = true
        demo = false
        cut_off = "00:00"
        grace_business_days = 1
        secrets = {{ {name if is_secret else "other"} = "" }}
        [provider_accounts.bank-main.options]
        other = "x"
        """
        + ("" if is_secret else f"{name} = '''{demo.options[name]}'''"),
    )
    given = {f"PAYCLEAR_PROVIDER_BANK_MAIN_{name.upper()}": demo.secrets[name].reveal()} if is_secret else {}
    other = {} if is_secret else {"PAYCLEAR_PROVIDER_BANK_MAIN_OTHER": "k" * 32}
    (said,) = problems("production", production(**given, **other), config_dir)
    assert f"{name} is a demonstration key; production refuses it." in said


def test_production_refuses_a_secret_in_a_toml_file(config_dir: Path) -> None:
    append(config_dir / "production.toml", f"[security]\nsession_secret = '{'s' * 43}'")
    environ = production(PAYCLEAR_SECURITY_SESSION_SECRET=None)
    assert any("stands in production.toml" in line for line in problems("production", environ, config_dir))


def test_production_refuses_a_demonstration_account_and_one_without_its_secret(config_dir: Path) -> None:
    development = tomllib.loads((config_dir / "development.toml").read_text(encoding="utf-8"))
    assert {"vnpay-demo", "sandbox-demo"} <= development["provider_accounts"].keys()
    append(
        config_dir / "production.toml",
        """
        [provider_accounts.vnpay-main]
        adapter = "vnpay"
        name_vi = "VNPAY"
        name_en = "VNPAY"
        enabled = true
        demo = true
        cut_off = "00:00"
        grace_business_days = 1
        secrets = { hash_secret = "" }
        """,
    )
    said = problems("production", production(), config_dir)
    assert any("vnpay-main is a demonstration account" in line for line in said)
    assert any("set PAYCLEAR_PROVIDER_VNPAY_MAIN_HASH_SECRET" in line for line in said)


def test_problem_never_shows_a_secret() -> None:
    said = problems("production", production(PAYCLEAR_SECURITY_SESSION_SECRET="hunter2-hunter2"))
    assert "hunter2" not in "\n".join(said)


def test_production_with_everything_supplied_is_accepted() -> None:
    settings = load_settings("production", environ=production())
    assert settings.is_production
    assert settings.database.synchronous_commit == "on"
    assert settings.provider_accounts == {}


def test_later_layer_wins_and_origin_is_remembered() -> None:
    settings = load_settings("test", environ={"PAYCLEAR_WEB_PORT": "8123"})
    assert (settings.web.port, settings.origins["web.port"]) == (8123, "PAYCLEAR_WEB_PORT")
    assert (settings.web.workers, settings.origins["web.workers"]) == (1, "test.toml")
    assert (settings.web.threads, settings.origins["web.threads"]) == (8, "default.toml")
    assert settings.web.public_url == "http://127.0.0.1:8123"


def test_secret_file_is_read_without_its_last_newline(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("s" * 40 + "\n")
    settings = load_settings("test", environ={"PAYCLEAR_SECURITY_SESSION_SECRET_FILE": str(path)})
    assert settings.security.session_secret == Secret("s" * 40)
    assert settings.origins["security.session_secret"] == "PAYCLEAR_SECURITY_SESSION_SECRET_FILE"


def test_secret_file_that_is_missing_or_doubled_is_refused(tmp_path: Path) -> None:
    variable = "PAYCLEAR_SECURITY_SESSION_SECRET"
    missing = problems("test", {f"{variable}_FILE": str(tmp_path / "none")})
    assert any("cannot be read" in line for line in missing)
    doubled = problems("test", {f"{variable}_FILE": "x", variable: "y"})
    assert any("are both set; keep one" in line for line in doubled)


def test_provider_secret_and_address_follow_the_environment() -> None:
    environ = {"PAYCLEAR_PROVIDER_VNPAY_DEMO_HASH_SECRET": "k" * 32, "PAYCLEAR_SIMULATOR_PORT": "9100"}
    account = load_settings("test", environ=environ).provider_accounts["vnpay-demo"]
    assert account.secrets["hash_secret"] == Secret("k" * 32)
    assert account.options["pay_url"] == "http://127.0.0.1:9100/vnpay/paymentv2/vpcpay.html"


def test_lists_and_tables_are_read_from_text() -> None:
    environ = {
        "PAYCLEAR_SCHEDULER_NIGHT_AT": "01:30, 04:00",
        "PAYCLEAR_SECURITY_SEAL_KEYS": f"a={KEY}, b={KEY}",
        "PAYCLEAR_SECURITY_SEAL_ACTIVE": "b",
    }
    settings = load_settings("test", environ=environ)
    assert settings.scheduler.night_at == ("01:30", "04:00")
    assert settings.security.seal_keys["b"] == Secret(KEY)


def test_described_settings_hide_every_secret() -> None:
    development = load_settings("development", environ={})
    rows = describe(development)
    shown = "\n".join(f"{row.name} {row.value}" for row in rows)
    assert "DEMO ONLY" not in shown
    kept = [
        secret.reveal()
        for account in development.provider_accounts.values()
        for secret in account.secrets.values()
    ]
    assert len(kept) > 20
    assert [secret for secret in kept if secret in shown] == []
    assert f"security.session_secret {HIDDEN}" in shown
    assert all(row.meaning and row.origin for row in rows)


def test_every_setting_has_a_default_and_every_default_is_a_setting() -> None:
    defaults = tomllib.loads((ROOT / "config" / "default.toml").read_text(encoding="utf-8"))
    assert {name: set(table) for name, table in defaults.items()} == {
        section: set(keys_of(kind)) for section, kind in SECTIONS.items()
    }


def test_every_setting_has_its_own_variable() -> None:
    names = [f"{section}.{key}" for section, kind in SECTIONS.items() for key in keys_of(kind)]
    assert len({variable_of(name) for name in names}) == len(names)


def test_settings_page_is_up_to_date() -> None:
    written = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    assert written == settings_page(ROOT / "config"), "run: payclear settings --markdown > docs/settings.md"


def test_settings_are_frozen() -> None:
    settings: Settings = load_settings("test", environ={})
    with pytest.raises(AttributeError):
        settings.web.port = 1  # type: ignore[misc]
    with pytest.raises(TypeError):
        settings.provider_accounts["x"] = None  # type: ignore[index]


def test_secret_shows_itself_to_nobody() -> None:
    secret = Secret("hunter2")
    for shown in (str(secret), repr(secret), f"{secret}", f"{secret!r}", f"{[secret]}", "%s" % secret):  # noqa: UP031
        assert "hunter2" not in shown
    with pytest.raises(TypeError):
        pickle.dumps(secret)
    assert copy.deepcopy(secret) is secret
    assert secret.reveal() == "hunter2"
    assert secret == Secret("hunter2")
    assert secret != Secret("hunter3")
    assert secret != "hunter2"
    assert not Secret("")
