"""Reads the layers of settings and says where each value came from.

Called by `load_settings`: TOML files, then environment variables, then secret files.
It collects problems as sentences and never shows a value in them.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from payclear.kernel.settings_schema import (
    ACCOUNT_CODE,
    SECTIONS,
    ProviderAccountSettings,
    keys_of,
)

PREFIX: Final = "PAYCLEAR_"
OUTSIDE: Final = frozenset({"PAYCLEAR_ENVIRONMENT", "PAYCLEAR_CONFIG_DIR"})
IGNORED_PREFIXES: Final = ("PAYCLEAR_TEST_", "PAYCLEAR_BENCH_")
ANY_HOST: Final = "0.0.0.0"  # noqa: S104 - compared, not bound
ACCOUNT_KEYS: Final = keys_of(ProviderAccountSettings)


@dataclass(slots=True)
class Layers:
    """Raw values by dotted name, the origin of each, and what is wrong so far."""

    values: dict[str, Any] = field(default_factory=dict)
    origins: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    accounts: list[str] = field(default_factory=list)

    def put(self, name: str, value: Any, origin: str) -> None:
        self.values[name] = value
        self.origins[name] = origin

    def read_toml(self, path: Path) -> None:
        """Lay one TOML file over what is there; a missing file is a problem, not an error."""
        try:
            text = path.read_bytes().decode("utf-8")
            document = tomllib.loads(text)
        except OSError as error:
            self.problems.append(f"{path} cannot be read: {error.strerror}.")
            return
        except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            self.problems.append(f"{path} is not TOML: {error}.")
            return
        for section, table in document.items():
            if not isinstance(table, dict):
                self.problems.append(f"{path.name}: {section} stands outside every section.")
            elif section == "provider_accounts":
                for code, account in table.items():
                    self._read_account(code, account, path.name)
            elif section not in SECTIONS:
                self.problems.append(f"{path.name}: there is no section [{section}].")
            else:
                self._read_section(section, table, path.name)

    def _read_section(self, section: str, table: Mapping[str, Any], origin: str) -> None:
        known = keys_of(SECTIONS[section])
        for key, value in table.items():
            if key in known:
                self.put(f"{section}.{key}", value, origin)
            else:
                self.problems.append(f"{origin}: there is no setting {section}.{key}.")

    def _read_account(self, code: str, table: Any, origin: str) -> None:
        if not isinstance(table, dict):
            self.problems.append(f"{origin}: provider_accounts.{code} must be a table.")
            return
        if not ACCOUNT_CODE.fullmatch(code):
            self.problems.append(f"{origin}: {code!r} is no provider account code (a-z, 0-9 and hyphens).")
            return
        if code not in self.accounts:
            self.accounts.append(code)
        for key, value in table.items():
            name = f"provider_accounts.{code}.{key}"
            if key not in ACCOUNT_KEYS:
                self.problems.append(f"{origin}: there is no setting {name}.")
            elif key in ("options", "secrets"):
                self._read_table(name, value, origin)
            else:
                self.put(name, value, origin)

    def _read_table(self, name: str, table: Any, origin: str) -> None:
        if not isinstance(table, dict):
            self.problems.append(f"{origin}: {name} must be a table.")
            return
        for key, value in table.items():
            self.put(f"{name}.{key}", value, origin)

    def read_environment(self, environ: Mapping[str, str]) -> None:
        """Lay the environment variables and the secret files over the TOML files."""
        known = self._variables()
        for variable in sorted(environ):
            if not variable.startswith(PREFIX) or variable in OUTSIDE:
                continue
            if variable.startswith(IGNORED_PREFIXES):
                continue
            stem = variable.removesuffix("_FILE")
            if variable in known:
                self.put(known[variable], FromText(environ[variable]), variable)
            elif variable.endswith("_FILE") and stem in known:
                self._read_file(known[stem], environ[variable], variable, doubled=stem in environ)
            else:
                self.problems.append(f"{variable} names no setting.")

    def _read_file(self, name: str, path: str, variable: str, *, doubled: bool) -> None:
        if doubled:
            self.problems.append(f"{variable} and {variable.removesuffix('_FILE')} are both set; keep one.")
            return
        try:
            text = Path(path).read_text(encoding="utf-8")
        except OSError as error:
            self.problems.append(f"{variable}: {path} cannot be read: {error.strerror}.")
        except UnicodeDecodeError:
            self.problems.append(f"{variable}: {path} is not UTF-8 text.")
        else:
            self.put(name, FromText(text.rstrip("\r\n")), variable)

    def _variables(self) -> dict[str, str]:
        """Every environment variable that may be set, and the setting it sets."""
        known = {
            variable_of(f"{section}.{key}"): f"{section}.{key}"
            for section, kind in SECTIONS.items()
            for key in keys_of(kind)
        }
        for code in self.accounts:
            stem = f"provider_accounts.{code}."
            for key, (kind, _) in ACCOUNT_KEYS.items():
                if kind in (str, int, bool):
                    known[variable_of(stem + key)] = stem + key
            for _, name in [*self.under(f"{stem}options."), *self.under(f"{stem}secrets.")]:
                known[variable_of(name)] = name
        return known

    def fill_addresses(self) -> None:
        """Put the addresses of our own listeners where the TOML files say {web} and {simulator}."""
        for section in ("web", "simulator"):
            host, port = (self.values.get(f"{section}.{key}", "") for key in ("host", "port"))
            address = f"http://{'127.0.0.1' if host == ANY_HOST else host}:{port}"
            for name, value in self.values.items():
                if type(value) is str:
                    self.values[name] = value.replace(f"{{{section}}}", address)

    def under(self, stem: str) -> list[tuple[str, str]]:
        """The names of a table that stand under a stem, each as (last part, dotted name)."""
        return [(name.removeprefix(stem), name) for name in self.values if name.startswith(stem)]


class FromText(str):
    """A value that came as text and is still to be read as its type."""

    __slots__ = ()


def variable_of(name: str) -> str:
    """The environment variable that sets a setting, by its dotted name."""
    parts = name.split(".")
    if parts[0] == "provider_accounts":
        parts = ["provider", parts[1], parts[-1]]
    return PREFIX + "_".join(parts).upper().replace("-", "_")
