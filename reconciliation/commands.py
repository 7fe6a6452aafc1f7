"""The command `payclear reconcile`: one account, one business day, now."""

import mimetypes
from datetime import date
from pathlib import Path

import click

from payclear.contract.messages import StatementFile
from payclear.kernel.errors import PayclearError
from payclear.kernel.problems import OperatorProblem
from payclear.kernel.settings import load_settings


@click.command("reconcile")
@click.argument("account")
@click.argument("day")
@click.option(
    "--file",
    "path",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Take this statement.",
)
@click.option("--accept-held", is_flag=True, help="Release a statement that was held for a person.")
def reconcile(account: str, day: str, path: Path | None, accept_held: bool) -> None:
    """Reconcile ACCOUNT on DAY (YYYY-MM-DD): fetch its statement, match it, list what does not tie."""
    from payclear.assembly import assemble
    from payclear.cli import open_runtime
    from reconciliation.reports.service import day_report
    from reconciliation.reports.terminal import summary
    from reconciliation.service import run_night

    try:
        on = date.fromisoformat(day)
    except ValueError:
        raise OperatorProblem(f"{day} is no day: write it as 2026-11-20.") from None
    file = _file(path, on) if path else None
    with open_runtime(load_settings()) as runtime:
        assemble(runtime)
        try:
            run_night(runtime, account, on, file=file, accept_held=accept_held)
            report = day_report(runtime, account, on)
        except PayclearError as error:
            facts = ", ".join(f"{name} {value}" for name, value in error.facts.items())
            raise OperatorProblem(f"{error.detail or error.code}: {facts}.") from error
    for text in summary(report):
        click.echo(text)


def _file(path: Path, on: date) -> StatementFile:
    media_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return StatementFile(name=path.name, content=path.read_bytes(), media_type=media_type, business_on=on)
