"""A provider's service fee: who bears it, when, and that it never touches the state's amount."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payclear.catalogue.domain import FeeBearer, FeeProgramme
from payclear.checkout.fees import fee_of, service_fee
from payclear.checkout.routing import Choice, OrderFacts, route
from payclear.kernel.money import Money
from tests.checkout.test_routing import NOON, candidate
from tests.factories.routing import programme

FEE = frozenset({"dossier_fee"})


def fee(*programmes: FeeProgramme, amount: int = 200_000, kinds: frozenset[str] = FEE) -> int | None:
    found = service_fee(
        Money(amount), programmes, provider_account="a", kinds=kinds, agencies=frozenset({"H00"})
    )
    return found.for_payer.amount if found else None


def test_account_without_a_programme_charges_nothing() -> None:
    assert fee() is None
    assert fee(programme("p", "b", fixed=1_100)) is None


@pytest.mark.parametrize(
    ("terms", "amount", "expected"),
    [
        ({"fixed": 1_100}, 200_000, 1_100),
        ({"per_million": 11_000}, 200_000, 2_200),
        ({"fixed": 1_100, "per_million": 2_500}, 200_000, 1_600),
        ({"per_million": 2_500}, 200, 1),  # 0.5 đồng is rounded up
        ({"per_million": 2_500}, 199, 0),
        ({"per_million": 11_000, "fee_min": 3_300}, 200_000, 3_300),
        ({"per_million": 11_000, "fee_max": 1_000}, 200_000, 1_000),
        ({"fixed": 1_000, "vat_inclusive": False, "vat_per_mille": 80}, 200_000, 1_080),
        ({"fixed": 6, "vat_inclusive": False, "vat_per_mille": 80}, 200_000, 6),
        ({"fixed": 7, "vat_inclusive": False, "vat_per_mille": 80}, 200_000, 8),
        ({"fixed": 1_000, "vat_inclusive": True, "vat_per_mille": 80}, 200_000, 1_000),
    ],
)
def test_fee_is_whole_dong_rounded_half_up(terms: dict, amount: int, expected: int) -> None:
    assert fee(programme("p", **terms), amount=amount) == expected


@pytest.mark.parametrize("bearer", [FeeBearer.AGENCY, FeeBearer.WAIVED])
def test_payer_pays_nothing_when_another_bears_the_fee(bearer: FeeBearer) -> None:
    found = service_fee(
        Money(200_000),
        [programme("p", borne_by=bearer, fixed=1_100)],
        provider_account="a",
        kinds=FEE,
        agencies=frozenset(),
    )
    assert found is not None
    assert (found.for_payer.amount, found.amount.amount) == (0, 1_100)


def test_waiver_goes_before_a_charge_and_the_narrower_before_the_wider() -> None:
    wide, narrow = programme("wide", fixed=1_100), programme("narrow", kind="dossier_fee", fixed=500)
    assert fee(wide, narrow) == 500
    assert fee(wide, narrow, kinds=frozenset({"dossier_fee", "traffic_fine"})) == 1_100
    assert fee(wide, narrow, programme("waiver", borne_by=FeeBearer.WAIVED)) == 0


def fee_at(at: datetime, *programmes: FeeProgramme) -> int:
    """As the page would show it: only programmes in force on the Vietnamese day."""
    on = (at + timedelta(hours=7)).date()
    valid = [p for p in programmes if p.valid_from <= on and (p.valid_to is None or on <= p.valid_to)]
    return fee(*valid) or 0


def test_waiver_begins_and_ends_at_midnight_in_viet_nam() -> None:
    charge = programme("charge", fixed=1_100)
    waiver = programme(
        "waiver", borne_by=FeeBearer.WAIVED, valid_from=date(2026, 11, 21), valid_to=date(2026, 11, 22)
    )
    begins = datetime(2026, 11, 20, 17, 0, tzinfo=UTC)
    ends = datetime(2026, 11, 22, 17, 0, tzinfo=UTC)
    moment = timedelta(microseconds=1)
    assert [fee_at(at, charge, waiver) for at in (begins - moment, begins, ends - moment, ends)] == [
        1_100,
        0,
        0,
        1_100,
    ]


programmes = st.builds(
    programme,
    st.sampled_from(["p1", "p2", "p3"]),
    borne_by=st.sampled_from(FeeBearer),
    fixed=st.integers(0, 10**6),
    per_million=st.integers(0, 10**6),
    fee_min=st.one_of(st.none(), st.integers(0, 10**4)),
    fee_max=st.one_of(st.none(), st.integers(10**4, 10**9)),
    vat_inclusive=st.booleans(),
    vat_per_mille=st.integers(0, 1_000),
)


@given(st.lists(programmes, max_size=4), st.integers(1, 10**12))
def test_no_fee_ever_changes_what_the_state_receives(found: list[FeeProgramme], amount: int) -> None:
    order = OrderFacts(
        amount=Money(amount),
        kinds=FEE,
        agencies=frozenset({"H00"}),
        portal="p",
        procedures=frozenset({""}),
        refused={},
    )
    choices: tuple[Choice, ...] = route(order, [candidate("a", amount_max=10**12)], [], found, now=NOON)
    [choice] = choices
    assert order.amount == Money(amount)
    assert choice.is_offered
    assert (choice.fee is None) == (not found)
    if choice.fee:
        paid_in_all = order.amount + choice.fee.for_payer
        assert paid_in_all - choice.fee.for_payer == Money(amount)
        assert choice.fee.amount.amount >= 0
        assert choice.fee.for_payer.amount in (0, choice.fee.amount.amount)


@given(programmes, st.integers(1, 10**12))
def test_fee_grows_with_the_amount_and_keeps_its_bounds(found: FeeProgramme, amount: int) -> None:
    net = found if found.vat_inclusive else programme("p", fixed=found.fixed, per_million=found.per_million)
    less, more = fee_of(net, Money(amount)), fee_of(net, Money(amount + 1))
    assert less <= more
    if found.vat_inclusive and found.fee_max is not None:
        assert more.amount <= found.fee_max
