"""A link opens one document, for a while, until it is taken back; an order is made or joined through it, once."""

from datetime import timedelta
from threading import Barrier, Thread

import pytest

from payclear.lookup import links
from payclear.lookup.domain import LinkPurpose
from payclear.lookup.records import LinkEnded, LinkUnknown
from payclear.obligations.records import ObligationView
from payclear.operations.verify import verify
from payclear.orders.errors import ObligationInOrder
from payclear.orders.records import OrderView
from tests.database import TestServer
from tests.lookup.conftest import Street

PAY = links.PayThrough(
    return_url="https://pay.example/nop-thay/x", locale="vi", expires_in=timedelta(hours=24)
)


def make(street: Street, fine: ObligationView, purpose: LinkPurpose = LinkPurpose.PAYER) -> str:
    with street.scene.runtime.database.begin() as uow:
        made = links.make_link(uow, fine.id, purpose)
        uow.commit()
    return made.token


def order(street: Street, token: str) -> OrderView:
    with street.scene.runtime.database.begin() as uow:
        made = links.order_through(uow, links.open_link(uow, token, LinkPurpose.PAYER), PAY)
        uow.commit()
    return made


def broken(street: Street) -> set[str]:
    return {each.check.id for each in verify(street.scene.runtime.database) if not each.holds}


def test_order_through_a_link_is_that_of_its_document_at_its_portal(street: Street) -> None:
    fine = street.fine()
    made = order(street, make(street, fine))
    assert (made.portal_code, made.amount) == (street.scene.portal_code, fine.principal)
    assert [each.obligation_id for each in made.documents] == [fine.id]
    assert made.portal_ref.startswith("lookup-lkp_")
    assert broken(street) == set()


def test_open_order_of_the_portal_is_joined_not_doubled(street: Street) -> None:
    fine = street.fine()
    theirs = street.scene.order(fine)
    assert order(street, make(street, fine)).id == theirs.id


def test_order_of_several_documents_is_not_shown_to_who_knows_one(street: Street) -> None:
    fine, other = street.fine(), street.fine(number="77/QĐ-XPHC")
    street.scene.order(fine, other)
    with pytest.raises(ObligationInOrder):
        order(street, make(street, fine))


def test_two_payers_at_once_pay_one_order(street: Street) -> None:
    fine = street.fine()
    tokens = [make(street, fine), make(street, fine)]
    start, made = Barrier(2), []

    def pay(token: str) -> None:
        start.wait()
        try:
            made.append(order(street, token).id)
        except Exception as error:  # judged below
            made.append(type(error).__name__)

    threads = [Thread(target=pay, args=(token,)) for token in tokens]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    orders = {each for each in made if each != "ObligationInOrder"}
    assert len(orders) == 1
    assert order(street, tokens[0]).id in orders


def test_link_ends_by_itself(street: Street) -> None:
    token = make(street, street.fine())
    street.scene.runtime.clock.advance(timedelta(days=7))
    with pytest.raises(LinkEnded):
        order(street, token)


def test_link_that_was_taken_back_opens_nothing(street: Street) -> None:
    fine = street.fine()
    token, result = make(street, fine), make(street, fine, LinkPurpose.RESULT)
    with street.scene.runtime.database.begin() as uow:
        assert links.take_back(uow, fine.id) == 1
        assert links.take_back(uow, fine.id) == 0
        uow.commit()
    with pytest.raises(LinkEnded):
        order(street, token)
    with street.scene.runtime.database.begin() as uow:
        assert links.open_link(uow, result, LinkPurpose.RESULT).obligation_id == fine.id


def test_link_of_another_purpose_or_no_link_at_all_is_unknown(street: Street) -> None:
    token = make(street, street.fine(), LinkPurpose.RESULT)
    with street.scene.runtime.database.begin() as uow:
        for unknown in (token, "x" * 32, "", "../../etc"):
            with pytest.raises(LinkUnknown):
                links.open_link(uow, unknown, LinkPurpose.PAYER)


def test_database_keeps_no_token(street: Street) -> None:
    token = make(street, street.fine())
    with street.scene.runtime.database.begin() as uow:
        assert token not in str(uow.run("SELECT l::text FROM lookup_link l").fetchall())


@pytest.mark.parametrize(
    "plant",
    [
        "UPDATE lookup_link SET created_at = created_at - interval '2 days', expires_at = created_at - interval '1 day'",
        "UPDATE lookup_link SET revoked_at = created_at - interval '1 hour'",
        "UPDATE lookup_link SET expires_at = created_at + interval '400 days'",
        "UPDATE lookup_link SET created_at = created_at - interval '2 hours'",
        "UPDATE lookup_link SET obligation_id = (SELECT id FROM obligation WHERE document_no LIKE '77%')",
    ],
)
def test_planted_violation_turns_inv_74_red(street: Street, postgres: TestServer, plant: str) -> None:
    street.fine(number="77/QĐ-XPHC")
    order(street, make(street, street.fine()))
    assert broken(street) == set()
    with postgres.superuser() as connection:
        connection.execute(plant)
    assert "INV-74" in broken(street)
