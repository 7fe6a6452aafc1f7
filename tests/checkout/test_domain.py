"""Which page an order needs, what is offered, and the link back."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import product
from uuid import uuid4

import pytest

from payclear.checkout.domain import (
    WAITING,
    PageKind,
    is_web_address,
    return_link,
    standing_of,
    subject_of,
    transfer_of,
)
from payclear.kernel.money import Money
from payclear.orders.domain import LIVE_STATES, AttemptState, OrderState
from payclear.orders.records import AttemptView, DocumentView, OrderView
from tests.checkout.fakes import qr_text

NOW = datetime(2026, 11, 21, 3, 30, tzinfo=UTC)
LAST_CALL = timedelta(minutes=1)
RESUME_AFTER = timedelta(seconds=20)


def attempt(state: AttemptState, number: int = 1, **changes: object) -> AttemptView:
    made = AttemptView(
        id=uuid4(),
        order_id=uuid4(),
        number=number,
        attempt_ref=f"PC000000000XX0{number}",
        provider_account="a",
        state=state,
        version=1,
        amount=200_000,
        currency="VND",
        merchant_account="M1",
        provider_ref=None,
        redirect_url="https://bank.example/pay/1",
        evidence_rank=-1,
        queries=0,
        next_query_at=NOW if state in LIVE_STATES else None,
        created_at=NOW,
        expires_at=NOW + timedelta(minutes=15),
        decided_at=None,
        paid_at=None,
        channel=None,
        instrument=None,
    )
    return replace(made, **changes)


def order(state: OrderState = OrderState.OPEN, *attempts: AttemptView, **changes: object) -> OrderView:
    made = OrderView(
        id=uuid4(),
        order_ref="PC000000000XX",
        payment_code="792734884080939",
        pay_token="t" * 32,
        portal_code="demoportal",
        portal_ref="ref-1",
        state=state,
        amount=Money(200_000),
        quoted_on=date(2026, 11, 21),
        expires_at=NOW + timedelta(hours=1),
        return_url="https://portal.example/return?dossier=7&status=x",
        locale="vi",
        created_at=NOW,
        paid_at=None,
        lines=(),
        documents=(),
        attempts=attempts,
    )
    return replace(made, **changes)


def kind(of: OrderView, *, attempts_max: int = 5) -> PageKind:
    return standing_of(
        of, now=NOW, attempts_max=attempts_max, last_call=LAST_CALL, resume_after=RESUME_AFTER
    ).kind


@pytest.mark.parametrize(
    ("state", "attempts", "expected"),
    [
        (OrderState.OPEN, [], PageKind.CHOOSE),
        (OrderState.OPEN, [AttemptState.FAILED], PageKind.CHOOSE),
        (OrderState.OPEN, [AttemptState.EXPIRED], PageKind.CHOOSE),
        (OrderState.OPEN, [AttemptState.CREATED], PageKind.CONFIRMING),
        (OrderState.OPEN, [AttemptState.SENT], PageKind.CONTINUE),
        (OrderState.OPEN, [AttemptState.IN_DOUBT], PageKind.CONFIRMING),
        (OrderState.OPEN, [AttemptState.SURPLUS], PageKind.REVIEW),
        (OrderState.OPEN, [AttemptState.SURPLUS, AttemptState.IN_DOUBT], PageKind.CONFIRMING),
        (OrderState.PAID, [AttemptState.SUCCEEDED], PageKind.PAID),
        (OrderState.PAID, [AttemptState.SURPLUS, AttemptState.SUCCEEDED], PageKind.PAID),
        (OrderState.EXPIRED, [], PageKind.EXPIRED),
        (OrderState.EXPIRED, [AttemptState.SURPLUS], PageKind.REVIEW),
        (OrderState.CANCELLED, [], PageKind.CANCELLED),
        (OrderState.CANCELLED, [AttemptState.SURPLUS], PageKind.REVIEW),
        (OrderState.FAILED, [AttemptState.FAILED], PageKind.FAILED),
    ],
)
def test_page_of_an_order_follows_its_money(
    state: OrderState, attempts: list[AttemptState], expected: PageKind
) -> None:
    assert kind(order(state, *(attempt(each, at + 1) for at, each in enumerate(attempts)))) is expected


def test_page_of_every_state_never_offers_payment_while_money_may_be_on_its_way() -> None:
    for state, last in product(OrderState, AttemptState):
        shown = kind(order(state, attempt(last)))
        if last in LIVE_STATES or last is AttemptState.SURPLUS or state is not OrderState.OPEN:
            assert shown is not PageKind.CHOOSE, (state, last)


def test_page_of_a_call_that_was_cut_off_lets_the_citizen_go_on_with_the_same_attempt() -> None:
    cut_off = attempt(AttemptState.CREATED, created_at=NOW - RESUME_AFTER, redirect_url=None)
    assert kind(order(OrderState.OPEN, cut_off)) is PageKind.RESUME
    lapsed = replace(cut_off, expires_at=NOW)
    assert kind(order(OrderState.OPEN, lapsed)) is PageKind.CONFIRMING


def test_page_of_a_sent_attempt_past_its_time_asks_to_wait() -> None:
    assert kind(order(OrderState.OPEN, attempt(AttemptState.SENT, expires_at=NOW))) is PageKind.CONFIRMING


@pytest.mark.parametrize("address", [None, "", "javascript:alert(1)", "data:text/html,x", "//bank.example"])
def test_page_of_a_sent_attempt_without_a_web_address_has_no_link(address: str | None) -> None:
    assert not is_web_address(address)
    assert (
        kind(order(OrderState.OPEN, attempt(AttemptState.SENT, redirect_url=address))) is PageKind.CONFIRMING
    )


def test_page_of_an_open_order_in_its_last_minute_takes_no_new_attempt() -> None:
    assert kind(order(expires_at=NOW + LAST_CALL)) is PageKind.EXPIRED
    assert kind(order(expires_at=NOW + LAST_CALL + timedelta(seconds=1))) is PageKind.CHOOSE


def test_page_of_an_order_with_every_try_used_is_closed() -> None:
    refused = [attempt(AttemptState.FAILED, number) for number in (1, 2)]
    assert kind(order(OrderState.OPEN, *refused), attempts_max=2) is PageKind.FAILED


def test_standing_names_the_last_refused_attempt_and_the_surplus() -> None:
    refused = attempt(AttemptState.FAILED)
    standing = standing_of(
        order(OrderState.OPEN, refused),
        now=NOW,
        attempts_max=5,
        last_call=LAST_CALL,
        resume_after=RESUME_AFTER,
    )
    assert standing.last_refused == refused
    assert not standing.has_surplus
    assert not standing.is_waiting
    paid_twice = order(OrderState.PAID, attempt(AttemptState.SURPLUS), attempt(AttemptState.SUCCEEDED, 2))
    standing = standing_of(
        paid_twice, now=NOW, attempts_max=5, last_call=LAST_CALL, resume_after=RESUME_AFTER
    )
    assert standing.has_surplus
    assert standing.attempt == paid_twice.attempts[1]
    assert {PageKind.CONTINUE, PageKind.SCAN, PageKind.RESUME, PageKind.CONFIRMING} == WAITING


def test_page_of_a_sent_attempt_with_a_sound_qr_shows_it() -> None:
    scanned = attempt(AttemptState.SENT, redirect_url=None, qr_text=qr_text(200_000))
    assert kind(order(OrderState.OPEN, scanned)) is PageKind.SCAN
    transfer = transfer_of(scanned)
    assert transfer is not None
    assert (transfer.account_no, transfer.memo) == ("0011001932418", "PC000000000XX01")
    late = replace(scanned, expires_at=NOW)
    assert kind(order(OrderState.OPEN, late)) is PageKind.CONFIRMING


@pytest.mark.parametrize(
    "text", [qr_text(199_999), qr_text(0), qr_text(200_000)[:-1] + "?", "", "x" * 600, "₫"]
)
def test_page_never_shows_a_qr_that_is_broken_or_asks_for_another_amount(text: str) -> None:
    unsound = attempt(AttemptState.SENT, redirect_url=None, qr_text=text)
    assert kind(order(OrderState.OPEN, unsound)) is PageKind.CONFIRMING
    elsewhere = replace(unsound, redirect_url="https://bank.example/pay/1")
    assert kind(order(OrderState.OPEN, elsewhere)) is PageKind.CONTINUE


def test_page_of_a_payment_that_the_bank_took_back_is_not_paid() -> None:
    assert kind(order(OrderState.REVERSED, attempt(AttemptState.REVERSED))) is PageKind.REVERSED


def test_return_link_of_an_order_that_no_portal_sent_is_empty() -> None:
    assert return_link(order(return_url="")) == ""


def test_return_link_keeps_the_portals_parameters_and_its_own_words_win() -> None:
    link = return_link(order(OrderState.EXPIRED))
    assert link == "https://portal.example/return?dossier=7&order_ref=PC000000000XX&status=expired"


def document(of: str) -> DocumentView:
    return DocumentView(
        obligation_id=uuid4(),
        kind=of,
        document_no="1",
        document_on=date(2026, 11, 21),
        agency_code="H00",
        agency_name_vi="Sở Mẫu",
        agency_name_en="Sample Department",
    )


def test_subject_of_documents_of_one_kind_is_that_kind() -> None:
    assert subject_of(order(documents=(document("traffic_fine"), document("traffic_fine")))) == "traffic_fine"
    assert subject_of(order(documents=(document("traffic_fine"), document("dossier_fee")))) == "mixed"
