"""The agency's word comes at the same moment as money: a provider's, a counter's, or its own word taken back."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import Any

import pytest
from flask import Flask

from payclear.contract.outcomes import EvidenceSource
from payclear.obligations.elsewhere import note_paid_elsewhere, undo_paid_elsewhere
from payclear.obligations.records import ObligationView
from tests.collection.bank import ACCOUNT, Bank
from tests.collection.test_races import bill_at, pay_at
from tests.obligations.fines.test_races import while_it_changes
from tests.obligations.test_elsewhere import SHOWN, begun, broken, cases, path, said
from tests.portal_api import PortalApi
from tests.scenes import Scene

Say = Callable[[Scene, Any, ObligationView], None]


def say_paid(scene: Scene, uow: Any, owed: ObligationView) -> None:
    portal_code, day = scene.portal_code, date(2026, 11, 21)
    note_paid_elsewhere(uow, owed.id, proof_ref="BL-1", paid_on=day, portal_code=portal_code, by="test")


def take_back(scene: Scene, uow: Any, owed: ObligationView) -> None:
    undo_paid_elsewhere(uow, owed.id, portal_code=scene.portal_code, by="test")


@pytest.mark.parametrize(
    ("say", "effect", "status"), [(say_paid, "suspended", "paid_elsewhere"), (take_back, "captured", "paid")]
)
def test_money_waits_for_a_word_that_is_not_committed(
    portal: PortalApi, scene: Scene, say: Say, effect: str, status: str
) -> None:
    fee = scene.fee()
    order, attempt = begun(scene, fee)
    if say is take_back:
        said(portal, fee)
    money = scene.evidence(attempt, source=EvidenceSource.STATUS_QUERY)
    (applied,) = while_it_changes(scene, lambda uow: say(scene, uow, fee), lambda: scene.apply(money))
    assert (applied.effect, portal.get(path(fee)).json["status"]) == (effect, status)
    assert scene.reload(order.id).attempts[-1].state == ("surplus" if effect == "suspended" else "succeeded")
    assert broken(scene) == set()


@pytest.mark.parametrize(("money_moved", "word"), [(False, "not_payable"), (True, "suspended")])
def test_counter_waits_for_a_word_that_is_not_committed(
    portal: PortalApi, scene: Scene, money_moved: bool, word: str
) -> None:
    fee = scene.fee()
    bill = bill_at(scene, ACCOUNT, fee.document_no)
    answers = while_it_changes(
        scene,
        lambda uow: say_paid(scene, uow, fee),
        lambda: pay_at(scene, ACCOUNT, bill, "FT1", money_moved=money_moved),
    )
    assert (answers, len(cases(scene))) == ([word], int(money_moved))
    assert portal.get(path(fee)).json["status"] == "paid_elsewhere"
    assert broken(scene) == set()


def test_counter_and_the_agencys_word_at_one_moment_never_both_win(
    app: Flask, portal: PortalApi, scene: Scene
) -> None:
    bank = Bank(app, scene.runtime.clock)
    for number in range(8):
        fee = scene.fee()
        bill = bank.bill(fee.document_no)
        with ThreadPoolExecutor(2) as pool:
            paid = pool.submit(bank.pay, bill, f"FT{number}")
            told = pool.submit(portal.post, f"{path(fee)}/paid-elsewhere", SHOWN)
        won = [paid.result().word == "accepted", told.result().status_code == 200]
        assert sorted(won) == [False, True], (paid.result().word, told.result().text)
    assert broken(scene) == set()
