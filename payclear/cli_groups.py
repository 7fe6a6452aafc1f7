"""Further commands: portals, staff, open data, the catalogue, decisions. `cli` loads this file when one is asked for."""

from __future__ import annotations

import importlib
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from payclear.cli import refusing_plainly, say

KINDS = ("national", "ministry", "province", "corporation", "other")
DESK = "payclear.operations.portal_desk"
OPEN_DATA = "payclear.opendata.desk"
CATALOGUE = "payclear.catalogue.desk"


def _signed(function: Any) -> Any:
    """Add who acts, and ask for the password."""
    function = click.option(
        "--password", prompt="Password of who acts", hide_input=True, help="Asked for when it is not given."
    )(function)
    return click.option("--by", "login", required=True, help="Login of the officer who acts.")(function)


def _signatory(login: str, password: str) -> Any:
    from payclear.operations.portal_desk import Signatory

    return Signatory(login, password)


@click.group()
def portal() -> None:
    """Portals: register, activate, suspend, retire; their keys, networks and webhook endpoints."""


@portal.command("create")
@click.argument("code")
@click.option("--name-vi", required=True)
@click.option("--name-en", required=True)
@click.option("--kind", type=click.Choice(KINDS), required=True)
@click.option(
    "--agency", help="Code of the agency it speaks for, with those below it; none given: every agency."
)
@click.option(
    "--return-url", "return_urls", multiple=True, required=True, help="Where citizens may return to."
)
@click.option(
    "--network", "networks", multiple=True, help="Calls come from here only, such as 203.0.113.0/24."
)
@click.option("--per-minute", type=int, help="Requests a minute at most.")
@_signed
def portal_create(code: str, login: str, password: str, **said: Any) -> None:
    """Register the portal CODE; it may not collect yet."""
    from payclear.operations.portal_desk import NewPortal

    new = NewPortal(
        code=code,
        name_vi=said["name_vi"],
        name_en=said["name_en"],
        kind=said["kind"],
        agency_code=said["agency"],
        return_urls=said["return_urls"],
        networks=said["networks"],
        requests_per_minute=said["per_minute"],
    )
    say(f"{DESK}:register", new, by=_signatory(login, password))


def _proposal(step: str, about: str) -> None:
    @portal.command(step, help=f"{about} Another officer approves.")
    @click.argument("code")
    @click.option("--reason", required=True, help="Decision or letter that it rests on.")
    @_signed
    def command(code: str, reason: str, login: str, password: str) -> None:
        say(f"{DESK}:propose", code, step, reason=reason, by=_signatory(login, password))


_proposal("test", "Propose that the portal CODE is tested.")
_proposal("activate", "Propose that the portal CODE collects, for the first time or again.")
_proposal("suspend", "Propose that the portal CODE writes nothing for now.")
_proposal("retire", "Propose that the portal CODE writes nothing for good.")


@portal.command("approve")
@click.argument("code")
@_signed
def portal_approve(code: str, login: str, password: str) -> None:
    """Approve what another officer proposed for the portal CODE."""
    say(f"{DESK}:approve", code, by=_signatory(login, password))


@portal.command("reject")
@click.argument("code")
@_signed
def portal_reject(code: str, login: str, password: str) -> None:
    """Close what was proposed for the portal CODE without doing it."""
    say(f"{DESK}:reject", code, by=_signatory(login, password))


@portal.command("access")
@click.argument("code")
@click.option(
    "--network", "networks", multiple=True, help="Calls come from here only; none given: from anywhere."
)
@click.option("--per-minute", type=int, help="Requests a minute at most; none given: no limit.")
@_signed
def portal_access(
    code: str, networks: tuple[str, ...], per_minute: int | None, login: str, password: str
) -> None:
    """Set from where and how often the portal CODE may call; what is not given is lifted."""
    by = _signatory(login, password)
    say(f"{DESK}:access", code, networks=networks, requests_per_minute=per_minute, by=by)


@portal.command("agency")
@click.argument("code")
@click.argument("agency", required=False)
@click.option("--national", is_flag=True, help="It speaks for every agency.")
@_signed
def portal_agency(code: str, agency: str | None, national: bool, login: str, password: str) -> None:
    """Bind the portal CODE to AGENCY: it speaks for this one and those below it."""
    if (agency is None) != national:
        raise click.UsageError("Name an agency, or say --national.")
    say(f"{DESK}:bind", code, agency_code=agency, by=_signatory(login, password))


@portal.command("list")
def portal_list() -> None:
    """List every portal, and how many provinces are active."""
    say(f"{DESK}:portals")


@portal.command("show")
@click.argument("code")
def portal_show(code: str) -> None:
    """Show the portal CODE and how it came to stand there."""
    say(f"{DESK}:show", code)


@portal.group("key")
def portal_key() -> None:
    """API keys of portals: two live ones each at most."""


@portal_key.command("issue")
@click.argument("code")
@click.option("--scope", "scopes", multiple=True, help="None given: all.")
@click.option("--days", type=click.IntRange(1, 3650), help="How long it lives; none given: until revoked.")
@_signed
def key_issue(code: str, scopes: tuple[str, ...], days: int | None, login: str, password: str) -> None:
    """Give the portal CODE a key; it is shown once."""
    say(f"{DESK}:issue_key", code, scopes=scopes, days=days, by=_signatory(login, password))


@portal_key.command("revoke")
@click.argument("key_id")
@_signed
def key_revoke(key_id: str, login: str, password: str) -> None:
    """End the key KEY_ID, within a second on every process."""
    say(f"{DESK}:revoke_key", key_id, by=_signatory(login, password))


@portal.group("endpoint")
def portal_endpoint() -> None:
    """Where portals get their webhooks."""


@portal_endpoint.command("add")
@click.argument("code")
@click.argument("url")
@click.option(
    "--event", "events", multiple=True, required=True, help="An event type, such as payment_order.paid."
)
@_signed
def endpoint_add(code: str, url: str, events: tuple[str, ...], login: str, password: str) -> None:
    """Send the portal CODE its events to URL; the secret is shown once."""
    say(f"{DESK}:add_endpoint", code, url, events=events, by=_signatory(login, password))


@click.group()
def staff() -> None:
    """Accounts of the treasury staff."""


@staff.command("create")
@click.argument("login")
@click.option("--name", required=True, help="As the console shows it.")
@click.option("--role", "roles", multiple=True, required=True)
@click.option("--password", prompt=True, hide_input=True, confirmation_prompt=True)
def staff_create(login: str, name: str, roles: tuple[str, ...], password: str) -> None:
    """Give LOGIN an account."""
    say(f"{DESK}:add_staff", login, name=name, roles=roles, password=password)


@staff.command("disable")
@click.argument("login")
def staff_disable(login: str) -> None:
    """Disable the account LOGIN at once."""
    say(f"{DESK}:disable_staff", login)


@click.command("open-data")
@click.argument("day", type=click.DateTime(["%Y-%m-%d"]))
@click.option(
    "--as-of", help="What was known then: 2026-11-22T09:30 in Viet Nam; none given: the published figures."
)
@click.option("--format", "form", type=click.Choice(["json", "csv"]), default="json", show_default=True)
@click.option("--lang", "locale", type=click.Choice(["vi", "en"]), default="vi", show_default=True)
@click.option("--publish", is_flag=True, help="Keep the figures and show them on the public page.")
def open_data(day: datetime, as_of: str | None, form: str, locale: str, publish: bool) -> None:
    """Write the public figures of DAY; the same day and as-of time give the same bytes."""
    content = refusing_plainly(
        f"{OPEN_DATA}:figures", day.date(), as_of=as_of, form=form, locale=locale, publish=publish
    )
    click.echo(content, nl=False)


@click.group()
def catalogue() -> None:
    """Tariffs, accounts, procedures, legal parameters: export them, compare a file, propose a change."""
    # Every feature says at its import which legal parameters it reads, and what a value of them may be.
    importlib.import_module("payclear.app")


@catalogue.command("export")
@click.argument("target", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--table", default="", help="One table only; a .csv file needs it.")
def catalogue_export(target: Path, table: str) -> None:
    """Write the catalogue to TARGET: a .zip, .yaml or .csv file."""
    say(f"{CATALOGUE}:export_to", target, table)


@catalogue.command("load")
@click.argument(
    "paths", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
def catalogue_load(paths: tuple[Path, ...]) -> None:
    """Load TOML files such as config/catalogue/national.toml. In production only into an empty catalogue."""
    say(f"{CATALOGUE}:load", paths)


@catalogue.command("diff")
@click.argument("source", type=click.Path(exists=True, path_type=Path))
def catalogue_diff(source: Path) -> None:
    """Show what the file or folder SOURCE would change; exit code 1 when it can not be proposed."""
    lines, is_sound = refusing_plainly(f"{CATALOGUE}:diff", source)
    for text in lines:
        click.echo(text)
    sys.exit(0 if is_sound else 1)


@catalogue.command("propose")
@click.argument("source", type=click.Path(exists=True, path_type=Path))
@click.option("--reason", required=True, help="Why, with the legal basis.")
@click.option("--by", "made_by", required=True, help="Who makes the change.")
def catalogue_propose(source: Path, reason: str, made_by: str) -> None:
    """Send the file or folder SOURCE for approval by another person. Not in production: there one signs in to the console."""
    say(f"{CATALOGUE}:propose", source, reason=reason, made_by=made_by)


@catalogue.command("approve")
@click.argument("change")
@click.option("--by", "checked_by", required=True, help="Who approves; not the maker.")
def catalogue_approve(change: str, checked_by: str) -> None:
    """Approve CHANGE. Not in production: there two people sign in to the console."""
    say(f"{CATALOGUE}:approve_by_command", change, checked_by=checked_by)


@catalogue.command("reject")
@click.argument("change")
@click.option("--by", "checked_by", required=True, help="Who rejects; not the maker.")
@click.option("--reason", required=True)
def catalogue_reject(change: str, checked_by: str, reason: str) -> None:
    """Reject CHANGE. Not in production: there two people sign in to the console."""
    say(f"{CATALOGUE}:reject_by_command", change, checked_by=checked_by, reason=reason)


@catalogue.command("list")
def catalogue_list() -> None:
    """List the newest changes."""
    say(f"{CATALOGUE}:newest")


@click.group()
def decisions() -> None:
    """Fine decisions by the file, as a portal uploads them."""


@decisions.command("upload")
@click.argument("path", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--portal", required=True, help="Code of the portal whose decisions they are.")
@click.option("--agency", help="The authority, for rows that name none.")
@click.option(
    "--complete-to",
    type=click.DateTime(["%Y-%m-%d"]),
    help="The authority's uploads are complete up to this day; needs --agency and --key.",
)
@click.option("--key", "keys", multiple=True, type=click.Choice(["id_no", "licence_no", "plate"]))
def upload_decisions(
    path: Path, portal: str, agency: str | None, complete_to: Any, keys: tuple[str, ...]
) -> None:
    """Upload the CSV, XLSX or JSON file PATH and take it; prints what became of its rows."""
    options = {"portal": portal, "agency": agency, "keys": keys}
    day = complete_to.date() if complete_to else None
    say("payclear.obligations.batches.desk:upload", path, complete_to=day, **options)


@decisions.command("show")
@click.argument("batch_id")
@click.option("--portal", required=True)
def show_decisions(batch_id: str, portal: str) -> None:
    """Show how the batch BATCH_ID stands, and why rows were refused."""
    say("payclear.obligations.batches.desk:show", batch_id, portal=portal)
