"""Who owes: what may be told, how it is sealed and searched, and that nothing of it lies open."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payclear.kernel.errors import InvalidInput
from payclear.obligations.domain import ObligorField
from payclear.obligations.obligors import (
    ObligorFacts,
    check_obligor,
    factor_index_of,
    factors_of,
    field_index_of,
    id_no_index_of,
    insert_obligor,
    insert_obligors,
    is_placeholder,
    plate_keys,
    read_obligor,
)
from payclear.obligations.rules.instalments import ObligorKind
from payclear.obligations.rules.plates import PlateColour
from payclear.runtime import Runtime

WHOLE = ObligorFacts(
    name="PHẠM THỊ THỬ",
    id_no="001099123457",
    kind=ObligorKind.PERSON,
    phone="0912345678",
    plate="30A-123.45",
    plate_colour=PlateColour.YELLOW,
    licence_no="790123456789",
    insurance_code="0123456780",
    address="Số 1 phố Thử",
)


@pytest.mark.parametrize(
    "id_no", ["000000000", "000000000000", "111111111", "123456789", "012345678901", "1234567890"]
)
def test_placeholder_in_place_of_an_identity_number_is_refused(id_no: str) -> None:
    with pytest.raises(InvalidInput):
        check_obligor(ObligorFacts(name="A", id_no=id_no))


@pytest.mark.parametrize("id_no", ["000000000001", "001099123457", "012345679", "100000000"])
def test_number_that_may_be_somebodys_is_no_placeholder(id_no: str) -> None:
    assert not is_placeholder(id_no)


def test_name_alone_is_enough_and_a_colour_needs_its_plate() -> None:
    check_obligor(ObligorFacts(name="A"))
    with pytest.raises(InvalidInput):
        check_obligor(ObligorFacts(name="A", plate_colour=PlateColour.BLUE))


@pytest.mark.parametrize(
    "facts", [ObligorFacts(name="A"), WHOLE, ObligorFacts(name="CÔNG TY THỬ", kind=ObligorKind.ORGANISATION)]
)
def test_what_was_told_is_read_again_whole(runtime: Runtime, facts: ObligorFacts) -> None:
    with runtime.database.begin() as uow:
        made = insert_obligor(
            uow, facts, document_key="1/QĐ", sealer=runtime.sealer, index=runtime.blind_index
        )
        assert read_obligor(uow, made, sealer=runtime.sealer) == facts


def test_nothing_told_lies_open_in_the_rows(runtime: Runtime) -> None:
    with runtime.database.begin() as uow:
        insert_obligor(uow, WHOLE, document_key="1/QĐ", sealer=runtime.sealer, index=runtime.blind_index)
        rows = str(uow.run("SELECT o::text, f::text FROM obligor o, obligor_field f").fetchall())
    for told in ("PHẠM", "001099123457", "0912345678", "123.45", "yellow", "790123456789", "phố Thử"):
        assert told not in rows
        assert told.encode().hex() not in rows


def test_subject_is_found_by_number_plate_licence_and_insurance_code_only_in_its_own_field(
    runtime: Runtime,
) -> None:
    index = runtime.blind_index
    with runtime.database.begin() as uow:
        made = insert_obligor(uow, WHOLE, document_key="1/QĐ", sealer=runtime.sealer, index=index)

        def found(name: ObligorField, value: str) -> list:
            sql = "SELECT obligor_id FROM obligor_field WHERE field = %s AND index = %s"
            return [row[0] for row in uow.run(sql, (name, field_index_of(index, name, value)))]

        assert found(ObligorField.PLATE, plate_keys("30a 12345", PlateColour.YELLOW)[0]) == [made]
        assert found(ObligorField.PLATE, plate_keys("30A-123.45")[0]) == []
        assert found(ObligorField.LICENCE_NO, "790123456789") == [made]
        assert found(ObligorField.INSURANCE_CODE, "790123456789") == []
        assert found(ObligorField.PHONE, "0912345678") == []
        by_number = uow.run(
            "SELECT id FROM obligor WHERE id_no_index = %s", (id_no_index_of(index, "001099123457"),)
        )
        assert by_number.fetchall() == [(made,)]


@pytest.mark.parametrize(
    ("typed", "is_right"),
    [
        ("3457", True),
        ("001099123457", True),
        ("30A 123.45", True),
        ("30a12345", True),
        ("3458", False),
        ("", False),
    ],
)
def test_second_factor_is_the_last_four_or_the_plate_of_this_document(
    runtime: Runtime, typed: str, is_right: bool
) -> None:
    index = runtime.blind_index
    with runtime.database.begin() as uow:
        insert_obligor(uow, WHOLE, document_key="1/QĐ", sealer=runtime.sealer, index=index)
        known = {row[0] for row in uow.run("SELECT index FROM obligor_field WHERE field = 'factor'")}
    assert bool(known & {factor_index_of(index, "1/QĐ", factor) for factor in factors_of(typed)}) is is_right
    assert not known & {factor_index_of(index, "2/QĐ", factor) for factor in factors_of(typed)}


@pytest.mark.parametrize(
    ("id_no", "typed"),
    [("0101234567-001", "7001"), ("0101234567-001", "0101234567-001"), ("N123456A", "456a")],
)
def test_numbers_with_dashes_or_letters_are_found_as_they_are_typed(
    runtime: Runtime, id_no: str, typed: str
) -> None:
    index = runtime.blind_index
    with runtime.database.begin() as uow:
        facts = ObligorFacts(name="CÔNG TY MẪU", id_no=id_no, licence_no="ab12345")
        insert_obligor(uow, facts, document_key="1/QĐ", sealer=runtime.sealer, index=index)
        known = {row[0] for row in uow.run("SELECT index FROM obligor_field WHERE field = 'factor'")}
        assert known & {factor_index_of(index, "1/QĐ", factor) for factor in factors_of(typed)}
    assert id_no_index_of(index, id_no) == id_no_index_of(index, id_no.replace("-", "").lower())
    plain = field_index_of(index, ObligorField.LICENCE_NO, "ab12345")
    assert plain == field_index_of(index, ObligorField.LICENCE_NO, "AB-12345")


def test_many_are_written_in_order_each_under_a_key_of_its_own(runtime: Runtime) -> None:
    people = [
        (ObligorFacts(name=f"NGƯỜI {number}", id_no=f"00109912345{number}"), "1") for number in range(5)
    ]
    with runtime.database.begin() as uow:
        ids = insert_obligors(uow, people, sealer=runtime.sealer, index=runtime.blind_index)
        read = [read_obligor(uow, each, sealer=runtime.sealer) for each in ids]
        keys = uow.one("SELECT count(DISTINCT wrapped_key) FROM obligor")
        assert insert_obligors(uow, [], sealer=runtime.sealer, index=runtime.blind_index) == ()
    assert read == [facts for facts, _ in people]
    assert keys == (5,)


@given(st.text(max_size=40))
def test_any_typed_factor_is_read_without_a_fault(typed: str) -> None:
    assert all(factor.startswith(("id:", "plate:")) for factor in factors_of(typed))
