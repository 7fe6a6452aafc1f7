"""A decision changes while somebody orders or pays its fine: whoever comes first, nobody promises or takes the wrong sum."""

from collections.abc import Callable
from datetime import date
from threading import Thread
from typing import Any

import pytest

from payclear.contract.outcomes import EvidenceSource
from payclear.kernel.money import Money
from payclear.obligations.fines.desk import NewVersion, add_version, open_shelter
from payclear.obligations.records import ObligationView
from payclear.obligations.rules.corrections import VersionKind
from payclear.obligations.rules.surcharge import ShelterKind
from payclear.orders.errors import ObligationInOrder
from tests.collection.test_payments import at_once, rows
from tests.obligations.fines.desk import Desk
from tests.scenes import Scene

TODAY = date(2026, 11, 21)
SERVED = date(2026, 11, 20)
_WAITS = """
SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
"""


def change(
    scene: Scene, uow: Any, fine: ObligationView, kind: VersionKind, amount: int, number: str = "SĐ-1/QĐ-XPHC"
) -> None:
    add_version(
        uow,
        fine.id,
        NewVersion(kind=kind, decision_no=number, decided_on=TODAY, amount=Money(amount)),
        portal_code=scene.portal_code,
        by="test",
        sealer=scene.runtime.sealer,
        index=scene.runtime.blind_index,
    )


def changed(scene: Scene, fine: ObligationView, kind: VersionKind, amount: int) -> str:
    with scene.runtime.database.begin() as uow:
        change(scene, uow, fine, kind, amount)
        uow.commit()
    return "changed"


def while_it_changes(
    scene: Scene, say: Callable[[Any], None], act: Callable[[], Any], *, waits: bool = True
) -> list[Any]:
    """Do something that waits for a change which is not committed yet; what came of it."""
    answers: list[Any] = []
    thread = Thread(target=lambda: answers.append(act()))
    with scene.runtime.database.begin() as uow:
        say(uow)
        thread.start()
        while thread.is_alive() and not rows(scene, _WAITS)[0][0]:
            pass
        assert thread.is_alive() is waits
        uow.commit()
    thread.join()
    return answers


def test_order_that_waited_for_a_new_version_asks_what_it_says(desk: Desk, scene: Scene) -> None:
    fine = scene.fine(1_000_000, served_on=SERVED)
    orders = while_it_changes(
        scene,
        lambda uow: change(scene, uow, fine, VersionKind.REDUCED, 400_000),
        lambda: scene.order(fine),
    )
    assert [order.amount.amount for order in orders] == [400_000]


def test_version_that_waited_for_another_follows_it(desk: Desk, scene: Scene) -> None:
    fine = scene.fine(1_000_000, served_on=SERVED)
    while_it_changes(
        scene,
        lambda uow: change(scene, uow, fine, VersionKind.REDUCED, 400_000),
        lambda: changed(scene, fine, VersionKind.REDUCED, 400_000),
    )
    # Two workers of one portal said the same at one moment.
    assert [each["no"] for each in desk.read(fine)["versions"]] == [1, 2]


def test_shelter_that_two_open_at_once_is_opened_once(desk: Desk, scene: Scene) -> None:
    fine = scene.fine(1_000_000, served_on=SERVED)

    def opened(uow: Any) -> None:
        open_shelter(
            uow,
            fine.id,
            ref="45/QĐ-HTH",
            kind=ShelterKind.DEFERRAL,
            on=TODAY,
            portal_code=scene.portal_code,
            by="test",
        )

    def again() -> str:
        with scene.runtime.database.begin() as uow:
            opened(uow)
            uow.commit()
        return "opened"

    assert while_it_changes(scene, opened, again) == ["opened"]
    assert [each["kind"] for each in desk.read(fine)["events"]] == ["shelter_opened"]


@pytest.mark.parametrize(
    ("kind", "amount", "status", "proposed"),
    [
        (VersionKind.CORRECTED, 1_500_000, "partially_paid", 0),
        (VersionKind.REDUCED, 600_000, "paid", 400_000),
        (VersionKind.CANCELLED, 0, "cancelled", 0),
    ],
)
def test_capture_that_waited_for_a_new_version(
    desk: Desk, scene: Scene, kind: VersionKind, amount: int, status: str, proposed: int
) -> None:
    fine = scene.fine(1_000_000, served_on=SERVED)
    attempt = scene.attempt(scene.order(fine))
    evidence = scene.evidence(attempt, source=EvidenceSource.STATUS_QUERY)
    (applied,) = while_it_changes(
        scene, lambda uow: change(scene, uow, fine, kind, amount), lambda: scene.apply(evidence)
    )
    # The money of a decision that is no more lies in suspense with a case; of any other it is taken.
    assert applied.effect == ("suspended" if kind is VersionKind.CANCELLED else "captured")
    now = desk.read(fine)
    assert now["status"] == status
    assert sum(each["amount"]["amount"] for each in now["refund_proposals"]) == proposed


def test_new_version_and_capture_at_one_moment(desk: Desk, scene: Scene) -> None:
    for number in range(8):
        fine = scene.fine(1_000_000, served_on=SERVED)
        attempt = scene.attempt(scene.order(fine))
        evidence = scene.evidence(attempt, source=EvidenceSource.STATUS_QUERY)
        kind, amount = [(VersionKind.REDUCED, 600_000), (VersionKind.CANCELLED, 0)][number % 2]
        at_once(
            [
                lambda e=evidence: scene.apply(e).effect,  # type: ignore[misc]
                lambda f=fine, k=kind, a=amount: changed(scene, f, k, a),  # type: ignore[misc]
            ]
        )
        now = desk.read(fine)
        assert now["status"] == ("cancelled" if number % 2 else "paid")
    ((taken, waiting),) = rows(
        scene,
        "SELECT coalesce(sum(amount) FILTER (WHERE account_code = 'beneficiary_payable'), 0)::bigint,"
        " coalesce(sum(amount) FILTER (WHERE account_code = 'suspense'), 0)::bigint FROM posting WHERE side = 'C'",
    )
    assert taken + waiting == 8_000_000
    (cases,) = rows(scene, "SELECT count(*) FROM suspense_case")[0]
    assert cases == waiting // 1_000_000


def test_new_version_and_new_orders_at_one_moment(desk: Desk, scene: Scene) -> None:
    def ordered(fine: ObligationView) -> int | str:
        try:
            return scene.order(fine).amount.amount
        except ObligationInOrder:
            return "in order"

    for _ in range(8):
        fine = scene.fine(1_000_000, served_on=SERVED)
        at_once(
            [
                lambda f=fine: changed(scene, f, VersionKind.REDUCED, 400_000),  # type: ignore[misc]
                lambda f=fine: ordered(f),  # type: ignore[misc]
                lambda f=fine: ordered(f),  # type: ignore[misc]
            ]
        )
        # What was promised before the version is withdrawn, what is promised after it is the new sum.
        still = rows(
            scene,
            f"SELECT o.amount FROM payment_order o JOIN payment_order_obligation l ON l.order_id = o.id"
            f" WHERE l.obligation_id = '{fine.id}' AND o.state = 'open'",
        )
        assert still in ([], [(400_000,)])


def test_exempted_fine_beside_a_payable_fine_does_not_hinder_its_money(desk: Desk, scene: Scene) -> None:
    nothing, owed = scene.fine(500_000, served_on=SERVED), scene.fine(1_000_000, served_on=SERVED)
    desk.version(nothing, "reduced", 0, on="2026-11-21")
    assert desk.status(nothing) == "exempted"
    order = scene.order(nothing, owed, scene.fee(200_000))
    attempt = scene.attempt(order)
    applied = scene.apply(scene.evidence(attempt, source=EvidenceSource.STATUS_QUERY))
    assert applied.effect == "captured"
    assert (desk.status(nothing), desk.status(owed)) == ("exempted", "paid")


def test_mixed_order_is_ordered_again_while_its_money_comes(desk: Desk, scene: Scene) -> None:
    for _ in range(8):
        owed = [scene.fee(200_000), scene.fine(1_000_000, served_on=SERVED), scene.fee(100_000)]
        attempt = scene.attempt(scene.order(*owed))
        evidence = scene.evidence(attempt, source=EvidenceSource.STATUS_QUERY)

        def again(all_of: list[ObligationView] = owed) -> str:
            try:
                scene.order(*all_of)
            except Exception as error:
                return type(error).__name__
            return "ordered"

        words = at_once([lambda e=evidence: scene.apply(e).effect, again, again])  # type: ignore[misc]
        assert "captured" in words
        assert set(words) <= {"captured", "ObligationInOrder", "ObligationNotPayable"}
