"""The page of everything in doubt: what stands on it, in which order, what happens next, and asking at once."""

import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from html import unescape

import pytest
from flask.testing import FlaskClient

from payclear.console.doubt.domain import BEGINNING, DoubtEntry, DoubtKind, NextStep, Place, next_step
from payclear.contract.errors import OutcomeUnknown
from payclear.contract.outcomes import EvidenceSource, Outcome
from payclear.contract.registry import ProviderLine
from payclear.kernel.clock import FixedClock
from payclear.kernel.ids import new_uuid
from payclear.kernel.money import Money
from payclear.orders.checkout import record_checkout
from payclear.orders.evidence import apply_evidence, note_hint
from payclear.orders.records import AttemptView
from payclear.refunds.records import RefundView
from payclear.refunds.service import begin_call, request_refund
from payclear.runtime import Runtime
from tests.console.conftest import LogIn, token_of
from tests.scenes import SANDBOX, VNPAY, Scene

DOUBT = "/console/doubt"


def see(desk: FlaskClient, address: str = DOUBT) -> str:
    answer = desk.get(address)
    assert answer.status_code == 200
    return unescape(answer.text).replace("\u00a0", " ")


def doubted(scene: Scene, *, provider_account: str = VNPAY, amount: int | None = None) -> AttemptView:
    attempt = scene.attempt(scene.order(amount=amount), provider_account=provider_account, sent=False)
    with scene.runtime.database.begin() as uow:
        record_checkout(uow, attempt.id, OutcomeUnknown("timeout"))
        uow.commit()
    return attempt


def refund_in_doubt(scene: Scene) -> RefundView:
    order = scene.paid_order(provider_account=SANDBOX, amount=300_000)
    with scene.runtime.database.begin() as uow:
        refund = request_refund(
            uow,
            providers=scene.runtime.providers,
            attempt_ref=order.attempts[0].attempt_ref,
            amount=Money(100_000),
            reason="thu thừa",
            requested_by="an.nguyen",
        )
        called = begin_call(uow, refund.id, back_at=uow.now + timedelta(minutes=2))
        uow.commit()
    assert called is not None
    return called


def ask(desk: FlaskClient, ref: str, kind: str = "attempt", **more: str) -> int:
    token = token_of(desk.get("/console/").text)
    form = {"csrf_token": token, "kind": kind, "ref": ref} | more
    answer = desk.post(DOUBT + "/ask", data=form, headers={"Origin": "http://localhost"})
    return answer.status_code


def waiting(runtime: Runtime) -> list[tuple[str, dict]]:
    with runtime.database.begin() as uow:
        rows = uow.run("SELECT task_name, args FROM procrastinate_jobs WHERE status = 'todo' ORDER BY id")
        return [row for row in rows.fetchall() if row[0] in ("orders.query_attempt", "refunds.query_due")]


def test_nothing_in_doubt_says_so(desk: FlaskClient, scene: Scene) -> None:
    text = see(desk, DOUBT + "?lang=en")
    assert "Nothing is in doubt." in text


def test_everything_in_doubt_stands_on_one_page_with_what_happens_next(
    desk: FlaskClient, scene: Scene, runtime: Runtime, clock: FixedClock
) -> None:
    attempt = doubted(scene)
    clock.advance(timedelta(minutes=1))
    refund = refund_in_doubt(scene)
    wrong = scene.attempt(scene.order(amount=70_000))
    scene.apply(scene.evidence(wrong, amount=69_999))
    scene.apply(scene.evidence(attempt, Outcome.UNKNOWN, source=EvidenceSource.STATUS_QUERY))
    clock.advance(timedelta(minutes=13))
    text = see(desk)
    for expected in (
        attempt.attempt_ref,
        "14 phút",
        "Chưa rõ kết quả",
        "Không rõ",
        "Truy vấn trạng thái",
        "Sao kê ngày 21/11/2026 quyết định.",
        refund.refund_ref,
        "100.000 ₫",
        wrong.attempt_ref,
        "Số tiền khác với lệnh",
        "Chờ cán bộ quyết định.",
        "Hoàn trả",
    ):
        assert expected in text, expected
    assert text.index(attempt.attempt_ref) < text.index(refund.refund_ref) < text.index(wrong.attempt_ref)


def test_callback_that_could_not_be_applied_stands_on_the_page(
    desk: FlaskClient, scene: Scene, runtime: Runtime
) -> None:
    callback_id = new_uuid()
    with runtime.database.begin() as uow:
        uow.run(
            "INSERT INTO inbound_callback (id, provider_account, dedupe_key, method, path, query_string, headers, body,"
            " key_id, received_at, sealed_on) VALUES (%s, %s, 'key-1', 'GET', '/', '', '{}', '', '', %s, %s)",
            (callback_id, VNPAY, uow.now, uow.now),
        )
        uow.run(
            "INSERT INTO callback_processing (callback_id, status, tries, error, updated_at)"
            " VALUES (%s, 'quarantined', 8, 'DatabaseError', %s)",
            (callback_id, uow.now),
        )
        uow.commit()
    text = see(desk)
    for expected in ("Thông báo kết quả", "Cách ly", "DatabaseError", "8 lần", "Chờ cán bộ xử lý."):
        assert expected in text, expected


def test_attempt_that_was_sent_counts_only_after_its_time(
    desk: FlaskClient, scene: Scene, clock: FixedClock
) -> None:
    attempt = scene.attempt(scene.order())
    assert attempt.attempt_ref not in see(desk)
    clock.advance(timedelta(minutes=10))
    see(desk)  # keeps the session alive
    clock.advance(timedelta(minutes=6))
    assert attempt.attempt_ref in see(desk)


def lapsed_and_watched(desk: FlaskClient, scene: Scene, clock: FixedClock) -> AttemptView:
    attempt = scene.attempt(scene.order())
    clock.advance(timedelta(minutes=10))
    see(desk)  # keeps the session alive
    clock.advance(timedelta(minutes=6))
    denied = scene.evidence(attempt, Outcome.NOT_SENT, source=EvidenceSource.STATUS_QUERY)
    with scene.runtime.database.begin() as uow:
        apply_evidence(uow, denied, watch=timedelta(hours=24))
        uow.commit()
    return attempt


def test_attempt_that_lapsed_and_is_watched_is_not_in_doubt(
    desk: FlaskClient, scene: Scene, clock: FixedClock
) -> None:
    attempt = lapsed_and_watched(desk, scene, clock)
    assert "Nothing is in doubt." in see(desk, DOUBT + "?lang=en")
    assert attempt.attempt_ref not in see(desk, "/console/")


def test_word_of_money_about_a_watched_attempt_is_in_doubt_until_it_is_denied(
    desk: FlaskClient, scene: Scene, clock: FixedClock
) -> None:
    attempt = lapsed_and_watched(desk, scene, clock)
    with scene.runtime.database.begin() as uow:
        note_hint(uow, scene.evidence(attempt))
        uow.commit()
    assert attempt.attempt_ref in see(desk)
    assert attempt.attempt_ref in see(desk, "/console/")
    denied = scene.evidence(attempt, Outcome.NOT_SENT, source=EvidenceSource.STATUS_QUERY)
    with scene.runtime.database.begin() as uow:
        apply_evidence(uow, denied, watch=timedelta(hours=24))
        uow.commit()
    assert attempt.attempt_ref not in see(desk)


def test_totals_add_up_by_account_and_age(desk: FlaskClient, scene: Scene, clock: FixedClock) -> None:
    doubted(scene, amount=100_000)
    doubted(scene, amount=200_000)
    doubted(scene, provider_account=SANDBOX, amount=50_000)
    text = see(desk)
    totals = text[text.index("Tổng theo đối tác") : text.index('name="account"')]
    foot = totals[totals.index("<tfoot>") : totals.index("</tfoot>")]
    assert re.findall(r"<td[^>]*>([^<]*)</td>", foot) == ["3", "0", "0", "0", "3", "", "350.000 ₫"]
    assert "300.000 ₫" in totals


def test_filter_shows_one_account_or_one_kind(desk: FlaskClient, scene: Scene) -> None:
    here, there = doubted(scene), doubted(scene, provider_account=SANDBOX)
    text = see(desk, f"{DOUBT}?account={SANDBOX}&kind=attempt")
    assert there.attempt_ref in text
    assert here.attempt_ref not in text
    assert there.attempt_ref not in see(desk, DOUBT + "?kind=refund")


@pytest.mark.parametrize("query", ["kind=x", "after=x", "after=2026-11-21_zz", "account=%00", "after=_"])
def test_made_up_filter_is_no_fault(desk: FlaskClient, scene: Scene, query: str) -> None:
    assert desk.get(f"{DOUBT}?{query}").status_code == 200


def test_pages_go_on_where_the_last_one_ended(
    desk: FlaskClient, scene: Scene, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("payclear.console.doubt.pages.PAGE_ROWS", 2)
    made = [doubted(scene, provider_account=(VNPAY, SANDBOX)[number % 2]).attempt_ref for number in range(5)]
    address, seen = DOUBT, []
    while address:
        text = see(desk, address)
        seen += [ref for ref in made if f'value="{ref}"' in text]
        younger = re.search(r'href="([^"]+)" rel="next"', text)
        address = younger.group(1) if younger else ""
    assert seen == made


def test_place_in_the_list_reads_what_it_writes() -> None:
    place = Place(BEGINNING.since + timedelta(days=1, microseconds=7), new_uuid())
    assert Place.read(str(place)) == place
    for text in ("", "x_y", "2026-11-21T00:00:00_" + new_uuid().hex):
        with pytest.raises(ValueError, match=r"isoformat|badly formed|zone"):
            Place.read(text)


def test_officer_has_a_provider_asked_at_once_and_it_is_on_record(
    desk: FlaskClient, scene: Scene, runtime: Runtime, clock: FixedClock
) -> None:
    attempt = doubted(scene)
    clock.advance(timedelta(minutes=5))
    assert ask(desk, attempt.attempt_ref) == 303
    assert waiting(runtime) == [
        ("orders.query_attempt", {"attempt_id": str(attempt.id), "counts": False}),
    ]
    with runtime.database.begin() as uow:
        [row] = uow.run(
            "SELECT actor_type, actor, facts ->> 'ref' FROM audit_entry WHERE action = 'provider.asked_now'"
        ).fetchall()
    assert row == ("staff", "an.nguyen", attempt.attempt_ref)


def test_asking_again_within_seconds_asks_nobody(
    desk: FlaskClient, scene: Scene, runtime: Runtime, clock: FixedClock
) -> None:
    attempt = doubted(scene)
    assert ask(desk, attempt.attempt_ref) == 303  # made this moment
    clock.advance(timedelta(seconds=20))
    for _ in range(3):
        assert ask(desk, attempt.attempt_ref) == 303
    assert len(waiting(runtime)) == 1
    assert "Không hỏi" in see(desk, DOUBT + "?told=not_asked")


def test_refund_is_asked_about_at_once(
    desk: FlaskClient, scene: Scene, runtime: Runtime, clock: FixedClock
) -> None:
    refund = refund_in_doubt(scene)
    assert ask(desk, refund.refund_ref, "refund") == 303
    assert waiting(runtime) == [("refunds.query_due", {})]
    with runtime.database.begin() as uow:
        assert uow.one("SELECT next_query_at FROM refund") == (clock.now(),)


def test_unknown_reference_is_a_404(desk: FlaskClient, scene: Scene) -> None:
    assert ask(desk, "PCNOTHING01") == 404
    assert ask(desk, "x", "refund") == 404
    assert ask(desk, "\x00") == 404


def test_viewer_sees_and_may_not_ask(app, staff: None, scene: Scene, log_in: LogIn, runtime: Runtime) -> None:
    viewer = app.test_client()
    assert log_in(viewer, "binh.tran").status_code == 303
    attempt = doubted(scene)
    text = see(viewer)
    assert attempt.attempt_ref in text
    assert "Hỏi lại ngay" not in text
    assert ask(viewer, attempt.attempt_ref) == 403
    assert waiting(runtime) == []


def test_change_without_the_forms_token_is_refused(desk: FlaskClient, scene: Scene) -> None:
    assert ask(desk, doubted(scene).attempt_ref, csrf_token="x") == 403


ENTRY = DoubtEntry(
    kind=DoubtKind.ATTEMPT,
    id=BEGINNING.id,
    since=datetime(2026, 11, 20, 16, 30, tzinfo=UTC),  # 23:30 in Viet Nam
    provider_account=VNPAY,
    state="in_doubt",
    ref="x",
    order_ref=None,
    amount=1,
    currency="VND",
    asked=0,
    asked_at=None,
    next_at=BEGINNING.since,
    note="",
    said_source=None,
    said_outcome=None,
    said_code=None,
    said_at=None,
)


def line_of(runtime: Runtime, *, cut_off: str = "00:00", without: str = "") -> ProviderLine:
    line = runtime.providers.get(VNPAY)
    kept = frozenset(each for each in line.provider.manifest.capabilities if each != without)

    class Lesser(type(line.provider)):  # type: ignore[misc]
        manifest = replace(line.provider.manifest, capabilities=kept)

    return replace(line, provider=Lesser(), cut_off=cut_off)


def test_next_step_names_who_decides(runtime: Runtime) -> None:
    on = date(2026, 11, 20)
    at = ENTRY.next_at
    assert next_step(ENTRY, None) == NextStep("not_configured")
    assert next_step(ENTRY, line_of(runtime)) == NextStep("asked_then_statement", at=at, on=on)
    assert next_step(ENTRY, line_of(runtime, cut_off="23:00")).on == on + timedelta(days=1)
    assert next_step(ENTRY, line_of(runtime, without="status_query")) == NextStep("statement", on=on)
    assert next_step(ENTRY, line_of(runtime, without="statement")) == NextStep("asked", at=at)
    refund = replace(ENTRY, kind=DoubtKind.REFUND, next_at=None)
    assert next_step(refund, line_of(runtime)) == NextStep("statement", on=on)
    assert next_step(refund, line_of(runtime, without="statement")) == NextStep("parked")
    assert next_step(replace(refund, kind=DoubtKind.CALLBACK), None) == NextStep("parked")
    assert next_step(replace(ENTRY, kind=DoubtKind.CALLBACK), None) == NextStep("retried", at=at)
    assert next_step(replace(refund, kind=DoubtKind.CASE), None) == NextStep("decision")
