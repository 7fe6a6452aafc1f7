"""Dated reference data as features above read it: the nearest row wins, a withdrawn row is never in force."""

from datetime import date, timedelta

from payclear.catalogue.files import load_catalogue
from payclear.catalogue.reading import (
    agency_path,
    parameters,
    procedure_records,
    service_accounts,
    tariff_records,
)
from payclear.kernel.settings import default_config_dir
from payclear.runtime import Runtime
from tests.factories.base import use
from tests.factories.catalogue import (
    AgencyPlaceFactory,
    ProcedureFactory,
    ServiceAccountFactory,
    TariffFactory,
    add_national_rules,
)

TODAY = date(2026, 11, 21)
YESTERDAY = TODAY - timedelta(days=1)


def test_agency_path_leads_from_the_agency_to_the_top_on_that_day(runtime: Runtime) -> None:
    with runtime.database.begin() as uow:
        use(uow.session)
        AgencyPlaceFactory(agency_code="H00.14", parent_code="H00", valid_to=YESTERDAY)
        AgencyPlaceFactory(agency_code="H00.14", parent_code="H01", valid_from=TODAY)
        AgencyPlaceFactory(agency_code="H01", parent_code="VN")
        assert agency_path(uow, "H00.14", YESTERDAY) == ("H00.14", "H00")
        assert agency_path(uow, "H00.14", TODAY) == ("H00.14", "H01", "VN")
        assert agency_path(uow, "X99", TODAY) == ("X99",)


def test_agency_path_of_agencies_that_stand_below_each_other_ends(runtime: Runtime) -> None:
    with runtime.database.begin() as uow:
        use(uow.session)
        AgencyPlaceFactory(agency_code="A", parent_code="B")
        AgencyPlaceFactory(agency_code="B", parent_code="A")
        assert agency_path(uow, "A", TODAY) == ("A", "B")


def test_nearest_agency_then_the_procedure_decides_where_money_goes(runtime: Runtime) -> None:
    with runtime.database.begin() as uow:
        use(uow.session)
        AgencyPlaceFactory(agency_code="H00.14", parent_code="H00")
        ServiceAccountFactory(beneficiary_account="everybody")
        ServiceAccountFactory(agency_code="H00", item_code="phi", beneficiary_account="province")
        ServiceAccountFactory(
            agency_code="H00", procedure_code="1.009999", beneficiary_account="for-procedure"
        )
        ServiceAccountFactory(
            agency_code="H00.14", item_code="le_phi", beneficiary_account="own", chapter="014"
        )
        found = service_accounts(uow, agency_code="H00.14", procedure_code="1.009999", on=TODAY)
        others = service_accounts(uow, agency_code="H00.14", procedure_code=None, on=TODAY)
    assert {item: each.account for item, each in found.items()} == {
        "": "for-procedure",
        "phi": "province",
        "le_phi": "own",
    }
    assert (found["le_phi"].chapter, found["le_phi"].sub_item) == ("014", "")
    assert others[""].account == "everybody"


def test_account_of_another_day_or_procedure_is_not_found(runtime: Runtime) -> None:
    with runtime.database.begin() as uow:
        use(uow.session)
        ServiceAccountFactory(procedure_code="2.000001")
        ServiceAccountFactory(item_code="phi", valid_to=YESTERDAY)
        assert service_accounts(uow, agency_code="H00.14", procedure_code="1.009999", on=TODAY) == {}


def test_procedure_is_found_by_each_of_its_codes(runtime: Runtime) -> None:
    with runtime.database.begin() as uow:
        use(uow.session)
        ProcedureFactory(code="1.009999", online_service_code="1.009999.01")
        ProcedureFactory(code="1.009999.000.00.00.H00", national_code="1.009999")
        by_code = [
            procedure_records(uow, code) for code in ("1.009999", "1.009999.01", "1.009999.000.00.00.H00")
        ]
        unknown = procedure_records(uow, "1.000001")
    assert [[record.national_code for record in found] for found in by_code] == [["1.009999"]] * 3
    assert unknown == []


def test_row_withdrawn_before_its_first_day_is_not_read(runtime: Runtime) -> None:
    with runtime.database.begin() as uow:
        use(uow.session)
        TariffFactory(id="wrong", valid_from=TODAY, valid_to=YESTERDAY)
        TariffFactory(id="right", valid_from=TODAY)
        assert [record.id for record in tariff_records(uow, "1.009999")] == ["right"]


def test_reference_level_is_one_on_every_day_since_2023(runtime: Runtime) -> None:
    with runtime.database.begin() as uow:
        add_national_rules(uow.session)
        levels = parameters(uow, "reference_level")
    assert [(each.valid_from, each.value["amount"]) for each in levels] == [
        (date(2023, 7, 1), 1_800_000),
        (date(2024, 7, 1), 2_340_000),
        (date(2026, 7, 1), 2_530_000),
    ]


def test_shipped_files_load_and_load_again_without_a_change(runtime: Runtime) -> None:
    folder = default_config_dir({}) / "catalogue"
    with runtime.database.begin() as uow:
        for name in ("national.toml", "demo.toml") * 2:
            load_catalogue(uow, folder / name)
        found = service_accounts(uow, agency_code="H00.14", procedure_code="1.009999", on=TODAY)
        path = agency_path(uow, "H00.14", TODAY)
    assert found["le_phi"].account == "TK-H00-LEPHI"
    assert path == ("H00.14", "H00")
