"""What people pay, from the worked figures of the law, through the API; and how long the answer holds."""

from datetime import date

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.obligations.insurance.office import DAY, Office, amounts, member, shares

OF_2024 = [105_300, 73_710, 63_180, 52_650, 42_120]
OF_2026 = [113_850, 79_695, 68_310, 56_925, 45_540]


@pytest.mark.parametrize(
    ("paid_on", "monthly"),
    [
        (date(2024, 6, 30), [81_000, 56_700, 48_600, 40_500, 32_400]),
        (date(2024, 7, 1), OF_2024),
        (date(2026, 6, 30), OF_2024),
        (date(2026, 7, 1), OF_2026),
        (date(2026, 8, 15), OF_2026),
    ],
)
@pytest.mark.parametrize("months", [3, 6, 12])
def test_household_pays_the_months_by_the_reference_level_of_the_day_of_payment(
    office, paid_on, monthly, months
):
    office.on(paid_on)
    made = office.register(office.household(7, from_on=paid_on + DAY, months=months))
    everybody = [*monthly, monthly[-1], monthly[-1]]
    assert shares(made, "monthly") == everybody
    assert shares(made) == amounts(made) == [each * months for each in everybody]
    assert made["quote"]["total"]["amount"] == sum(everybody) * months
    assert shares(made, "state") == [0] * 7


def test_notice_of_june_paid_in_july_is_dearer_and_says_so_on_the_last_day(office):
    office.on(date(2026, 6, 30))
    made = office.register(office.household(1, from_on=date(2026, 5, 1)))
    assert made["quote"]["valid_until"] == "2026-06-30T17:00:00Z"
    assert amounts(made) == [105_300 * 12]
    office.on(date(2026, 7, 1))
    later = office.read(made)
    assert amounts(later) == [113_850 * 12]
    assert later["principal"]["amount"] == 105_300 * 12  # as registered
    assert later["quote"]["valid_until"] == "2026-07-30T17:00:00Z"  # no change is known, thirty days at most
    office.on(date(2026, 6, 30))
    assert office.read(made) == made


def test_lines_name_the_place_in_the_household_and_nobody(office):
    office.on(date(2026, 8, 15))
    made = office.register(office.household([member(1, covered_through="2026-11-30"), member(2)]))
    assert [line["name"] for line in made["quote"]["lines"]] == [
        "BHYT hộ gia đình, người thứ 1, 9 tháng",
        "BHYT hộ gia đình, người thứ 2, 12 tháng",
    ]
    assert {
        (line["type"], line["beneficiary_account"], line["chapter"]) for line in made["quote"]["lines"]
    } == {("insurance", "TK-BHXH", "")}
    first, second = made["quote"]["contribution"]["members"]
    assert (first["ref"], first["from_on"], first["to_on"]) == ("M1", "2026-12-01", "2027-08-31")
    assert (second["ref"], second["from_on"], second["to_on"]) == ("M2", "2026-09-01", "2027-08-31")
    assert first["rule_ids"] == ["household-health-insurance-2023", "reference-level-2026-07"]
    assert len(first["legal_basis"]) == 2


def test_prepaid_months_are_not_charged_again_when_the_level_rises(office):
    office.on(date(2026, 7, 1))
    people = [member(1, covered_through="2026-12-31"), member(2)]
    made = office.register(office.household(people, from_on=date(2026, 7, 1), months=6))
    assert shares(made) == [0, 79_695 * 6]
    assert amounts(made) == [79_695 * 6]  # the second place stays the second


def test_near_poor_member_pays_the_rest_of_the_share_and_the_state_is_a_memo(office):
    office.on(date(2026, 8, 15))
    made = office.register(office.household([member(1, support_category="near_poor"), member(2)], months=3))
    assert shares(made) == [34_155 * 3, 79_695 * 3]
    assert shares(made, "state") == [79_695 * 3, 0]
    contribution = made["quote"]["contribution"]
    assert contribution["own"]["amount"] + contribution["state"]["amount"] == contribution["full"]["amount"]
    assert made["quote"]["total"] == contribution["own"]


@pytest.mark.parametrize(
    ("categories", "state"),
    [
        (("poor",), 165_000),
        (("near_poor",), 132_000),
        (("ethnic_minority",), 99_000),
        (("other",), 66_000),
        (("other", "ethnic_minority", "poor"), 165_000),
        ((), 0),
    ],
)
def test_voluntary_support_is_that_of_the_best_category_alone(office, categories, state):
    office.on(date(2026, 8, 15))
    made = office.register(office.voluntary(categories=categories, months=3))
    assert shares(made, "state") == [state * 3]
    assert shares(made) == amounts(made) == [(330_000 - state) * 3]
    assert made["quote"]["lines"][0]["name"] == "BHXH tự nguyện, 3 tháng"


def test_voluntary_ceiling_rises_with_the_reference_level(office):
    office.on(date(2026, 6, 30))
    refused = office.portal.post("/obligations", office.voluntary(50_600_000))
    assert (refused.status_code, refused.json["facts"]["ceiling"]) == (422, 46_800_000)
    office.on(date(2026, 7, 1))
    assert amounts(office.register(office.voluntary(50_600_000))) == [11_132_000]


def test_support_ends_after_the_months_of_a_life(office):
    office.on(date(2026, 8, 15))
    made = office.register(office.voluntary(categories=("poor",), months=12, months_supported=117))
    assert shares(made, "state") == [165_000 * 3]


def test_quote_holds_for_the_days_the_catalogue_states_at_most(office):
    with office.scene.runtime.database.begin() as uow:
        uow.run(
            "INSERT INTO legal_parameter (id, kind, code, valid_from, legal_basis, value) VALUES "
            "('q', 'contribution_quote', 'office', '2020-01-01', 'x', '{\"days_most\": 5}')"
        )
        uow.commit()
    office.on(date(2026, 8, 15))
    made = office.register(office.household(1))
    assert made["quote"]["valid_until"] == "2026-08-19T17:00:00Z"


PEOPLE = st.lists(
    st.fixed_dictionaries(
        {
            "support_category": st.sampled_from([None, "near_poor"]),
            "covered_through": st.sampled_from([None, "2026-09-30", "2026-11-30", "2027-08-31"]),
        }
    ),
    min_size=1,
    max_size=7,
)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(people=PEOPLE, order=st.randoms(use_true_random=False), months=st.sampled_from([3, 6, 12]))
def test_order_decides_who_pays_what_and_each_rule_holds(office, people, order, months):
    office.on(date(2026, 8, 15))
    places = list(range(1, len(people) + 1))
    order.shuffle(places)
    number = next(office.numbers)
    household = [
        member(place, code=f"{number:06d}{place:04d}", **facts)
        for place, facts in zip(places, people, strict=True)
    ]
    answer = office.portal.post("/obligations", office.household(household, months=months))
    if answer.status_code == 422:
        assert answer.json["facts"]["reason"] in ("nothing_to_pay", "overlaps")
        return
    quote = answer.json["quote"]
    told = {each["ref"]: each for each in household}
    for place, line in enumerate(quote["contribution"]["members"], start=1):
        facts = told[line["ref"]]
        monthly = OF_2026[min(place, 5) - 1]
        assert facts["order"] == place
        assert line["monthly"]["amount"] == monthly
        assert line["own"]["amount"] + line["state"]["amount"] == line["full"]["amount"]
        assert line["full"]["amount"] == monthly * line["months"]
        assert (line["state"]["amount"] > 0) == bool(facts["support_category"] and line["months"])
    assert quote["total"] == quote["contribution"]["own"]
    assert sum(line["amount"]["amount"] for line in quote["lines"]) == quote["total"]["amount"]


@pytest.mark.parametrize("day", [date(2026, 6, 1), date(2026, 6, 30), date(2026, 7, 1), date(2026, 11, 30)])
def test_quote_of_a_day_that_is_over_comes_out_the_same(office: Office, day: date):
    office.on(day)
    body = office.household(3, document={"issued_on": "2026-05-15"})
    made = office.register(body)
    office.on(date(2027, 3, 1))
    office.pay(office.register(office.household(3, from_on=date(2027, 9, 1))))
    office.on(day)
    assert office.read(made)["quote"] == made["quote"]
