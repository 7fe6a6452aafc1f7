"""Money goes back of an order while others ask for what it paid: nobody is told twice, nobody waits in a ring."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask

from payclear.contract.outcomes import EvidenceSource, Outcome
from payclear.kernel.ids import parse_public_id
from payclear.obligations.records import ObligationView
from payclear.obligations.service import find_many, lock_for_order
from payclear.refunds.errors import RefundExceedsCapture
from payclear.refunds.records import RefundView
from payclear.refunds.service import apply_refund_evidence
from tests.obligations.test_api import FEE
from tests.portal_api import PortalApi
from tests.refunds.conftest import BANK, Desk
from tests.refunds.test_given_back import settled, states, told

_WAITS = """
SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
"""


def concluded(desk: Desk, refund: RefundView, outcome: Outcome = Outcome.CONFIRMED) -> str:
    with desk.scene.runtime.database.begin() as uow:
        applied = apply_refund_evidence(
            uow, outcome=outcome, source=EvidenceSource.STATEMENT, refund_id=refund.id
        )
        uow.commit()
    return applied.effect.value


def audited(desk: Desk) -> int:
    with desk.scene.runtime.database.begin() as uow:
        return int(uow.one("SELECT count(*) FROM audit_entry WHERE action = 'obligation.refunded'")[0])


def test_fee_is_refunded_once_although_its_fine_gives_back_later(desk: Desk) -> None:
    fine, fee = desk.scene.fine(4_000_000), desk.scene.fee(10_000)
    attempt = settled(desk, fee, fine)
    total = desk.scene.reload(attempt.order_id).amount.amount
    concluded(desk, desk.ask(attempt, total - 1))
    before = (told(desk).count(("refunded", "refunded")), audited(desk), desk.broken())
    assert before == (1, 1, set())
    concluded(desk, desk.ask(attempt, 1))
    assert (told(desk).count(("refunded", "refunded")), audited(desk), desk.broken()) == before


def test_two_refunds_that_end_at_one_moment_refund_a_fee_once(desk: Desk) -> None:
    for _ in range(4):
        attempt = desk.paid()
        refunds = [desk.ask(attempt, 150_000), desk.ask(attempt, 50_000)]
        with ThreadPoolExecutor(2) as pool:
            assert list(pool.map(lambda each: concluded(desk, each), refunds)) == ["done", "done"]
        assert states(desk, attempt) == {"refunded"}
    assert (told(desk), audited(desk)) == ([("refunded", "refunded")] * 4, 4)
    assert desk.broken() == set()


def test_refund_locks_what_its_order_paid_in_the_one_order_of_locks(desk: Desk) -> None:
    fee = desk.scene.fee(200_000)
    fine = desk.scene.fine()
    assert fee.id < fine.id
    attempt = settled(desk, fee, fine)
    refund = desk.ask(attempt, desk.scene.reload(attempt.order_id).amount.amount)
    with ThreadPoolExecutor(1) as pool:
        with desk.scene.runtime.database.begin() as uow:
            lock_for_order(uow, [fee.id], portal_code=desk.scene.portal_code)
            ended = pool.submit(concluded, desk, refund)
            while not ended.done() and not _waits(desk):
                pass
            # Whoever orders both has the fee and asks for the fine next.
            uow.run("SELECT 1 FROM obligation WHERE id = %s FOR NO KEY UPDATE NOWAIT", (fine.id,))
        assert ended.result() == "done"
    assert states(desk, attempt) == {"refunded", "open"}
    assert desk.broken() == set()


def test_old_order_of_what_was_registered_again_touches_nothing_of_it(desk: Desk, app: Flask) -> None:
    portal, scene = PortalApi.of(app, desk.scene), desk.scene
    old = portal.post("/obligations", FEE).json["id"]
    order = scene.order(view_of(desk, old))
    first = scene.attempt(order, provider_account=BANK)
    scene.apply(scene.evidence(first, Outcome.REJECTED, source=EvidenceSource.STATUS_QUERY))
    second = scene.attempt(order, provider_account=BANK)
    scene.apply(scene.evidence(second, source=EvidenceSource.STATUS_QUERY))
    refused_once = desk.ask(second, second.amount)
    concluded(desk, refused_once, Outcome.REJECTED)
    concluded(desk, desk.ask(second, second.amount))
    new = portal.post("/obligations", FEE).json["id"]
    paid = settled(desk, view_of(desk, new))
    # The first try's money, the refused refund after all, the bank's denial, one more refund: all of the old order.
    late = scene.apply(scene.evidence(first, source=EvidenceSource.STATEMENT))
    assert (late.effect, late.case) == ("suspended", "double_success")
    assert concluded(desk, refused_once) == "contested"
    denied = scene.apply(scene.evidence(second, Outcome.REJECTED, source=EvidenceSource.STATEMENT))
    assert (denied.effect, denied.case) == ("overruled", "reversed_after_capture")
    with pytest.raises(RefundExceedsCapture):
        desk.ask(second, 1)
    concluded(desk, desk.ask(first, first.amount))
    status = {each: portal.get(f"/obligations/{each}").json["status"] for each in (old, new)}
    assert status == {old: "refunded", new: "paid"}
    assert [scene.reload(each).state for each in (order.id, paid.order_id)] == ["paid", "paid"]
    assert desk.broken() == set()
    concluded(desk, desk.ask(paid, paid.amount))
    assert portal.post("/obligations", FEE).json["status"] == "open"
    assert desk.broken() == set()


def view_of(desk: Desk, owed: str) -> ObligationView:
    with desk.scene.runtime.database.begin() as uow:
        (found,) = find_many(uow, [parse_public_id("obl", owed)])
    return found


def _waits(desk: Desk) -> int:
    with desk.scene.runtime.database.begin() as uow:
        return int(uow.one(_WAITS)[0])
