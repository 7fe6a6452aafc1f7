"""One receipt for each paid order, numbered without a gap, whatever happens at once."""

import threading
from datetime import UTC, datetime, timedelta

import pytest

from payclear.events import service as events
from payclear.kernel.clock import FixedClock
from payclear.kernel.ids import new_uuid
from payclear.kernel.money import Money
from payclear.operations.verify import verify
from payclear.receipts import checks, handlers, queries, service
from payclear.receipts.domain import ReceiptState, full_number, new_verification_code, series_of
from payclear.receipts.jobs import issue
from payclear.receipts.service import ReceiptNotFound, for_order, get_receipt, issue_waiting, open_receipt
from payclear.runtime import Runtime
from tests.database import TestServer
from tests.scenes import Scene


@pytest.fixture
def scene(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> Scene:
    monkeypatch.setattr(events, "_subscribers", {})
    handlers.register()
    return Scene(runtime).set_up()


def offenders(runtime: Runtime) -> dict[str, int]:
    """How many rows break each invariant of receipts."""
    own = {check.id for check in checks.CHECKS}
    found = verify(runtime.database, extra=checks.CHECKS)
    return {each.check.id: len(each.offenders) for each in found if each.check.id in own}


SOUND = {"INV-31": 0, "INV-31b": 0}


@pytest.mark.parametrize(
    "code",
    ["", "x", "O" * 26, "' OR 1=1 --", new_verification_code()],
    ids=["empty", "letter", "other letters", "quote", "nobody's"],
)
def test_get_receipt_unknown_code_is_told(runtime: Runtime, code: str) -> None:
    with runtime.database.begin() as uow, pytest.raises(ReceiptNotFound):
        get_receipt(uow, code)


def test_order_that_is_not_paid_has_no_receipt(scene: Scene) -> None:
    order = scene.order()
    with scene.runtime.database.begin() as uow:
        assert for_order(uow, order.id) is None
        assert issue_waiting(uow) == 0


def test_numbering_that_rolls_back_gives_no_number_away(scene: Scene) -> None:
    scene.paid_order()
    with scene.runtime.database.begin() as uow:
        assert issue_waiting(uow) == 1
    second = scene.paid_order()
    assert issue() == "2 receipts issued"
    with scene.runtime.database.begin() as uow:
        assert for_order(uow, second.id).number == "BL-2026/0000002"
    assert offenders(scene.runtime) == SOUND


def test_second_announcement_of_a_paid_order_changes_nothing(scene: Scene) -> None:
    order = scene.paid_order()
    with scene.runtime.database.begin() as uow:
        first = for_order(uow, order.id)
        assert not open_receipt(uow, order_id=order.id, amount=Money(1), paid_at=uow.now)
        assert for_order(uow, order.id) == first


def test_many_issuers_at_once_leave_no_gap(scene: Scene) -> None:
    orders = [scene.paid_order() for _ in range(12)]
    together = threading.Barrier(4)
    counts: list[int] = []

    def run() -> None:
        together.wait()
        with scene.runtime.database.begin() as uow:
            counts.append(issue_waiting(uow))
            uow.commit()

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with scene.runtime.database.begin() as uow:
        numbers = {for_order(uow, order.id).number for order in orders}
    assert sum(counts) == 12
    assert numbers == {full_number("BL-2026", number) for number in range(1, 13)}
    assert offenders(scene.runtime) == SOUND


def test_numbers_follow_the_order_of_payment(scene: Scene, clock: FixedClock) -> None:
    moments = [clock.now() - timedelta(minutes=minutes) for minutes in (3, 9, 6)]
    paid = []
    for at in moments:
        order = scene.order()
        scene.apply(scene.evidence(scene.attempt(order), paid_at=at))
        paid.append(order)
    issue()
    with scene.runtime.database.begin() as uow:
        rows = [queries.by_order(uow, order.id) for order in paid]
    assert sorted(rows, key=lambda row: row.number) == sorted(rows, key=lambda row: row.paid_at)


def test_series_follow_the_vietnamese_year_of_payment(scene: Scene) -> None:
    old_year = datetime(2026, 12, 31, 16, 59, 59, tzinfo=UTC)  # 23:59:59 in Viet Nam
    orders = [scene.order() for _ in range(2)]
    with scene.runtime.database.begin() as uow:
        for order, at in zip(orders, (old_year, old_year + timedelta(seconds=1)), strict=True):
            open_receipt(uow, order_id=order.id, amount=order.amount, paid_at=at)
        uow.commit()
    assert issue() == "2 receipts issued"
    with scene.runtime.database.begin() as uow:
        assert [for_order(uow, order.id).number for order in orders] == ["BL-2026/0000001", "BL-2027/0000001"]


def test_issue_more_than_one_batch_numbers_them_all(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "ISSUE_BATCH", 2)
    for _ in range(5):
        scene.paid_order()
    assert issue() == "5 receipts issued"
    assert issue() == "0 receipts issued"
    assert offenders(scene.runtime) == SOUND


def test_receipt_waits_for_its_number_and_is_then_issued(scene: Scene, clock: FixedClock) -> None:
    order = scene.paid_order(amount=123_000)
    with scene.runtime.database.begin() as uow:
        waiting = for_order(uow, order.id)
        jobs = uow.run(
            "SELECT count(*) FROM procrastinate_jobs WHERE task_name = 'receipts.issue'"
        ).fetchone()[0]
    assert (waiting.state, waiting.number, waiting.issued_at) == (ReceiptState.PENDING, None, None)
    assert jobs == 1
    clock.advance(timedelta(seconds=2))
    issue()
    spoken = " ".join((waiting.verification_code[:13].lower(), waiting.verification_code[13:]))
    with scene.runtime.database.begin() as uow:
        issued = get_receipt(uow, spoken)
    assert issued.state is ReceiptState.ISSUED
    assert issued.number == "BL-2026/0000001"
    assert issued.issued_at == clock.now()
    assert issued.amount == Money(123_000)
    assert (issued.order_ref, issued.portal_code, issued.portal_ref) == (
        order.order_ref,
        "demoportal",
        order.portal_ref,
    )
    assert issued.provider_account == "vnpay-demo"
    assert issued.public_id.startswith("rcp_")


def test_verification_codes_do_not_repeat_and_read_well() -> None:
    codes = {new_verification_code() for _ in range(1000)}
    assert len(codes) == 1000
    assert not set("".join(codes)) & set("ILOU")


@pytest.mark.parametrize("hour", [0, 12, 23])
def test_series_of_a_payment_contains_it(hour: int) -> None:
    at = datetime(2026, 12, 31, hour, tzinfo=UTC)
    series = series_of(at)
    assert series.begins_at <= at < series.ends_at


@pytest.mark.parametrize(
    ("plant", "broken"),
    [
        ("DELETE FROM receipt WHERE number = 1", "INV-31"),
        ("UPDATE receipt SET number = 9 WHERE number = 2", "INV-31"),
        ("UPDATE receipt_series SET last_number = 7", "INV-31"),
        ("UPDATE receipt SET amount = amount + 1 WHERE number = 1", "INV-31b"),
        ("DELETE FROM receipt WHERE number = 2", "INV-31b"),
        ("UPDATE payment_order SET state = 'expired'", "INV-31b"),
    ],
)
def test_check_planted_violation_is_told(scene: Scene, postgres: TestServer, plant: str, broken: str) -> None:
    scene.paid_order()
    scene.paid_order()
    issue()
    assert offenders(scene.runtime) == SOUND
    with postgres.superuser() as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute(plant)
    assert offenders(scene.runtime)[broken] > 0


def test_for_order_that_does_not_exist_is_none(runtime: Runtime) -> None:
    with runtime.database.begin() as uow:
        assert for_order(uow, new_uuid()) is None
