"""The power goes at each commit of a refund, on both sides of it: the money goes back once, and the books know it."""

from dataclasses import dataclass
from datetime import timedelta

import pytest

from payclear.contract.messages import Account, RefundQuery, RefundResult
from payclear.contract.outcomes import Outcome
from payclear.db.crash import AFTER, BEFORE
from payclear.db.uow import install_crash_plan
from payclear.refunds.jobs import query_due, query_one, send_due, send_one
from payclear.runtime import Runtime
from tests.checkout.fakes import with_providers
from tests.orders.test_evidence import balances
from tests.refunds.bank import DONE, RefundingBank, says
from tests.refunds.conftest import Desk
from tests.scenes import Scene

SENDING = "payclear.refunds.sending"
PLACES = (
    "payclear.refunds.jobs._hand_out",
    f"{SENDING}.send_refund",  # the intent
    f"{SENDING}._record",  # what the provider answered
    f"{SENDING}.ask_about_refund",  # the question
)


class PowerCut(BaseException):
    """What a killed process does not survive."""


@dataclass
class CutOnce:
    """A crash plan that ends the run instead of the whole test process."""

    place: str
    moment: str
    was_cut: bool = False

    def passes(self, place: str, moment: str) -> None:
        if (place, moment) == (self.place, self.moment) and not self.was_cut:
            self.was_cut = True
            raise PowerCut


class TruthfulBank(RefundingBank):
    """Says of a refund what it really did; its first answer is lost."""

    def query_refund(self, account: Account, query: RefundQuery) -> RefundResult:
        super().query_refund(account, query)
        return DONE if query.refund.refund_ref in self.given else says(Outcome.NOT_SENT)


@pytest.mark.parametrize("moment", [BEFORE, AFTER])
@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.rpartition(".")[2])
def test_refund_cut_at_a_commit_is_made_once_and_booked_once(
    runtime: Runtime, request: pytest.FixtureRequest, place: str, moment: str
) -> None:
    bank = TruthfulBank()
    bank.refund_answers = [says(Outcome.UNKNOWN)]
    desk = Desk(Scene(with_providers(runtime, a=bank)).set_up(), bank)
    refund = desk.ask(desk.paid(), 200_000)
    plan = CutOnce(place, moment)
    request.addfinalizer(lambda: install_crash_plan(None))
    install_crash_plan(plan)
    steps = (
        send_due,
        lambda: send_one(refund_id=str(refund.id)),
        query_due,
        lambda: query_one(refund_id=str(refund.id)),
    )
    for _ in range(4):
        for step in steps:
            try:
                step()
            except PowerCut:
                break
        desk.scene.runtime.clock.advance(timedelta(minutes=11))
    assert plan.was_cut
    assert desk.reload(refund).state == "done"
    assert len(bank.refunds) == 1
    assert balances(desk.scene) == {"provider_receivable": 0, "beneficiary_payable": 0}
    assert desk.broken() == set()
