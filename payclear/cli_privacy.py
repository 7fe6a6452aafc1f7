"""Commands about people: what they may ask, kept messages, the keys that seal. `cli` loads this file when asked for one."""

from __future__ import annotations

from typing import Any

import click

from payclear.cli import say


@click.group()
def subject() -> None:
    """What a person may ask: all that we hold on them, and to be forgotten. The number is read from a file or "-"."""


@subject.command("export")
@click.option(
    "--number-from", "number", type=click.File(encoding="utf-8"), default="-", help="- is the standard input."
)
@click.option("--by", required=True, help="Login of the member of staff who answers the request.")
def export_subject(number: Any, by: str) -> None:
    """Write everything we hold on the bearer of an identity number as JSON."""
    say("payclear.privacy.desk:export", number.read().strip(), by=by)


@subject.command("forget")
@click.option(
    "--number-from", "number", type=click.File(encoding="utf-8"), default="-", help="- is the standard input."
)
@click.option("--ground", required=True, help="Code of a ground of the catalogue.")
@click.option("--by", required=True, help="Login of the member of staff who decided.")
def forget_subject(number: Any, ground: str, by: str) -> None:
    """Ask to forget the bearer of an identity number for good; another must confirm it. The books stay."""
    say("payclear.privacy.desk:forget", number.read().strip(), ground=ground, by=by)


@subject.command("confirm")
@click.argument("request_id")
@click.option("--by", required=True, help="Login of another member of staff than who asked.")
def confirm_forgetting(request_id: str, by: str) -> None:
    """Confirm the request REQUEST_ID to forget, and do it."""
    say("payclear.privacy.desk:confirm_forgetting", request_id, by=by)


@subject.command("forgotten")
def list_forgotten() -> None:
    """List who was forgotten by row, never by name: keep the list apart from the backups."""
    say("payclear.privacy.desk:forgotten")


@subject.command("forget-again")
@click.option(
    "--list", "listed", type=click.File(encoding="utf-8"), default="-", help="What `forgotten` wrote."
)
@click.option("--by", required=True, help="Login of the member of staff who restored.")
def forget_again(listed: Any, by: str) -> None:
    """After a restore: ask to forget again whom the backup brought back; another must confirm it."""
    say("payclear.privacy.desk:forget_again", listed.read().splitlines(), by=by)


@click.command("message")
@click.argument("message_id")
@click.option(
    "--purpose",
    default="message_investigation",
    show_default=True,
    help="Code of a purpose of the catalogue.",
)
@click.option("--by", required=True, help="Login of the member of staff who looks.")
def show_message(message_id: str, purpose: str, by: str) -> None:
    """Show a kept message of a provider or bank as it came; that somebody looked is in the audit trail."""
    say("payclear.privacy.desk:message", message_id, purpose=purpose, by=by)


@click.group()
def keys() -> None:
    """The keys that wrap personal data: change them, and see which are still used."""


@keys.command("rotate")
def rotate_keys() -> None:
    """Rewrap every data key under the active key, while the service runs; begin again after any interruption."""
    say("payclear.privacy.desk:rotate")


@keys.command("used")
def used_keys() -> None:
    """Say how many data keys each key still wraps."""
    say("payclear.privacy.desk:used")
