"""Puts the console together: its own pages and those of plug-in modules, each behind the staff session.

Called once by the application's assembly. A blueprint is guarded before it is registered, never after.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from flask import Blueprint, Flask, current_app, g, request

from payclear.console import pages
from payclear.console.banners import pages as banners_pages
from payclear.console.catalogue import pages as catalogue_pages
from payclear.console.doubt import pages as doubt_pages
from payclear.console.fees import pages as fees_pages
from payclear.console.fines import pages as fines_pages
from payclear.console.frame import console_locale, require_staff
from payclear.console.health import pages as health_pages
from payclear.contract.modules import ConsolePages
from payclear.http.html import answer_errors_with_pages
from payclear.identity.domain import StaffRole
from payclear.identity.sessions import StaffPrincipal

PREFIX: Final = "/console"
_GUARDED = "payclear_guarded"


@dataclass(frozen=True, slots=True)
class NavigationEntry:
    """One entry of the console's navigation."""

    title_key: str
    path: str


OWN_ENTRIES: Final = (
    NavigationEntry("console.nav_home", "/console/"),
    NavigationEntry("console.nav_orders", "/console/orders"),
    NavigationEntry("console.nav_doubt", "/console/doubt"),
    NavigationEntry("console.nav_fees", "/console/fees"),
    NavigationEntry("console.nav_fines", "/console/fines"),
    NavigationEntry("console.nav_health", "/console/health"),
    NavigationEntry("catalogue.nav", "/console/catalogue"),
    NavigationEntry("console.nav_banners", "/console/banners"),
)


def mount(app: Flask, modules: Iterable[ConsolePages] = ()) -> None:
    """Register the login openly, and the console's and the modules' pages behind the staff session."""
    brought = tuple(modules)
    app.register_blueprint(pages.open_blueprint, url_prefix=PREFIX)
    own = (
        pages.blueprint,
        doubt_pages.blueprint,
        fees_pages.blueprint,
        fines_pages.blueprint,
        health_pages.blueprint,
        catalogue_pages.blueprint,
        banners_pages.blueprint,
    )
    for blueprint in (*own, *(each.blueprint for each in brought)):
        _guard(blueprint)
        app.register_blueprint(blueprint, url_prefix=blueprint.url_prefix or PREFIX)
    entries = [NavigationEntry(each.title_key, each.path) for each in brought if each.title_key]
    app.extensions["payclear.console_navigation"] = (*OWN_ENTRIES, *entries)
    app.context_processor(_frame_context)


def is_guarded(blueprint: object) -> bool:
    """Whether every address of a blueprint lies behind the staff session; what is no blueprint is not."""
    return bool(getattr(blueprint, _GUARDED, False))


def _guard(blueprint: Blueprint) -> None:
    # Blueprints are module-level; several applications of one process (tests) share the guard.
    if is_guarded(blueprint):
        return
    blueprint.before_request(require_staff(StaffRole.VIEWER))
    answer_errors_with_pages(blueprint, locale=console_locale)
    setattr(blueprint, _GUARDED, True)


def _frame_context() -> dict[str, Any]:
    """What the layout needs, also for pages that a module renders itself."""
    staff: StaffPrincipal | None = g.get("staff")
    if staff is None:
        return {}
    return {
        "staff": staff,
        "csrf_token": staff.csrf_token,
        "navigation": current_app.extensions["payclear.console_navigation"],
        "here": request.path,
    }
