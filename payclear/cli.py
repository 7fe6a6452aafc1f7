"""The command line: one command for each process role and each thing an operator does.

Each command imports what it runs when it runs. A problem of the operator's making is one
plain sentence and exit code 2, never a traceback.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from payclear.kernel.problems import OperatorProblem
from payclear.kernel.settings import Settings, default_config_dir, describe, load_settings

if TYPE_CHECKING:
    from payclear.runtime import Runtime


# What `payclear run` leaves in the state folder beside the database; nothing else there is ours to delete.
OWN_FILES = (
    *(
        f"{name}.sqlite{part}"
        for name in ("simulator", "portal")
        for part in ("", "-wal", "-shm", "-journal")
    ),
    "run.lock",
)

# Commands with a file of their own, imported when they are asked for.
FURTHER = {
    "catalogue": "payclear.cli_groups:catalogue",
    "decisions": "payclear.cli_groups:decisions",
    "keys": "payclear.cli_privacy:keys",
    "message": "payclear.cli_privacy:show_message",
    "open-data": "payclear.cli_groups:open_data",
    "portal": "payclear.cli_groups:portal",
    "staff": "payclear.cli_groups:staff",
    "subject": "payclear.cli_privacy:subject",
}


class PlainGroup(click.Group):
    """A group that says what is wrong in a sentence, and to which modules add commands."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except OperatorProblem as problem:
            click.echo(f"payclear: {problem}", err=True)
            sys.exit(2)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*super().list_commands(ctx), *FURTHER, *_module_commands()})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        own = super().get_command(ctx, cmd_name)
        if own is None and cmd_name in FURTHER:
            module, _, name = FURTHER[cmd_name].partition(":")
            own = getattr(importlib.import_module(module), name)
        return own or _module_commands().get(cmd_name)


def _module_commands() -> dict[str, click.Command]:
    """The commands that the installed modules add; none while the settings are refused."""
    from payclear.assembly import load_modules

    try:
        commands = load_modules(load_settings()).commands
    except OperatorProblem:
        return {}
    return {command.name: command for command in commands if command.name}


@click.group(cls=PlainGroup)
def main() -> None:
    """The payment clearing service behind public-service portals."""


@main.command()
def run() -> None:
    """Start everything on this machine: database, simulator, web, worker, scheduler, example portal."""
    from payclear import runner

    sys.exit(runner.run(load_settings(), sys.stdout))


@main.command()
def serve() -> None:
    """Serve the web: portals' API, citizens' pages, providers' callbacks, staff console."""
    from granian import Granian
    from granian.constants import Interfaces

    from payclear.db.address import open_database
    from payclear.runner import Listener, require_free

    settings = load_settings()
    web = settings.web
    require_free(Listener("the web server", web.host, web.port, "PAYCLEAR_WEB_PORT"))
    with open_database(settings):
        Granian(
            "payclear.app:wsgi",
            address=web.host,
            port=web.port,
            interface=Interfaces.WSGI,
            workers=web.workers,
            blocking_threads=web.threads,
            factory=True,
            respawn_failed_workers=True,
            respawn_interval=0.5,
            workers_kill_timeout=10,
            websockets=False,
        ).serve()


@main.command()
def worker() -> None:
    """Take jobs from the queue: webhooks, status queries, statements, receipts."""
    _with_runtime("payclear.processes:run_worker")


@main.command()
def scheduler() -> None:
    """Be the clock: put periodic jobs into the queue, each period once."""
    _with_runtime("payclear.processes:run_scheduler")


@main.command()
def migrate() -> None:
    """Bring the database to the newest schema, as its owner."""
    from payclear.db.address import open_database, require_owner
    from payclear.db.migrate import migrate as bring_up

    chosen = load_settings()
    require_owner(chosen)
    with open_database(chosen) as address:
        click.echo(f"The database stands at {bring_up(address.owner_url)}.")


@main.command()
def demo() -> None:
    """Load the demonstration data, once; prints the logins."""
    for line in _with_runtime("payclear.operations.demo:load_with_decisions") or ():
        click.echo(line)


@main.group()
def refund() -> None:
    """Refunds at the provider: ask for one, list them, show one. Not for production yet."""


@refund.command("request")
@click.argument("attempt_ref")
@click.argument("amount", type=int)
@click.option("--reason", required=True, help="Goes to the provider: nothing personal.")
@click.option("--by", "requested_by", required=True, help="Who asks.")
def refund_request(attempt_ref: str, amount: int, reason: str, requested_by: str) -> None:
    """Ask to give AMOUNT đồng of the payment attempt ATTEMPT_REF back; a worker sends it."""
    say("payclear.refunds.desk:request", attempt_ref, amount, reason=reason, requested_by=requested_by)


@refund.command("list")
def refund_list() -> None:
    """List the newest refunds."""
    say("payclear.refunds.desk:newest")


@refund.command("show")
@click.argument("refund_ref")
def refund_show(refund_ref: str) -> None:
    """Show one refund and how it came to stand there."""
    say("payclear.refunds.desk:show", refund_ref)


@main.command()
def verify() -> None:
    """Check every invariant, read-only; exit code 1 when one does not hold."""
    from payclear.assembly import assemble
    from payclear.operations.verify import OFFENDERS_SHOWN
    from payclear.operations.verify import verify as check_all

    with open_runtime(load_settings()) as runtime:
        findings = check_all(runtime.database, assemble(runtime).modules.checks)
    for finding in findings:
        mark = "holds" if finding.holds else f"BROKEN by {len(finding.offenders)}"
        click.echo(f"{finding.check.id:<8} {mark:<14} {finding.check.title}")
        for offender in finding.offenders[:OFFENDERS_SHOWN]:
            click.echo("         " + ", ".join(f"{name}={value}" for name, value in offender.items()))
    broken = sum(not finding.holds for finding in findings)
    click.echo(f"{len(findings)} invariants checked, {broken} broken.")
    sys.exit(1 if broken else 0)


@main.group()
def routing() -> None:
    """The rules that say which providers are offered, and the service fees."""


@routing.command("check")
def check_routing() -> None:
    """Look for rules that contradict each other or can never fire; exit code 1 when there is one."""
    from payclear.checkout.rules import check_rules

    with open_runtime(load_settings()) as runtime, runtime.database.begin() as uow:
        problems = check_rules(runtime, uow)
    for problem in problems:
        click.echo(f"{'warning' if problem.is_warning else 'ERROR  '} {problem.code:<14} {problem.sentence}")
    errors = sum(not problem.is_warning for problem in problems)
    click.echo(f"{errors} errors, {len(problems) - errors} warnings.")
    sys.exit(1 if errors else 0)


@routing.command("load")
@click.argument(
    "paths", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
def load_routing(paths: tuple[Path, ...]) -> None:
    """Load rules and service fees from TOML files; nothing when the check refuses them."""
    from payclear.checkout.rules import load_rules

    with open_runtime(load_settings()) as runtime, runtime.database.begin() as uow:
        warnings = load_rules(runtime, uow, paths)
        uow.commit()
    for problem in warnings:
        click.echo(f"warning {problem.sentence}")
    click.echo("The rules are loaded.")


@main.command()
@click.option("--seed", type=int, required=True, help="The same seed gives the same day.")
@click.option("--payments", type=click.IntRange(1, 1_000_000), default=20_000, show_default=True)
@click.option(
    "--faults",
    type=click.FloatRange(0, 50),
    default=5.0,
    show_default=True,
    help="Percent of the tries, deaths, files that each fault meets.",
)
@click.option("--days", type=click.IntRange(1, 30), default=1, show_default=True)
@click.option("--report", type=click.Path(dir_okay=False, path_type=Path), help="Write the report as JSON.")
def simulate(seed: int, payments: int, faults: float, days: int, report: Path | None) -> None:
    """Live a whole day in minutes, with faults, and compare the books with the truth; exit code 1 if they differ."""
    import json

    from payclear.simulation import day
    from payclear.simulation import report as reporting

    if load_settings().is_production:
        raise OperatorProblem("A production simulates nothing: this command is for development and tests.")
    wanted = day.Order(seed=seed, payments=payments, days=days, faults_percent=faults)
    outcome = day.simulate(wanted, click.echo)
    if report is not None:
        report.write_text(
            json.dumps(reporting.as_json(outcome), ensure_ascii=False, indent=1) + "\n", "utf-8"
        )
    for text in reporting.as_lines(outcome):
        click.echo(text)
    sys.exit(0 if outcome.is_sound else 1)


@main.command("health-report")
@click.argument("account")
@click.argument("month")
@click.option("--lang", "locale", type=click.Choice(["vi", "en"]), default="vi", show_default=True)
def health_report(account: str, month: str, locale: str) -> None:
    """Write the CSV of how the provider ACCOUNT did in MONTH (YYYY-MM); the same bytes as in the console."""
    content = refusing_plainly("payclear.gateway.report_file:month_file", account, month, locale)
    click.echo(content, nl=False)


@main.command()
@click.option("--markdown", is_flag=True, help="Write the page docs/settings.md instead.")
def settings(markdown: bool) -> None:
    """Show every setting in force, where it came from and what it means; secrets are dots."""
    import os

    if markdown:
        from payclear.kernel.settings_page import settings_page

        click.echo(settings_page(default_config_dir(os.environ)), nl=False)
        return
    rows = describe(load_settings())
    name_width = max(len(row.name) for row in rows)
    value_width = min(max(len(row.value) for row in rows), 40)
    for row in rows:
        shown = f"{row.name:<{name_width}}  {row.value:<{value_width}}  {row.origin}"
        click.echo(f"{shown}\n{'':<{name_width}}  {row.meaning}")


@main.command()
@click.option("--markdown", is_flag=True, help="With a heading for each table.")
def states(markdown: bool) -> None:
    """Draw the life of every kind of object as Mermaid state diagrams."""
    from payclear.kernel.states import all_tables

    import_domains()
    for table in sorted(all_tables(), key=lambda table: table.name):
        if markdown:
            click.echo(f"### {table.name}\n\n```mermaid\n{table.mermaid().strip()}\n```\n")
        else:
            click.echo(f"%% {table.name}\n{table.mermaid().strip()}\n")


@main.command()
@click.argument("folder", default="docs", type=click.Path(exists=True, file_okay=False, path_type=Path))
def docs(folder: Path) -> None:
    """Write the pages of docs/ that come from the code: settings, errors, events, drawn states."""
    import os

    from payclear.assembly import load_modules
    from payclear.operations.docs_pages import write_pages

    import_domains()
    load_modules(load_settings())
    changed = write_pages(folder, default_config_dir(os.environ))
    for path in changed:
        click.echo(f"{path} is written anew.")
    if not changed:
        click.echo("Every page is up to date.")


@main.command()
def forget() -> None:
    """Forget all data of the embedded database and the demonstration (make clean)."""
    from payclear.db.embedded import EmbeddedServer

    chosen = load_settings()
    if chosen.is_production:
        raise OperatorProblem("A production is never forgotten: this command is for demonstrations.")
    folder = Path(chosen.database.state_folder).resolve()
    EmbeddedServer(folder).destroy()
    for name in OWN_FILES:
        (folder / name).unlink(missing_ok=True)
    click.echo(f"payclear has forgotten what was in {folder}.")


def import_domains() -> None:
    """Import every feature's domain and every module, so that their state tables are known."""
    import payclear

    for feature in pkgutil.walk_packages(payclear.__path__, "payclear."):
        if feature.ispkg and importlib.util.find_spec(f"{feature.name}.domain") is not None:
            importlib.import_module(f"{feature.name}.domain")
    for entry in entry_points(group="payclear.modules"):
        entry.load()


@contextmanager
def open_runtime(settings: Settings) -> Iterator[Runtime]:
    """The tools of this process on its database, installed, and put away afterwards."""
    from payclear.assembly import make_runtime
    from payclear.db.address import open_database
    from payclear.runtime import install

    with open_database(settings) as address:
        made = make_runtime(settings, url=address.url)
        install(made)
        try:
            yield made
        finally:
            made.database.engine.dispose()


def _with_runtime(target: str, *arguments: Any, **options: Any) -> Any:
    """Import a function by `module:name` and call it with this process's runtime."""
    module, _, name = target.partition(":")
    function: Callable[..., Any] = getattr(importlib.import_module(module), name)
    with open_runtime(load_settings()) as runtime:
        return function(runtime, *arguments, **options)


def say(target: str, *arguments: Any, **options: Any) -> None:
    """Print the lines that a function answers."""
    for line in refusing_plainly(target, *arguments, **options):
        click.echo(line)


def refusing_plainly(target: str, *arguments: Any, **options: Any) -> Any:
    """What a function answers; a refusal of ours is a sentence, not a traceback."""
    from payclear.kernel.errors import PayclearError

    try:
        return _with_runtime(target, *arguments, **options)
    except PayclearError as error:
        facts = "".join(f", {name} {value}" for name, value in error.facts.items())
        raise OperatorProblem(f"{error.code}: {error.detail}{facts}.") from error


if __name__ == "__main__":
    main()
