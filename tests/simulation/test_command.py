"""`payclear simulate`: what it refuses, and that it writes its report."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from payclear import cli
from payclear.runtime import Runtime, current, install
from tests.kernel.test_settings import PRODUCTION


def call(*words: str, **environ: str) -> tuple[int, str]:
    done = CliRunner().invoke(cli.main, ["simulate", *words], env=environ)
    return done.exit_code, done.output


def test_production_simulates_nothing(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    code, said = call("--seed", "7", "--report", str(report), **PRODUCTION, PAYCLEAR_ENVIRONMENT="production")
    assert (code, said.count("\n")) == (2, 1)
    assert "simulates nothing" in said
    assert not report.exists()


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ([], "--seed"),
        (["--seed", "seven"], "--seed"),
        (["--seed", "7", "--payments", "0"], "--payments"),
        (["--seed", "7", "--faults", "51"], "--faults"),
        (["--seed", "7", "--faults", "-1"], "--faults"),
        (["--seed", "7", "--days", "0"], "--days"),
        (["--seed", "7", "--report", "."], "--report"),
    ],
)
def test_argument_that_makes_no_sense_is_refused_before_anything_starts(words: list[str], named: str) -> None:
    code, said = call(*words)
    assert code == 2
    assert named in said


@pytest.mark.slow
def test_day_without_faults_is_sound_and_its_report_is_written(
    tmp_path: Path, session_runtime: Runtime
) -> None:
    install(session_runtime)
    report = tmp_path / "report.json"
    code, said = call("--seed", "3", "--payments", "8", "--faults", "0", "--report", str(report))
    assert code == 0, said
    assert said.splitlines()[-1] == "The books are right."
    told = json.loads(report.read_text("utf-8"))
    assert (told["seed"], told["payments"], told["faults_percent"]) == (3, 8, 0)
    assert told["is_sound"] is True
    assert (told["deaths"], told["explained"], told["unexplained"]) == ({}, [], [])
    assert told["invariants"] > 0
    assert current() is session_runtime
