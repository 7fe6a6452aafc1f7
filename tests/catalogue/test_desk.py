"""The commands of the catalogue: what they print, and what they refuse."""

from dataclasses import replace
from pathlib import Path

import pytest

from payclear.catalogue import desk
from payclear.catalogue.changes import SecondPersonNeeded
from payclear.catalogue.files import CatalogueRefused, load_catalogue
from payclear.kernel.problems import OperatorProblem
from payclear.kernel.settings import default_config_dir
from payclear.runtime import Runtime
from tests.catalogue.conftest import HEAD, MONDAY, priced

GOOD = HEAD + priced("PHI-2", 250_000, valid_from=MONDAY, predecessor="PHI-1")


def test_file_is_compared_proposed_and_approved_by_another(
    runtime: Runtime, catalogue: None, tmp_path: Path
) -> None:
    path = tmp_path / "tariff.csv"
    path.write_text(GOOD, "utf-8")
    lines, is_sound = desk.diff(runtime, path)
    assert is_sound
    assert lines[-1] == "2 changes, 0 rows unchanged, 0 problems."
    (line,) = desk.propose(runtime, path, reason="Nghị quyết 12", made_by="lap")
    change = line.split()[0]
    with pytest.raises(SecondPersonNeeded):
        desk.approve_by_command(runtime, change, checked_by="lap")
    (done,) = desk.approve_by_command(runtime, change, checked_by="duyet")
    assert "approved" in done
    assert desk.newest(runtime) == [done]


def test_problems_are_sentences_with_file_and_line(runtime: Runtime, catalogue: None, tmp_path: Path) -> None:
    (tmp_path / "tariff.csv").write_text(HEAD + priced("PHI-1", 1), "utf-8")
    (tmp_path / "treasury_unit.yaml").write_text("treasury_unit: 1", "utf-8")
    lines, is_sound = desk.diff(runtime, tmp_path)
    assert not is_sound
    assert any(line.startswith("tariff.csv:2: The row PHI-1 is there") for line in lines)
    with pytest.raises(OperatorProblem, match=r"treasury_unit\.yaml:1"):
        desk.propose(runtime, tmp_path, reason="Nghị quyết 12", made_by="lap")
    assert desk.newest(runtime) == ["There is no change."]


@pytest.mark.parametrize("name", ["danh-muc.zip", "danh-muc.yaml"])
def test_what_is_exported_is_compared_as_unchanged(
    runtime: Runtime, catalogue: None, tmp_path: Path, name: str
) -> None:
    desk.export_to(runtime, tmp_path / name)
    lines, is_sound = desk.diff(runtime, tmp_path / name)
    assert (lines[-1].startswith("0 changes, "), is_sound) == (True, True)


def test_one_table_is_exported_as_csv_and_an_unknown_one_is_refused(
    runtime: Runtime, catalogue: None, tmp_path: Path
) -> None:
    assert desk.export_to(runtime, tmp_path / "tariff.csv", "tariff") == [
        f"{tmp_path / 'tariff.csv'}: 1 rows of 1 tables."
    ]
    for target, table in (("a.csv", ""), ("a.csv", "staff"), ("a.txt", "")):
        with pytest.raises(OperatorProblem):
            desk.export_to(runtime, tmp_path / target, table)


def test_no_command_proposes_or_decides_in_production(
    runtime: Runtime, catalogue: None, tmp_path: Path
) -> None:
    path = tmp_path / "tariff.csv"
    path.write_text(GOOD, "utf-8")
    change = desk.propose(runtime, path, reason="Nghị quyết 12", made_by="lap")[0].split()[0]
    production = replace(runtime, settings=replace(runtime.settings, environment="production"))
    with pytest.raises(OperatorProblem, match="signed in"):
        desk.propose(production, path, reason="Nghị quyết 12", made_by="lap")
    with pytest.raises(OperatorProblem, match="signed in"):
        desk.approve_by_command(production, change, checked_by="duyet")
    with pytest.raises(OperatorProblem, match="signed in"):
        desk.reject_by_command(production, change, checked_by="duyet", reason="không đúng")


def test_files_are_loaded_into_an_empty_catalogue_only_once_it_is_production(runtime: Runtime) -> None:
    path = default_config_dir({}) / "catalogue" / "national.toml"
    production = replace(runtime, settings=replace(runtime.settings, environment="production"))
    (line,) = desk.load(production, [path])
    assert line.endswith(" rows.")
    with pytest.raises(OperatorProblem, match="not empty"):
        desk.load(production, [path])
    assert desk.load(runtime, [path]) == [line]


def test_shipped_file_whose_value_is_no_rule_is_refused(runtime: Runtime, tmp_path: Path) -> None:
    path = tmp_path / "rules.toml"
    path.write_text(
        '[[legal_parameter]]\nid = "x"\nkind = "reference_level"\ncode = "national"\nvalid_from = 2026-01-01\n'
        'legal_basis = "x"\nvalue = { amout = 1 }\n',
        "utf-8",
    )
    with runtime.database.begin() as uow, pytest.raises(CatalogueRefused, match="x: "):
        load_catalogue(uow, path)
