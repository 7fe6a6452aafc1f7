"""Fees of dossiers: nothing is guessed, the filing date decides, and every line says why it costs what it costs."""

from dataclasses import replace
from datetime import date
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payclear.kernel.money import Money, sum_money
from payclear.obligations.rules.fees import (
    Beneficiary,
    DeclaredTotalDiffers,
    FeeItem,
    InvalidFeeFacts,
    PayerClaim,
    PriceOverride,
    PriceOverrideRefused,
    ProcedureNotInForce,
    price_dossier,
    require_declared_total,
)
from payclear.obligations.rules.rounding import Rounding, RoundingMode
from payclear.obligations.rules.tariffs import (
    STATE_REVENUE,
    PriceType,
    TariffNotInForce,
    UnknownFeeItem,
)
from tests.obligations.rules.pricelist import (
    COPIES,
    COURIER,
    EXEMPT,
    FILING,
    LE_PHI,
    PASSPORT,
    PASSPORT_ONLINE,
    PHI,
    POOR,
    SHARE,
    TARIFF,
    priced,
    row,
)


@pytest.mark.parametrize("filed_on", [date(2019, 12, 31), date(2027, 1, 1)])
def test_procedure_out_of_force_on_the_filing_date_is_refused(filed_on):
    with pytest.raises(ProcedureNotInForce) as caught:
        priced(filed_on=filed_on)
    assert caught.value.facts == {"procedure_code": "1.009999", "filed_on": filed_on.isoformat()}


def test_item_the_tariff_never_had_is_refused():
    with pytest.raises(UnknownFeeItem):
        priced(items=(FeeItem(item_code="P99"),))


def test_item_without_a_price_on_the_filing_date_is_an_error_not_a_zero():
    with pytest.raises(TariffNotInForce) as caught:
        priced(PHI, row("T-OLD", "P02", valid_to=date(2026, 3, 1)), items=(FeeItem(item_code="P02"),))
    assert caught.value.facts["item_code"] == "P02"


@pytest.mark.parametrize(
    "rows",
    [
        (replace(PHI, valid_to=date(2026, 3, 1)),),
        (replace(PHI, valid_from=date(2026, 3, 3)),),
        (replace(PHI, procedure_code="1.008888"),),
        (replace(PHI, channel="counter"),),
        (replace(PHI, agency_code="H01"),),
        (replace(PHI, payer_class="poor"),),
        (COPIES,),
    ],
)
def test_dossier_without_any_price_is_an_error_not_a_free_one(rows):
    with pytest.raises(TariffNotInForce):
        priced(*rows)


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        (FeeItem(item_code="P02", quantity=0), "not_positive"),
        (FeeItem(item_code="P02", quantity=-1), "not_positive"),
        (FeeItem(item_code="P03", years=0), "not_positive"),
        (FeeItem(item_code="P01", quantity=2), "not_counted"),
        (FeeItem(item_code="P02", years=2), "not_counted"),
        (FeeItem(item_code="L02", quantity=2, declared_value=Money(1)), "not_counted"),
        (FeeItem(item_code="L02"), "declared_value"),
        (FeeItem(item_code="L02", declared_value=Money(-1)), "declared_value"),
        (FeeItem(item_code="P01", declared_value=Money(1)), "declared_value"),
    ],
)
def test_facts_the_basis_can_not_use_are_refused(item, reason):
    with pytest.raises(InvalidFeeFacts) as caught:
        priced(items=(item,))
    assert caught.value.facts == {"reason": reason, "item_code": item.item_code}


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"items": (FeeItem(item_code="P02"), FeeItem(item_code="P02"))}, "repeated_item"),
        ({"claim": PayerClaim(payer_class="poor", evidence_ref=" ")}, "no_evidence"),
        ({"beneficiaries": {"P01": Beneficiary(account="TK")}}, "no_beneficiary"),
    ],
)
def test_filing_that_can_not_be_priced_is_refused(facts, reason):
    with pytest.raises(InvalidFeeFacts) as caught:
        priced(**facts)
    assert caught.value.facts["reason"] == reason


@pytest.mark.parametrize(
    ("charge", "reason"),
    [
        (replace(COURIER, type=PriceType.FEE_PHI), "state_revenue"),
        (replace(COURIER, beneficiary_account="TK-PHI"), "state_account"),
        (replace(COURIER, code="P01"), "repeated_item"),
        (replace(COURIER, amount=Money(0)), "not_positive"),
    ],
)
def test_charge_that_mixes_with_state_money_is_refused(charge, reason):
    with pytest.raises(InvalidFeeFacts) as caught:
        price_dossier(FILING, TARIFF, charges=(charge,))
    assert caught.value.facts["reason"] == reason


OVERRIDE = PriceOverride(
    item_code="P01", amount=Money(100_000), reason="Nghị quyết riêng", made_by="an", checked_by="binh"
)


@pytest.mark.parametrize(
    ("overrides", "reason"),
    [
        ((replace(OVERRIDE, item_code="P02"),), "no_such_line"),
        ((OVERRIDE, OVERRIDE), "repeated"),
        ((replace(OVERRIDE, reason=" "),), "no_reason"),
        ((replace(OVERRIDE, checked_by="an"),), "no_second_person"),
        ((replace(OVERRIDE, checked_by=" an "),), "no_second_person"),
        ((replace(OVERRIDE, checked_by=""),), "no_second_person"),
        ((replace(OVERRIDE, made_by=""),), "no_second_person"),
        ((replace(OVERRIDE, amount=Money(-1)),), "negative"),
    ],
)
def test_override_without_reason_or_second_person_is_refused(overrides, reason):
    with pytest.raises(PriceOverrideRefused) as caught:
        price_dossier(FILING, TARIFF, overrides=overrides)
    assert caught.value.facts["reason"] == reason


@pytest.mark.parametrize("declared", [184_999, 185_001, 0])
def test_total_the_portal_states_must_be_ours_to_the_dong(declared):
    price = price_dossier(FILING, TARIFF)
    with pytest.raises(DeclaredTotalDiffers):
        require_declared_total(price, Money(declared))
    require_declared_total(price, Money(185_000))


def test_phi_and_le_phi_are_lines_of_their_own_with_rule_and_law():
    price = price_dossier(FILING, TARIFF)
    assert [(line.code, line.type, line.beneficiary.account) for line in price.lines] == [
        ("L01", PriceType.FEE_LE_PHI, "TK-LE-PHI"),
        ("P01", PriceType.FEE_PHI, "TK-PHI"),
    ]
    assert [(line.rule_id, line.legal_basis) for line in price.lines] == [
        ("T-L01", "TT mẫu"),
        ("T-P01", "TT mẫu"),
    ]
    assert price.total == Money(185_000)


@pytest.mark.parametrize(
    ("item", "amount"),
    [
        (FeeItem(item_code="P02"), 2_000),
        (FeeItem(item_code="P02", quantity=7), 14_000),
        (FeeItem(item_code="P03", years=3), 2_100_000),
        (FeeItem(item_code="P03", years=3, quantity=2), 4_200_000),
        (FeeItem(item_code="L02", declared_value=Money(800_000_001)), 4_000_000),
        (FeeItem(item_code="L02", declared_value=Money(100)), 1),
        (FeeItem(item_code="L02", declared_value=Money(0)), 0),
        (FeeItem(item_code="L02", declared_value=Money(10**12)), 500_000_000),
    ],
)
def test_named_item_costs_its_basis(item, amount):
    assert priced(items=(item,)) == {"P01": 135_000, "L01": 50_000, item.item_code: amount}


def test_percentage_is_bounded_below_and_rounded_as_its_row_says():
    thousands = replace(
        SHARE, least=Money(10_000), rounding=Rounding(RoundingMode.DOWN, 1000), is_optional=False
    )
    assert priced(thousands, items=(FeeItem(item_code="L02", declared_value=Money(1)),)) == {"L02": 10_000}
    assert priced(thousands, items=(FeeItem(item_code="L02", declared_value=Money(2_399_999)),)) == {
        "L02": 11_000
    }


def test_discounted_line_shows_the_full_amount_beside_it():
    (line,) = price_dossier(replace(FILING, filed_on=date(2025, 1, 2)), (PASSPORT, PASSPORT_ONLINE)).lines
    assert (line.full_amount, line.discount, line.amount) == (Money(200_000), Fraction(1, 10), Money(180_000))


def test_exemption_gives_zero_with_its_class_evidence_and_law():
    price = price_dossier(replace(FILING, claim=POOR), (PHI, EXEMPT))
    (line,) = price.lines
    assert price.is_free
    assert (line.amount, line.full_amount) == (Money(0), Money(135_000))
    assert (line.relief, line.rule_id, line.legal_basis) == (POOR, "T-P01-POOR", "TT mẫu")
    assert price.unused_claim is None


def test_claim_that_no_row_rewards_is_said_not_hidden():
    price = price_dossier(replace(FILING, claim=POOR), TARIFF)
    assert (price.total, price.unused_claim) == (Money(185_000), POOR)
    assert all(line.relief is None for line in price.lines)


def test_service_that_costs_nothing_has_a_row_that_says_so():
    price = price_dossier(FILING, (row("T-KS", amount=0),))
    assert price.is_free
    assert price.lines[0].rule_id == "T-KS"


def test_courier_goes_to_its_own_beneficiary_and_is_not_state_revenue():
    price = price_dossier(replace(FILING, items=()), (row("A", amount=150_000), LE_PHI), charges=(COURIER,))
    assert [(line.code, line.beneficiary.account) for line in price.lines] == [
        ("L01", "TK-LE-PHI"),
        ("P01", "TK-PHI"),
        ("BCCI", "VNPOST-TEST"),
    ]
    assert price.lines[-1].type not in STATE_REVENUE
    assert price.total == Money(226_000)


DELIVERY = row(
    "T-BCCI", "courier", type=PriceType.COURIER, amount=26_000, discount=Fraction(1, 2), is_optional=True
)
POST = {**FILING.beneficiaries, "courier": Beneficiary(account="VNPOST-TEST")}
POWER = replace(FILING, procedure=replace(FILING.procedure, has_state_fee=False), items=())


def test_courier_at_a_price_of_the_tariff_is_charged_where_it_is_asked_for():
    asked = replace(FILING, items=(FeeItem(item_code="courier"),), beneficiaries=POST)
    price = price_dossier(asked, (PHI, DELIVERY))
    assert [(line.code, line.amount.amount, line.beneficiary.account) for line in price.lines] == [
        ("P01", 135_000, "TK-PHI"),
        ("courier", 13_000, "VNPOST-TEST"),
    ]
    assert price_dossier(replace(asked, items=()), (PHI, DELIVERY)).total == Money(135_000)


@pytest.mark.parametrize("charge", [COURIER, replace(COURIER, code="courier", type=PriceType.OTHER_SERVICE)])
def test_charge_that_the_tariff_has_a_price_for_is_not_stated(charge):
    with pytest.raises(InvalidFeeFacts) as caught:
        price_dossier(replace(FILING, beneficiaries=POST), (PHI, DELIVERY), charges=(charge,))
    assert caught.value.facts["reason"] == "in_tariff"


def test_price_of_a_service_does_not_stand_for_a_missing_fee_of_the_state():
    always = replace(DELIVERY, is_optional=False)
    with pytest.raises(TariffNotInForce):
        price_dossier(replace(FILING, items=(), beneficiaries=POST), (always,))
    with pytest.raises(TariffNotInForce):
        price_dossier(replace(FILING, items=()), (), charges=(COURIER,))


def test_procedure_without_a_fee_of_the_state_asks_for_its_charges_only():
    assert price_dossier(POWER, (), charges=(COURIER,)).total == Money(26_000)
    always = replace(DELIVERY, is_optional=False, type=PriceType.OTHER_SERVICE)
    assert price_dossier(replace(POWER, beneficiaries=POST), (always,)).total == Money(13_000)


def test_procedure_without_a_fee_of_the_state_and_without_a_charge_is_a_slip():
    with pytest.raises(InvalidFeeFacts) as caught:
        price_dossier(POWER, (DELIVERY,))
    assert caught.value.facts["reason"] == "no_charge"


def test_charge_of_a_free_dossier_is_still_to_be_paid():
    price = price_dossier(replace(FILING, claim=POOR), (PHI, EXEMPT), charges=(COURIER,))
    assert (price.total, price.is_free) == (Money(26_000), False)


def test_override_keeps_the_tariff_s_amount_and_both_people():
    price = price_dossier(FILING, TARIFF, overrides=(OVERRIDE,))
    line = next(line for line in price.lines if line.code == "P01")
    assert (line.amount, line.full_amount, line.override) == (Money(100_000), Money(135_000), OVERRIDE)
    assert price.total == Money(150_000)


@st.composite
def filings(draw):
    items = [
        FeeItem(item_code="P02", quantity=draw(st.integers(1, 1000))),
        FeeItem(item_code="P03", years=draw(st.integers(1, 20)), quantity=draw(st.integers(1, 20))),
        FeeItem(item_code="L02", declared_value=Money(draw(st.integers(0, 10**12)))),
    ]
    chosen = draw(st.lists(st.sampled_from(items), unique=True))
    return replace(FILING, items=tuple(chosen), filed_on=draw(st.dates(date(2024, 1, 1), date(2026, 12, 31))))


@given(filings(), st.integers(1, 10**6), st.permutations(TARIFF))
def test_lines_sum_to_the_total_and_each_names_its_rule(filing, courier, tariff):
    price = price_dossier(filing, tariff, charges=(replace(COURIER, amount=Money(courier)),))
    assert sum_money(line.amount for line in price.lines) == price.total
    rules = {each.id: each for each in TARIFF}
    for line in price.lines[:-1]:
        assert rules[line.rule_id].item_code == line.code
        assert line.legal_basis
        assert 0 <= line.amount.amount <= line.full_amount.amount
    assert price == price_dossier(filing, TARIFF, charges=(replace(COURIER, amount=Money(courier)),))


@given(
    st.integers(0, 10**9),
    st.fractions(0, 1),
    st.sampled_from(RoundingMode),
    st.sampled_from([1, 500, 1000]),
)
def test_discounted_amount_is_never_above_the_full_one_and_none_at_all_when_exempt(
    amount, discount, mode, unit
):
    rule = row("T", amount=amount, discount=discount, rounding=Rounding(mode, unit))
    (line,) = price_dossier(FILING, (rule,)).lines
    assert line.amount <= line.full_amount
    if discount == 1:
        assert line.amount == Money(0)
