"""How a plug-in module joins the application: it gets a registry and adds what it brings. Assembled once, at start."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One invariant of `payclear verify`: a query whose rows are the offenders; no row means that it holds."""

    id: str
    title: str
    sql: str = ""
    find: Callable[[Any], Sequence[dict[str, Any]]] | None = None


@dataclass(frozen=True, slots=True)
class ConsolePages:
    """A Flask blueprint for the console, and where its entry in the navigation leads (none without a title)."""

    blueprint: Any
    title_key: str = ""
    path: str = ""


@dataclass(slots=True)
class ModuleRegistry:
    """What the modules brought, in the order they were named."""

    ticks: list[Any] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    console_blueprints: list[ConsolePages] = field(default_factory=list)
    commands: list[Any] = field(default_factory=list)
    texts: list[Path] = field(default_factory=list)

    def add_tick(self, tick: Any) -> None:
        """Add a periodic job (`payclear.jobs.clock.Tick`)."""
        self.ticks.append(tick)

    def add_checks(self, checks: Sequence[Check]) -> None:
        """Add invariants to `payclear verify`."""
        self.checks.extend(checks)

    def add_console_blueprint(self, blueprint: Any, title_key: str = "", path: str = "") -> None:
        """Add a Flask blueprint; the console mounts it guarded by the staff session and lists it in its navigation."""
        self.console_blueprints.append(ConsolePages(blueprint, title_key, path))

    def add_command(self, command: Any) -> None:
        """Add a click command to `payclear`."""
        self.commands.append(command)

    def add_texts(self, path: Path) -> None:
        """Add a catalogue of Vietnamese and English texts."""
        self.texts.append(path)


class Module(Protocol):
    """A plug-in module, found through the entry point group `payclear.modules`."""

    name: str

    def register(self, registry: ModuleRegistry, settings: Any) -> None:
        """Add what the module brings."""
