from dataclasses import replace
from pathlib import Path

from payclear.contract.conformance.scenarios import SCENARIOS
from payclear.contract.conformance.table import render
from payclear.contract.manifest import Capability, Manifest, load_manifest

SANDBOX = load_manifest(Path(__file__).parents[3] / "providers" / "sandbox" / "manifest.toml")
FULL = replace(SANDBOX, capabilities=frozenset(Capability), callback_uncovered=("open",))
NOTHING = replace(FULL, name="nothing", capabilities=frozenset())


def refused(manifest: Manifest) -> set[str]:
    return {scenario.id for scenario in SCENARIOS if scenario.reason(manifest)}


def without(capability: Capability) -> Manifest:
    return replace(FULL, capabilities=FULL.capabilities - {capability})


def test_scenarios_are_named_once():
    assert len({scenario.id for scenario in SCENARIOS}) == len({scenario.title for scenario in SCENARIOS})
    assert len({scenario.id for scenario in SCENARIOS}) == len(SCENARIOS)


def test_an_adapter_that_can_do_everything_plays_everything():
    assert refused(FULL) == set()


def test_an_adapter_that_can_do_nothing_plays_nothing():
    assert refused(NOTHING) == {scenario.id for scenario in SCENARIOS}


def test_each_fact_of_the_manifest_takes_away_its_own_scenarios():
    assert refused(replace(FULL, answers_signed=False)) == {"answer_foreign_key"}
    assert refused(replace(FULL, answers_name_payment=False)) == {"answer_other_payment"}
    assert refused(replace(FULL, callback_names_merchant=False)) == {"wrong_merchant"}
    assert refused(replace(FULL, callback_on=("paid",))) == {"reordered"}
    assert refused(replace(FULL, reports=("refused",))) == {"cancelled"}
    assert refused(replace(FULL, checkout_calls=False)) == set()
    assert refused(without(Capability.REFUND)) == {
        scenario.id for scenario in SCENARIOS if scenario.id.startswith("refund")
    }
    assert refused(without(Capability.COLLECTION)) == {
        scenario.id for scenario in SCENARIOS if scenario.id.startswith("collect_")
    }
    assert refused(replace(FULL, collection_replies_signed=False)) == {"collect_reply_foreign_key"}
    assert refused(replace(FULL, callback_uncovered=())) == {"collect_open_fields"}
    assert refused(replace(FULL, collection_operations=("inquire", "pay", "status"))) == {
        scenario.id for scenario in SCENARIOS if scenario.id.startswith("collect_reversed")
    }
    assert refused(replace(FULL, collection_operations=("inquire", "pay", "reverse"))) == {"collect_status"}
    assert refused(replace(FULL, statement_parts=("trailer",))) == {
        "statement_status_failed",
        "statement_status_unknown",
    }
    assert "captured" not in refused(without(Capability.CALLBACK))
    assert {"tampered", "duplicate_100", "unknown_order"} <= refused(without(Capability.CALLBACK))


def test_table_shows_every_cell_and_every_reason():
    table = render([NOTHING, FULL])
    rows = [line for line in table.splitlines() if line.startswith("| ")]
    assert rows[0] == "| Scenario | nothing | sandbox |"
    assert len(rows) == len(SCENARIOS) + 1
    assert all(row.endswith("| ✓ |") for row in rows[1:])
    assert not any("| ✓ | ✓ |" in row for row in rows)
    for scenario in SCENARIOS:
        assert f". {scenario.reason(NOTHING)}\n" in table
