"""Writes docs/settings.md: every setting, its default, its environment variable and its meaning.

Called by `payclear settings --markdown` and by the test that keeps the page up to date.
It reads default.toml only, so that the page is the same on every machine.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from payclear.kernel.settings_layers import ACCOUNT_KEYS, Layers, variable_of
from payclear.kernel.settings_schema import SECTIONS, Rule, is_secret, keys_of

HEAD: Final = """\
# Settings

Written by `payclear settings --markdown > docs/settings.md`; do not edit by hand.

Four layers, the later one wins:

1. `config/default.toml`
2. `config/development.toml`, `test.toml` or `production.toml`, chosen by `PAYCLEAR_ENVIRONMENT`
   (development when it is not set)
3. the environment variable of the setting
4. the file named by the same variable with `_FILE` at its end: the way for secrets

Everything is checked at start, and every problem is said at once: an unknown key, a wrong type, a missing
secret; in production also a secret written in a TOML file, a short or a demonstration key, debug, and a
commit that does not wait for the disk. `payclear settings` shows what is in force and where each value
came from. In TOML files `{web}` and `{simulator}` stand for the addresses of our own listeners.
"""

ACCOUNTS_HEAD: Final = """\
## provider_accounts

One table for each merchant or collection account, `[provider_accounts.CODE]`. In variables the code is
written in capitals with `_` for `-`.

| Key | Environment variable | Meaning |
|---|---|---|
"""

ACCOUNTS_TAIL: Final = """
An account in `config/production.toml`; its secret is supplied by
`PAYCLEAR_PROVIDER_VNPAY_MAIN_HASH_SECRET_FILE`:

```toml
[provider_accounts.vnpay-main]
adapter = "vnpay"
name_vi = "VNPAY"
name_en = "VNPAY"
enabled = true
demo = false
cut_off = "00:00"
grace_business_days = 1

[provider_accounts.vnpay-main.options]
tmn_code = "…"
pay_url = "https://…"
api_url = "https://…"

[provider_accounts.vnpay-main.secrets]
hash_secret = ""
```
"""


def settings_page(config_dir: Path) -> str:
    """The whole page as Markdown."""
    layers = Layers()
    layers.read_toml(config_dir / "default.toml")
    parts = [HEAD]
    for section, kind in SECTIONS.items():
        rows = [
            _row(f"{section}.{key}", layers.values, wanted, rule)
            for key, (wanted, rule) in keys_of(kind).items()
        ]
        title = "| Setting | Default | Environment variable | Meaning |\n|---|---|---|---|\n"
        parts.append(f"## {section}\n\n{title}{''.join(rows)}")
    parts.append(ACCOUNTS_HEAD + "".join(_account_row(key, rule) for key, (_, rule) in ACCOUNT_KEYS.items()))
    return "\n".join(parts) + ACCOUNTS_TAIL


def _row(name: str, values: Mapping[str, Any], wanted: Any, rule: Rule) -> str:
    default = "secret" if is_secret(wanted) else f"`{_shown(values.get(name, ''))}`"
    return f"| `{name}` | {default} | `{variable_of(name)}` | {_meaning(rule)} |\n"


def _account_row(key: str, rule: Rule) -> str:
    last = {"options": "options.<name>", "secrets": "secrets.<name>"}.get(key, key)
    variable = (
        variable_of(f"provider_accounts.<code>.{last}").replace("<CODE>", "CODE").replace("<NAME>", "NAME")
    )
    return f"| `{last}` | `{variable}` | {_meaning(rule)} |\n"


def _meaning(rule: Rule) -> str:
    limits = []
    if rule.choices:
        limits.append("one of " + ", ".join(f"`{choice}`" for choice in rule.choices))
    if rule.minimum is not None and rule.maximum is not None:
        limits.append(f"{rule.minimum} to {rule.maximum}")
    if rule.required:
        limits.append("required")
    if rule.minimum_length:
        limits.append(f"at least {rule.minimum_length} characters in production")
    if rule.example:
        limits.append(f"such as `{rule.example}`")
    return rule.meaning + (f" ({'; '.join(limits)})" if limits else "")


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ", ".join(value) if value else "none"
    return str(value) if value != "" else "empty"
