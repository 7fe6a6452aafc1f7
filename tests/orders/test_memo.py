"""The memo of a payment: a decision's number is in it, our reference is found in it, and no person is."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payclear.kernel.ids import attempt_ref, find_order_refs, new_order_ref, new_uuid
from payclear.kernel.payment_code import find_payment_codes, new_payment_code
from payclear.obligations.domain import ObligationKind
from payclear.orders.memo import MEMO_MAX, SEVERAL_KINDS, WORDS, memo_for, memo_of
from payclear.orders.records import DocumentView
from providers.simulator.transfer_notice import bank_memo
from providers.transfers import find_reference
from providers.vietqr.mapping import purpose_of
from tests.scenes import Scene

FINE, FEE = ObligationKind.TRAFFIC_FINE, ObligationKind.DOSSIER_FEE
ALLOWED = set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 .:_-")
REF, CODE = new_order_ref(), new_payment_code()


def document(kind: ObligationKind, number: str) -> DocumentView:
    return DocumentView(
        obligation_id=new_uuid(),
        kind=kind,
        document_no=number,
        document_on=date(2026, 11, 1),
        agency_code="H00.14",
        agency_name_vi="Sở Mẫu",
        agency_name_en="Sample Department",
    )


def memo(*documents: DocumentView) -> str:
    return memo_for(documents, payment_code=CODE, order_ref=REF)


def test_transfer_for_a_fine_names_the_decision() -> None:
    assert memo(document(FINE, "0012345/QĐ-XPHC")) == f"NOP PHAT VPHC {CODE} {REF} SO 0012345 QD-XPHC"


def test_transfer_for_a_dossier_names_the_dossier() -> None:
    assert memo(document(FEE, "H00.14-261121-0001")) == f"NOP PHI LE PHI {CODE} {REF} SO H00.14-261121-0001"


@pytest.mark.parametrize("number", ["NGUYEN VAN A 079099001234", "HS 261121", "H00.14-269999-0001"])
def test_code_of_a_dossier_that_no_format_explains_stays_here(number: str) -> None:
    assert memo(document(FEE, number)) == f"NOP PHI LE PHI {CODE} {REF}"


@pytest.mark.parametrize("kind", sorted(set(ObligationKind) - {FINE, FEE}))
def test_number_of_a_notice_stays_here_for_it_may_be_a_persons(kind: ObligationKind) -> None:
    assert memo(document(kind, "0123456789")) == f"{WORDS[kind]} {CODE} {REF}"


def test_every_kind_has_words_and_only_the_states_money_is_called_so() -> None:
    assert set(WORDS) == set(ObligationKind)
    assert not any("NSNN" in words for words in WORDS.values())
    assert all(set(words) <= ALLOWED for words in WORDS.values())


def test_several_documents_are_named_by_their_kind_or_by_none() -> None:
    fines = [document(FINE, "1/QĐ-XPHC"), document(FINE, "2/QĐ-XPHC")]
    assert memo(*fines) == f"NOP PHAT VPHC {CODE} {REF}"
    assert memo(fines[0], document(FEE, "H00.14-261121-0001")) == f"{SEVERAL_KINDS} {CODE} {REF}"


@pytest.mark.parametrize(
    "other",
    [new_order_ref(), attempt_ref(new_order_ref(), 1), new_payment_code()],
    ids=["order", "attempt", "payment code"],
)
def test_number_that_names_another_order_is_left_out(other: str) -> None:
    assert memo(document(FINE, f"{other}/QĐ-XPHC")) == f"NOP PHAT VPHC {CODE} {REF}"


@given(st.text(max_size=150), st.booleans())
def test_whatever_the_number_the_memo_names_this_order_alone(number: str, is_fine: bool) -> None:
    text = memo(document(FINE if is_fine else FEE, number))
    assert set(text) <= ALLOWED
    assert len(text) <= MEMO_MAX
    assert find_order_refs(text) == [REF]
    assert find_payment_codes(text) == [CODE]


@given(st.from_regex(r"[0-9]{1,13}/QĐ-XP[A-Z]{2,4}", fullmatch=True), st.integers(15, 95))
def test_transfer_is_recognised_however_much_of_the_memo_a_bank_keeps(number: str, kept: int) -> None:
    tried = attempt_ref(REF, 1)
    purpose = purpose_of(tried, memo(document(FINE, number)))
    assert purpose.startswith(f"{tried} {CODE}")
    assert len(purpose) <= 90
    told = find_reference([bank_memo(purpose[:kept], 7_000_001)])
    assert told.split()[0] == tried


def test_qr_of_a_fine_names_the_decision() -> None:
    purpose = purpose_of(attempt_ref(REF, 1), memo(document(FINE, "0012345/QĐ-XPHC")))
    assert purpose == f"{REF}01 {CODE} SO 0012345 QD-XPHC"


def test_what_costs_nothing_is_not_named(scene: Scene) -> None:
    order = scene.order(scene.fine(1_000_000))
    (named,) = order.documents
    assert memo_of(order).endswith(f"{order.order_ref} SO {named.document_no.split('/')[0]} QD-XPHC")
