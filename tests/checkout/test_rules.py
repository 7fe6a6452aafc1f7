"""Loading rules and fees: refused whole when one of them is wrong, and the figures of a programme never change."""

from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner

from payclear import cli
from payclear.catalogue.files import CatalogueRefused
from payclear.catalogue.service import fee_programmes, routing_rules
from payclear.checkout.rules import RulesRefused, check_rules, load_rules
from payclear.kernel.settings import default_config_dir
from payclear.runtime import Runtime
from tests.scenes import Scene

CATALOGUE = default_config_dir({}) / "catalogue"
OFFER = """
[[routing_rule]]
code = "offer-all"
valid_from = 2026-01-01
rank = 900
effect = "offer"
reason_vi = "Mọi nơi"
reason_en = "Every place"
legal_basis = "test"
"""
FEE = """
[[service_fee_programme]]
code = "fee"
valid_from = 2026-01-01
provider_account = "vnpay-demo"
borne_by = "PAYER"
fixed = {fixed}
legal_basis = "test"
"""


def load(runtime: Runtime, folder: Path, text: str) -> list[str]:
    path = folder / "rules.toml"
    path.write_text(text, encoding="utf-8")
    with runtime.database.begin() as uow:
        warnings = load_rules(runtime, uow, [path])
        uow.commit()
    return [problem.code for problem in warnings]


def stored(runtime: Runtime) -> tuple[int, int]:
    with runtime.database.begin() as uow:
        return len(routing_rules(uow)), len(fee_programmes(uow))


def test_load_of_sound_rules_twice_changes_nothing(scene: Scene, tmp_path: Path) -> None:
    assert load(scene.runtime, tmp_path, OFFER + FEE.format(fixed=1_100)) == []
    assert load(scene.runtime, tmp_path, OFFER + FEE.format(fixed=1_100)) == []
    assert stored(scene.runtime) == (1, 1)


@pytest.mark.parametrize(
    "wrong",
    [
        OFFER.replace('effect = "offer"', 'effect = "offer"\nprovider_account = "nobody"'),
        OFFER.replace('effect = "offer"', 'effect = "offer"\namount_from = 9\namount_to = 8'),
        OFFER + OFFER.replace("offer-all", "never").replace('"offer"', '"withhold"').replace("900", "901"),
        OFFER + OFFER.replace("offer-all", "against").replace('"offer"', '"withhold"'),
    ],
)
def test_load_of_rules_that_can_not_work_loads_nothing(scene: Scene, tmp_path: Path, wrong: str) -> None:
    with pytest.raises(RulesRefused, match="Nothing was loaded"):
        load(scene.runtime, tmp_path, wrong)
    assert stored(scene.runtime) == (0, 0)


@pytest.mark.parametrize(
    "wrong",
    [
        OFFER.replace('"offer"', '"forbid"'),
        OFFER.replace("rank = 900", 'rank = 900\nhealth = ["closed"]'),
        OFFER.replace("rank = 900", "rank = 900\ncolour = 1"),
        OFFER.replace("rank = 900\n", ""),
        FEE.format(fixed=-1),
        "not toml",
    ],
)
def test_load_of_a_file_that_is_wrong_is_said_in_a_sentence(scene: Scene, tmp_path: Path, wrong: str) -> None:
    with pytest.raises(CatalogueRefused):
        load(scene.runtime, tmp_path, wrong)


def test_figures_of_a_programme_never_change_but_it_may_end(scene: Scene, tmp_path: Path) -> None:
    load(scene.runtime, tmp_path, FEE.format(fixed=1_100))
    with pytest.raises(CatalogueRefused, match="service_fee_programme"):
        load(scene.runtime, tmp_path, FEE.format(fixed=2_200))
    ended = FEE.format(fixed=1_100).replace("provider_account", "valid_to = 2026-12-31\nprovider_account")
    load(scene.runtime, tmp_path, ended)
    with scene.runtime.database.begin() as uow:
        [programme] = fee_programmes(uow)
    assert (programme.fixed, programme.valid_to) == (1_100, date(2026, 12, 31))


def test_shipped_rules_are_sound(scene: Scene) -> None:
    names = ("routing.toml", "demo_routing.toml")
    with scene.runtime.database.begin() as uow:
        warnings = load_rules(scene.runtime, uow, [CATALOGUE / name for name in names])
        assert warnings == []
        assert check_rules(scene.runtime, uow) == []


def test_command_checks_and_loads(scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from contextlib import nullcontext

    monkeypatch.setattr(cli, "open_runtime", lambda settings: nullcontext(scene.runtime))
    run = CliRunner().invoke
    assert "no_rules" in run(cli.main, ["routing", "check"]).output
    path = tmp_path / "r.toml"
    path.write_text(OFFER, encoding="utf-8")
    assert run(cli.main, ["routing", "load", str(path)]).output == "The rules are loaded.\n"
    checked = run(cli.main, ["routing", "check"])
    assert (checked.exit_code, checked.output) == (0, "0 errors, 0 warnings.\n")
