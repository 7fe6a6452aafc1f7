"""Dossier and procedure codes: odd ones are kept with a reason, both generations are read and related."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payclear.obligations.rules.dossier_codes import (
    DossierCode,
    Generation,
    ProcedureCode,
    Quarantined,
    QuarantineReason,
    Relation,
    parse_dossier_code,
    parse_procedure_code,
    relate,
)

TODAY = date(2026, 11, 22)
AGENCIES = st.one_of(
    st.from_regex(r"[0-9]{3}\.[0-9]{2}\.[0-9]{2}\.[A-Z][0-9]{2}", fullmatch=True),
    st.from_regex(r"[A-Z][0-9]{2}(\.[0-9]{1,3}){0,3}", fullmatch=True),
)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("", QuarantineReason.EMPTY),
        (" \u200b\n", QuarantineReason.EMPTY),
        ("H56.14-240823-" + "1" * 60, QuarantineReason.TOO_LONG),
        ("Hồ sơ 12", QuarantineReason.FOREIGN_LETTERS),
        ("H56.14-240823-١٢٣٤", QuarantineReason.FOREIGN_LETTERS),
        ("12345", QuarantineReason.NOT_THREE_PARTS),
        ("H56.14-0001", QuarantineReason.NOT_THREE_PARTS),
        ("000-00-06-H56-231027-0361", QuarantineReason.NOT_THREE_PARTS),
        ("56.14-240823-0001", QuarantineReason.AGENCY_FORM),
        ("H56.1414-240823-0001", QuarantineReason.AGENCY_FORM),
        ("H56.1.2.3.4-240823-0001", QuarantineReason.AGENCY_FORM),
        ("000.00.H56-231027-0361", QuarantineReason.AGENCY_FORM),
        ("H56.14-20240823-0001", QuarantineReason.DATE_FORM),
        ("H56.14-2408-0001", QuarantineReason.DATE_FORM),
        ("H56.14-240230-0001", QuarantineReason.IMPOSSIBLE_DATE),
        ("H56.14-241301-0001", QuarantineReason.IMPOSSIBLE_DATE),
        ("H56.14-261123-0001", QuarantineReason.FUTURE_DATE),
        ("H56.14-240823-001", QuarantineReason.SEQUENCE_FORM),
        ("H56.14-240823-000000001", QuarantineReason.SEQUENCE_FORM),
        ("H56.14-240823-00A1", QuarantineReason.SEQUENCE_FORM),
    ],
)
def test_odd_dossier_code_is_kept_with_a_reason(raw, reason):
    code = parse_dossier_code(raw, today=TODAY)
    assert isinstance(code, Quarantined)
    assert (code.raw, code.reason) == (raw, reason)


@given(st.text(max_size=100))
def test_no_dossier_code_is_dropped(raw):
    code = parse_dossier_code(raw, today=TODAY)
    assert isinstance(code, DossierCode | Quarantined)
    assert code.raw == raw


@pytest.mark.parametrize(
    ("raw", "generation", "agency", "filed_on", "sequence"),
    [
        ("000.00.06.H56-231027-0361", "qcvn_102_2016", "000.00.06.H56", date(2023, 10, 27), "0361"),
        ("000.17.22.H56-210531-0001", "qcvn_102_2016", "000.17.22.H56", date(2021, 5, 31), "0001"),
        ("H56.14-240823-0001", "qd_20_2020", "H56.14", date(2024, 8, 23), "0001"),
        ("G12.18-260421-00430053", "qd_20_2020", "G12.18", date(2026, 4, 21), "00430053"),
        ("H00.14-261122-0007", "qd_20_2020", "H00.14", TODAY, "0007"),
        ("G22-260101-0001", "qd_20_2020", "G22", date(2026, 1, 1), "0001"),
        ("H56.1.22.333-240229-0001", "qd_20_2020", "H56.1.22.333", date(2024, 2, 29), "0001"),
    ],
)
def test_dossier_code_of_both_generations_is_read(raw, generation, agency, filed_on, sequence):
    code = parse_dossier_code(raw, today=TODAY)
    assert code == DossierCode(raw, raw, Generation(generation), agency, filed_on, sequence)


@pytest.mark.parametrize(
    "raw",
    [
        " h56.14-240823-0001 ",
        "H56.14 - 240823 - 0001",
        "H56.14–240823—0001",
        "H56.14\u2011240823\u20110001",
        "Ｈ56.14-240823-0001",
        "H56.14-240823-\u200b0001\n",
    ],
)
def test_dossier_code_as_people_type_it_has_the_same_key(raw):
    code = parse_dossier_code(raw, today=TODAY)
    assert isinstance(code, DossierCode)
    assert (code.raw, code.key) == (raw, "H56.14-240823-0001")


def test_sequences_of_different_length_are_two_dossiers():
    one, other = (parse_dossier_code(f"H56.14-240823-{no}", today=TODAY) for no in ("0001", "00000001"))
    assert one.key != other.key


@given(AGENCIES, st.dates(date(2016, 1, 1), TODAY), st.from_regex(r"[0-9]{4,8}", fullmatch=True))
def test_dossier_code_read_is_the_one_that_was_made(agency, filed_on, sequence):
    code = parse_dossier_code(f"{agency}-{filed_on:%y%m%d}-{sequence}", today=TODAY)
    assert isinstance(code, DossierCode)
    assert (code.agency, code.filed_on, code.sequence) == (agency, filed_on, sequence)
    assert parse_dossier_code(code.key, today=TODAY).key == code.key


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("", QuarantineReason.EMPTY),
        ("thủ tục", QuarantineReason.FOREIGN_LETTERS),
        ("4.000286", QuarantineReason.PROCEDURE_FORM),
        ("2.00286", QuarantineReason.PROCEDURE_FORM),
        ("2.0002860", QuarantineReason.PROCEDURE_FORM),
        ("B-BCA-282957-TT", QuarantineReason.PROCEDURE_FORM),
        ("2.000286.", QuarantineReason.PROCEDURE_FORM),
        ("2.000286.02", QuarantineReason.AGENCY_FORM),
        ("1.000656.000.00.H56", QuarantineReason.AGENCY_FORM),
        ("1.000656.000.00.00.H56.02", QuarantineReason.AGENCY_FORM),
        ("1.000656.H56.01", QuarantineReason.AGENCY_OR_ONLINE),
    ],
)
def test_odd_procedure_code_is_kept_with_a_reason(raw, reason):
    code = parse_procedure_code(raw)
    assert isinstance(code, Quarantined)
    assert (code.raw, code.reason) == (raw, reason)


@given(st.text(max_size=100))
def test_no_procedure_code_is_dropped(raw):
    assert parse_procedure_code(raw).raw == raw


@pytest.mark.parametrize(
    ("raw", "national", "agency", "generation", "is_online", "online_service"),
    [
        ("2.000286", "2.000286", None, None, False, "2.000286.01"),
        ("1.009999.01", "1.009999", None, None, True, "1.009999.01"),
        (
            "1.000656.000.00.00.H56",
            "1.000656",
            "000.00.00.H56",
            "qcvn_102_2016",
            False,
            "1.000656.000.00.00.H56.01",
        ),
        (
            "1.000656.000.00.00.H56.01",
            "1.000656",
            "000.00.00.H56",
            "qcvn_102_2016",
            True,
            "1.000656.000.00.00.H56.01",
        ),
        ("1.000656.H56", "1.000656", "H56", "qd_20_2020", False, "1.000656.01"),
        ("1.000656.H56.14", "1.000656", "H56.14", "qd_20_2020", False, "1.000656.01"),
    ],
)
def test_procedure_code_of_both_generations_is_read(
    raw, national, agency, generation, is_online, online_service
):
    code = parse_procedure_code(f" {raw.lower()} ")
    known = Generation(generation) if generation else None
    assert code == ProcedureCode(f" {raw.lower()} ", raw, national, agency, known, is_online)
    assert code.online_service == online_service
    again = parse_procedure_code(code.online_service)
    assert isinstance(again, ProcedureCode)
    assert again.is_online
    assert relate(again, code) is not Relation.UNRELATED


@pytest.mark.parametrize(
    ("one", "other", "relation"),
    [
        ("1.000656", "1.000656", Relation.SAME),
        ("1.000656", "1.000656.01", Relation.ONLINE_SERVICE),
        ("1.000656.000.00.00.H56", "1.000656.000.00.00.H56.01", Relation.ONLINE_SERVICE),
        ("1.000656", "1.000656.000.00.00.H56", Relation.LOCAL_FORM),
        ("1.000656.01", "1.000656.H56", Relation.LOCAL_FORM),
        ("1.000656.000.00.00.H56", "1.000656.000.00.00.H38", Relation.OTHER_AGENCY),
        ("1.000656", "2.000656", Relation.UNRELATED),
        ("1.000656", "1.000657.01", Relation.UNRELATED),
    ],
)
def test_procedure_codes_relate_the_same_either_way(one, other, relation):
    first, second = parse_procedure_code(one), parse_procedure_code(other)
    assert isinstance(first, ProcedureCode)
    assert isinstance(second, ProcedureCode)
    assert relate(first, second) is relate(second, first) is relation
