"""What the catalogue may hold about insurance: a value that is no rule never gets in."""

from datetime import date
from fractions import Fraction

import pytest

from payclear.catalogue.parameters import ParameterRecord, known_kinds, problem_of
from payclear.obligations.insurance import parameters as insurance_rules

HALF_UP = {"mode": "half_up", "unit": 1}
HOUSEHOLD = {"rate": "45/1000", "steps": ["1/1", "70/100"], "months_allowed": [3, 6], "rounding": HALF_UP}
VOLUNTARY = {
    "rate": "22/100",
    "floor": 1_500_000,
    "ceiling_levels": 20,
    "months_allowed": [1, 3],
    "years_ahead_most": 5,
    "support_months_most": 120,
    "rounding": HALF_UP,
}
GOOD = {
    "reference_level": {"amount": 2_530_000},
    "household_health_insurance": HOUSEHOLD,
    "health_insurance_support": {"share": "70/100"},
    "voluntary_social_insurance": VOLUNTARY,
    "voluntary_insurance_support": {"share": "50/100"},
    "contribution_quote": {"days_most": 30},
}


def record(kind: str, value: dict) -> ParameterRecord:
    return ParameterRecord(
        id="R1",
        kind=kind,
        code="national",
        valid_from=date(2026, 1, 1),
        valid_to=None,
        legal_basis="Luật mẫu",
        value=value,
    )


@pytest.mark.parametrize("kind", GOOD)
def test_good_value_is_a_rule_and_nothing_may_be_missing_or_added(kind):
    assert kind in known_kinds()
    assert problem_of(record(kind, GOOD[kind])) == ""
    assert problem_of(record(kind, GOOD[kind] | {"note": "x"})) != ""
    for name in GOOD[kind]:
        assert (
            problem_of(record(kind, {key: value for key, value in GOOD[kind].items() if key != name})) != ""
        )


@pytest.mark.parametrize(
    ("kind", "changed"),
    [
        ("reference_level", {"amount": "2530000"}),
        ("reference_level", {"amount": True}),
        ("household_health_insurance", {"rate": 0.045}),
        ("household_health_insurance", {"rate": "45/0"}),
        ("household_health_insurance", {"rate": "4.5 %"}),
        ("household_health_insurance", {"rate": "0"}),
        ("household_health_insurance", {"steps": []}),
        ("household_health_insurance", {"steps": "1/1"}),
        ("household_health_insurance", {"steps": ["11/10"]}),
        ("household_health_insurance", {"months_allowed": [0, 3]}),
        ("household_health_insurance", {"months_allowed": ["3"]}),
        ("household_health_insurance", {"rounding": {"mode": "bankers", "unit": 1}}),
        ("household_health_insurance", {"rounding": {"mode": "half_up", "unit": 0}}),
        ("household_health_insurance", {"rounding": "half_up"}),
        ("household_health_insurance", {"months_back_most": -1}),
        ("household_health_insurance", {"months_back_most": "1"}),
        ("voluntary_social_insurance", {"months_back_most": -1}),
        ("health_insurance_support", {"share": "11/10"}),
        ("voluntary_social_insurance", {"floor": 0}),
        ("voluntary_social_insurance", {"ceiling_levels": 0}),
        ("voluntary_insurance_support", {"share": "-1/2"}),
        ("contribution_quote", {"days_most": 0}),
    ],
)
def test_value_that_is_no_rule_is_told(kind, changed):
    assert problem_of(record(kind, GOOD[kind] | changed)) != ""


def test_fractions_are_exact():
    rule = insurance_rules.household_rule(record("household_health_insurance", HOUSEHOLD))
    assert (rule.rate, rule.steps) == (Fraction(45, 1000), (Fraction(1), Fraction(7, 10)))


def test_rule_withdrawn_before_its_first_day_prices_nothing(office):
    with office.scene.runtime.database.begin() as uow:
        uow.run(
            "INSERT INTO legal_parameter (id, kind, code, valid_from, valid_to, legal_basis, value) VALUES "
            "('w', 'reference_level', 'national', '2027-01-01', '2026-12-31', 'x', '{\"amount\": 1}')"
        )
        uow.commit()
    office.on(date(2027, 2, 1))
    made = office.register(office.household(1, from_on=date(2027, 3, 1), months=3))
    assert made["quote"]["total"]["amount"] == 113_850 * 3
