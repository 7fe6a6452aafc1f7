"""The example portal beside a payclear of the test's own: it pays once and believes no browser."""

import base64
import hashlib
import hmac
import json
import re
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from examples.portal.app import create_app
from examples.portal.client import PayclearClient
from examples.portal.store import Store
from examples.portal.texts import TEXTS

KEY = b"a portal's shared secret, 32 bytes"
SECRET = "whsec_" + base64.b64encode(KEY).decode()


@dataclass
class FakePayclear:
    """Speaks the API as documented: keys repeat answers, a portal_ref is taken once."""

    orders: dict[str, dict[str, Any]] = field(default_factory=dict)
    answers: dict[str, tuple[bytes, int, dict[str, Any]]] = field(default_factory=dict)
    asked: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    lose_next_answer: bool = False
    refuse_with: tuple[int, dict[str, Any]] | None = None
    url: str = ""

    def answer(
        self, method: str, path: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, dict[str, Any]]:
        self.asked.append((method, path, headers))
        if self.refuse_with:
            return self.refuse_with
        if method == "GET" and "?portal_ref=" in path:
            ref = path.split("=")[1]
            return 200, {"items": [each for each in self.orders.values() if each["portal_ref"] == ref]}
        if method == "GET":
            return 200, self.orders[path.rsplit("/", 1)[1]]
        key = headers["Idempotency-Key"]
        if key in self.answers:
            assert self.answers[key][0] == body
            return self.answers[key][1:]
        made = self._obligation() if path == "/v1/obligations" else self._order(json.loads(body))
        self.answers[key] = (body, *made)
        return made

    def _obligation(self) -> tuple[int, dict[str, Any]]:
        return 201, {"id": f"obl_{len(self.answers):026d}"}

    def _order(self, asked: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if any(each["portal_ref"] == asked["portal_ref"] for each in self.orders.values()):
            return 409, {"code": "portal_ref_already_used", "title": "Trùng mã"}
        ref = f"PC{len(self.orders):011d}"
        amount = {"amount": 150_000, "currency": "VND"}
        self.orders[ref] = {
            **asked,
            "order_ref": ref,
            "payment_code": "123456789012345",
            "status": "open",
            "amount": amount,
            "lines": [{"name": "Phí", "amount": amount}],
            "pay_url": f"{self.url}/pay/token{ref}",
        }
        return 201, self.orders[ref]


@pytest.fixture
def payclear() -> Iterator[FakePayclear]:
    state = FakePayclear()

    class Handler(BaseHTTPRequestHandler):
        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, made = state.answer(self.command, self.path, dict(self.headers), body)
            if state.lose_next_answer:
                state.lose_next_answer = False
                return
            raw = json.dumps(made).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        do_GET = do_POST = handle_any

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield state
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = Store(tmp_path / "new" / "portal.sqlite")
    made.prepare()
    return made


@pytest.fixture
def portal(payclear: FakePayclear, store: Store) -> FlaskClient:
    client = PayclearClient(payclear.url + "/", "pk_demo_key")
    return create_app(client, store, SECRET, "http://127.0.0.1:8200").test_client()


def tell(
    portal: FlaskClient,
    order_ref: str,
    status: str,
    sequence: int,
    *,
    key: bytes = KEY,
    age_s: int = 0,
    **changes: str,
) -> int:
    """Deliver a webhook as payclear would, signed here from scratch; the status the portal answers."""
    event_id = f"evt_{order_ref}{sequence}"
    event = {
        "id": event_id,
        "type": f"payment_order.{status}",
        "timestamp": "2026-11-21T03:30:00.000000Z",
        "sequence": sequence,
        "data": {"order_ref": order_ref, "status": status},
    }
    body = json.dumps(event).encode()
    stamp = str(int(time.time()) - age_s)
    mac = hmac.digest(key, f"{event_id}.{stamp}.".encode() + body, hashlib.sha256)
    headers = {
        "webhook-id": event_id,
        "webhook-timestamp": stamp,
        "webhook-signature": "v1," + base64.b64encode(mac).decode(),
        **{name.replace("_", "-"): value for name, value in changes.items()},
    }
    return portal.post("/payclear/webhooks", data=body, headers=headers).status_code


def pay(portal: FlaskClient, store: Store, place: int = 0, **form: str) -> str:
    code = store.dossiers()[place].code
    portal.post(f"/dossiers/{code}/pay", data=form)
    return code


def status_of(page: str) -> str:
    return re.search(r'data-status="(\w+)"', page).group(1)


# Webhooks.


@pytest.mark.parametrize(
    "forged",
    [
        {"key": b"another secret, also 32 bytes long"},
        {"age_s": 600},
        {"age_s": -600},
        {"webhook_signature": ""},
        {"webhook_signature": "v1"},
        {"webhook_signature": "v1,!!"},
        {"webhook_signature": "v1a,AAAA"},
        {"webhook_id": "evt_other"},
        {"webhook_timestamp": "soon"},
    ],
)
def test_webhook_that_is_not_proven_changes_nothing(
    portal: FlaskClient, store: Store, forged: dict[str, Any]
) -> None:
    code = pay(portal, store)
    order_ref = store.dossier(code).payment.order_ref
    assert tell(portal, order_ref, "paid", 2, **forged) == 401
    assert store.dossier(code).payment.status == "open"


def test_webhook_that_is_not_utf8_or_too_large_is_refused(portal: FlaskClient) -> None:
    headers = {"webhook-id": "a", "webhook-timestamp": str(int(time.time())), "webhook-signature": "v1,AAAA"}
    assert portal.post("/payclear/webhooks", data=b"\xff\xfe", headers=headers).status_code == 401
    assert portal.post("/payclear/webhooks", data=b"a" * 20_001, headers=headers).status_code == 413


def test_webhooks_out_of_order_and_twice_leave_the_newest_news(portal: FlaskClient, store: Store) -> None:
    code = pay(portal, store)
    order_ref = store.dossier(code).payment.order_ref
    for status, sequence in (("paid", 2), ("open", 1), ("paid", 2)):
        assert tell(portal, order_ref, status, sequence) == 204
    payment = store.dossier(code).payment
    assert payment.status == "paid"
    assert [event["sequence"] for event in payment.events] == [2, 1]
    page = portal.get(f"/dossiers/{code}").text
    assert status_of(page) == "paid"
    assert f"{payment.answer['pay_url']}/receipt" in page
    assert "payment_order.paid" in page


def test_webhook_before_the_order_is_known_counts_when_it_is(
    portal: FlaskClient, store: Store, payclear: FakePayclear
) -> None:
    assert tell(portal, "PC00000000000", "paid", 2) == 204
    code = pay(portal, store)
    assert store.dossier(code).payment.status == "paid"


# Paying.


def test_pay_leads_to_payclear_and_a_second_press_to_the_same_order(
    portal: FlaskClient, store: Store, payclear: FakePayclear
) -> None:
    code = store.dossiers()[0].code
    places = {portal.post(f"/dossiers/{code}/pay").headers["Location"] for _ in range(3)}
    assert places == {f"{payclear.url}/pay/tokenPC00000000000"}
    assert len(payclear.orders) == 1
    assert {headers["Authorization"] for _, _, headers in payclear.asked} == {"Bearer pk_demo_key"}


@pytest.mark.parametrize("lang", ["vi", "en"])
def test_pay_after_a_lost_answer_finds_the_order_again(
    portal: FlaskClient, store: Store, payclear: FakePayclear, lang: str
) -> None:
    code = store.dossiers()[0].code
    store.keep_obligation(code, "obl_1")
    payclear.lose_next_answer = True
    lost = portal.post(f"/dossiers/{code}/pay")
    assert lost.status_code == 503
    assert TEXTS["vi"]["problem.unreachable"] in lost.text
    again = portal.post(f"/dossiers/{code}/pay", data={"lang": lang})
    assert again.headers["Location"] == f"{payclear.url}/pay/tokenPC00000000000"
    assert len(payclear.orders) == 1


@pytest.mark.parametrize("ended", ["failed", "expired", "cancelled"])
def test_pay_after_an_order_ended_makes_a_new_one(
    portal: FlaskClient, store: Store, payclear: FakePayclear, ended: str
) -> None:
    code = pay(portal, store)
    first = store.dossier(code).payment.order_ref
    assert tell(portal, first, ended, 2) == 204
    payclear.orders[first]["status"] = ended
    pay(portal, store)
    payment = store.dossier(code).payment
    assert payment.number == 2
    assert payment.order_ref != first
    assert payment.answer["portal_ref"] == f"{code}-2"


def test_pay_paid_dossier_goes_nowhere_to_pay_again(
    portal: FlaskClient, store: Store, payclear: FakePayclear
) -> None:
    code = pay(portal, store)
    payclear.orders[store.dossier(code).payment.order_ref]["status"] = "paid"
    answer = portal.post(f"/dossiers/{code}/pay")
    assert answer.headers["Location"] == f"/dossiers/{code}?lang=vi"
    assert len(payclear.orders) == 1


def test_pay_from_a_foreign_page_is_refused(
    portal: FlaskClient, store: Store, payclear: FakePayclear
) -> None:
    code = store.dossiers()[0].code
    answer = portal.post(f"/dossiers/{code}/pay", headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403
    assert payclear.asked == []


def test_pay_refused_by_payclear_says_why(portal: FlaskClient, store: Store, payclear: FakePayclear) -> None:
    payclear.refuse_with = (409, {"code": "obligation_not_payable", "title": "Khoản này <đã nộp>"})
    answer = portal.post(f"/dossiers/{store.dossiers()[0].code}/pay")
    assert answer.status_code == 409
    assert "Khoản này &lt;đã nộp&gt;" in answer.text


# Coming back.


def test_return_believes_payclear_and_not_the_address(
    portal: FlaskClient, store: Store, payclear: FakePayclear
) -> None:
    code = pay(portal, store)
    page = portal.get(f"/return?dossier={code}&status=paid&order_ref=PC1").text
    assert status_of(page) == "open"
    assert 'http-equiv="refresh"' in page
    payclear.orders[store.dossier(code).payment.order_ref]["status"] = "pending"
    page = portal.get(f"/return?dossier={code}").text
    assert status_of(page) == "pending"
    assert "<form" not in page
    payclear.orders[store.dossier(code).payment.order_ref]["status"] = "paid"
    page = portal.get(f"/return?dossier={code}").text
    assert status_of(page) == "paid"
    assert 'http-equiv="refresh"' not in page


def test_return_while_payclear_is_away_says_so_and_offers_no_second_payment(
    portal: FlaskClient, store: Store, payclear: FakePayclear
) -> None:
    code = pay(portal, store)
    payclear.refuse_with = (503, {})
    page = portal.get(f"/return?dossier={code}&lang=en").text
    assert TEXTS["en"]["not_asked"] in page
    assert "<form" not in page


@pytest.mark.parametrize("path", ["/return", "/return?dossier=x", "/dossiers/x", "/nothing"])
def test_unknown_page_is_a_plain_404(portal: FlaskClient, path: str) -> None:
    answer = portal.get(path)
    assert answer.status_code == 404
    assert TEXTS["vi"]["problem.missing"] in answer.text


# Pages.


@pytest.mark.parametrize(
    "query", ["endpoint=x", "_method=FOO", "_external=1", "_anchor=x", "_scheme=javascript"]
)
def test_parameter_that_a_framework_may_know_is_only_kept(portal: FlaskClient, query: str) -> None:
    answer = portal.get(f"/?{query}&lang=vi")
    assert answer.status_code == 200
    assert f'href="?{query}&amp;lang=en"' in answer.text


@pytest.mark.parametrize("lang", ["vi", "en"])
def test_home_lists_dossiers_and_says_it_is_a_demonstration(
    portal: FlaskClient, store: Store, lang: str
) -> None:
    page = portal.get(f"/?lang={lang}").text
    assert TEXTS[lang]["demo"] in page
    assert page.count('data-testid="dossier"') == 4
    assert f'<html lang="{lang}">' in page
    assert all(dossier.content["names"][lang] in page for dossier in store.dossiers())
    assert ("1.000.000 ₫" if lang == "vi" else "VND 1,000,000") in page


def test_pages_need_no_script_and_load_nothing_from_elsewhere(portal: FlaskClient, store: Store) -> None:
    pages = [portal.get("/"), *(portal.get(f"/dossiers/{each.code}") for each in store.dossiers())]
    for page in pages:
        assert "<script" not in page.text
        assert "default-src 'none'" in page.headers["Content-Security-Policy"]
        assert not re.search(r'(src|href)="https?://', page.text)


def test_texts_say_the_same_things_in_both_languages() -> None:
    assert TEXTS["vi"].keys() == TEXTS["en"].keys()


def test_store_keeps_its_dossiers_over_a_restart(store: Store) -> None:
    before = [each.code for each in store.dossiers()]
    store.prepare()
    assert [each.code for each in store.dossiers()] == before
    assert len(set(before)) == 4


def test_readme_sample_verifies_what_the_portal_verifies() -> None:
    """The lines a portal developer copies are run as they stand."""
    text = (Path(__file__).parents[2] / "examples" / "portal" / "README.md").read_text(encoding="utf-8")
    sample = re.search(r"```python\n(.*?)```", text, re.DOTALL).group(1)
    assert len(sample.splitlines()) <= 30
    names: dict[str, Any] = {}
    exec(compile(sample, "README.md", "exec"), names)
    body, stamp = b'{"id": "evt_1", "sequence": 2}', int(time.time())
    mac = hmac.digest(KEY, f"evt_1.{stamp}.".encode() + body, hashlib.sha256)
    headers = {
        "webhook-id": "evt_1",
        "webhook-timestamp": str(stamp),
        "webhook-signature": "v1a,AAAA v1," + base64.b64encode(mac).decode(),
    }
    assert names["verify"](headers, body, SECRET)["sequence"] == 2
    for changed in (
        {"webhook-id": "evt_2"},
        {"webhook-timestamp": str(stamp - 301)},
        {"webhook-signature": "v1,AAAA"},
    ):
        with pytest.raises(ValueError, match="webhook"):
            names["verify"]({**headers, **changed}, body, SECRET)
