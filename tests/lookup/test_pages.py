"""The public pages: no account, no person, no address that tells anything; pay, let pay, print."""

import re
from datetime import date, timedelta

import pytest
from flask.testing import FlaskClient

from payclear.kernel.ids import public_id
from tests.factories.base import use
from tests.factories.catalogue import AgencyPlaceFactory
from tests.factories.reference import AgencyFactory
from tests.lookup.conftest import Street

NUMBER = "0012345/QĐ-XPHC"


def hidden(page: str, action: str) -> dict[str, str]:
    """The hidden fields of the form that leads to `action`."""
    form = re.search(rf'<form[^>]*action="{re.escape(action)}".*?</form>', page, re.DOTALL)
    assert form, f"no form for {action}"
    return dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', form.group()))


def look_up(client: FlaskClient, factor: str = "4321", *, lang: str = "vi", **more: str) -> str:
    asked = hidden(client.get(f"/tra-cuu?lang={lang}").text, "/tra-cuu")
    answer = client.post("/tra-cuu", data=asked | {"document_no": NUMBER, "second_factor": factor} | more)
    return answer.text


def status(page: str) -> str:
    found = re.search(r'data-status="([a-z_]+)"', page)
    assert found
    return found.group(1)


def test_citizen_finds_a_fine_and_goes_to_its_payment_page(client: FlaskClient, street: Street) -> None:
    street.fine(served_on=date(2026, 10, 25))
    page = look_up(client)
    assert status(page) == "payable"
    assert "1.008.000\u00a0₫" in page
    assert "8.000\u00a0₫ cho 16 ngày" in page
    assert "KHÔNG CÓ" not in page
    answer = client.post("/tra-cuu/nop", data=hidden(page, "/tra-cuu/nop"))
    assert answer.status_code == 303
    pay_page = client.get(answer.headers["Location"])
    assert "1.008.000" in pay_page.text
    back = re.search(r'href="[^"]*(/tra-cuu/ket-qua/[^"?]+)', pay_page.text)
    assert back
    returned = client.get(back.group(1)).text  # whoever joined this payment comes back here, too
    assert (status(returned), "TRẦN" in page, "TRẦN" in returned) == ("payable", True, False)
    assert ("30A-***.45" in page, ".45" in returned) == (True, False)
    again = client.post("/tra-cuu/nop", data=hidden(page, "/tra-cuu/nop"))
    assert again.headers["Location"] == answer.headers["Location"]


def test_after_payment_the_result_says_paid_and_offers_nothing_to_pay(
    client: FlaskClient, street: Street
) -> None:
    order = street.scene.order(street.fine())
    attempt = street.scene.attempt(order)
    waiting = look_up(client)
    assert status(waiting) == "being_confirmed"
    assert "đừng nộp lại" in waiting
    assert 'data-testid="pay"' not in waiting
    street.scene.apply(street.scene.evidence(attempt))
    paid = look_up(client)
    assert status(paid) == "paid"
    assert 'data-testid="pay"' not in paid


@pytest.mark.parametrize("lang", ["vi", "en"])
def test_wrong_factor_and_unknown_number_are_the_same_page(
    client: FlaskClient, street: Street, lang: str
) -> None:
    street.fine()
    wrong = look_up(client, "0000", lang=lang)
    unknown = look_up(client, lang=lang, document_no="9999999/QĐ-XPHC")
    assert wrong == unknown
    assert status(wrong) == "not_found"
    assert f'<html lang="{lang}">' in wrong


def test_nothing_that_was_typed_comes_back_in_an_address(client: FlaskClient, street: Street) -> None:
    street.fine()
    page = look_up(client, "30A-123.45")
    for address in re.findall(r'(?:href|action)="([^"]*)"', page):
        assert "12345" not in address
        assert "30A" not in address


def test_both_things_are_asked_for_and_the_factor_is_never_shown_again(
    client: FlaskClient, street: Street
) -> None:
    asked = hidden(client.get("/tra-cuu").text, "/tra-cuu")
    answer = client.post("/tra-cuu", data=asked | {"document_no": NUMBER})
    assert answer.status_code == 422
    assert NUMBER in answer.text
    wrong = client.post(
        "/tra-cuu", data=asked | {"document_no": NUMBER, "second_factor": "8765", "document_on": "31/12"}
    )
    assert wrong.status_code == 422
    assert "8765" not in wrong.text


def test_number_that_is_closed_says_how_long_and_nothing_else(client: FlaskClient, street: Street) -> None:
    street.fine()
    for _ in range(5):
        look_up(client, "0000")
    asked = hidden(client.get("/tra-cuu").text, "/tra-cuu")
    answer = client.post("/tra-cuu", data=asked | {"document_no": NUMBER, "second_factor": "4321"})
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "600")
    assert "10 phút" in answer.text


def test_other_payer_sees_what_is_needed_and_nobody(client: FlaskClient, street: Street) -> None:
    street.fine()
    page = client.post("/tra-cuu/nop-thay", data=hidden(look_up(client), "/tra-cuu/nop-thay")).text
    address = re.search(r'data-testid="address">([^<]+)<', page)
    assert address
    path = "/nop-thay/" + address.group(1).rpartition("/")[2]
    seen = client.get(path).text
    assert "1.000.000" in seen
    assert NUMBER in seen
    assert "Sở Mẫu" in seen
    for person in ("TRẦN", "4321", "30A", ".45"):
        assert person not in seen
    answer = client.post(path, data=hidden(seen, path))
    assert answer.status_code == 303
    assert "/pay/" in answer.headers["Location"]
    client.post("/tra-cuu/thu-hoi", data=hidden(page, "/tra-cuu/thu-hoi"))
    assert client.get(path).status_code == 410
    assert client.post(path, data=hidden(seen, path)).status_code == 410


def test_slip_carries_the_payment_code_that_a_counter_takes(client: FlaskClient, street: Street) -> None:
    fine = street.fine()
    slip = client.post("/tra-cuu/phieu", data=hidden(look_up(client), "/tra-cuu/phieu")).text
    with street.scene.runtime.database.begin() as uow:
        (code,) = uow.one("SELECT payment_code FROM payment_order")
    shown = re.search(r'data-testid="payment-code">([^<]+)<', slip)
    assert shown
    assert re.sub(r"\D", "", shown.group(1)) == code
    assert fine.document_no in slip
    assert "TRẦN" not in slip
    assert "<svg" in slip


@pytest.mark.parametrize("path", ["/tra-cuu/nop", "/tra-cuu/phieu", "/tra-cuu/nop-thay", "/tra-cuu/thu-hoi"])
def test_form_that_was_not_made_for_the_document_is_refused(
    client: FlaskClient, street: Street, path: str
) -> None:
    street.fine()
    other = street.fine(number="77/QĐ-XPHC")
    fields = hidden(look_up(client), "/tra-cuu/nop")
    for forged in (
        {},
        fields | {"document": public_id("obl", other.id)},
        fields | {"until": "99999999999"},
        fields | {"csrf_token": "x"},
    ):
        assert client.post(path, data=forged).status_code == 403
    foreign = {"Sec-Fetch-Site": "cross-site"}
    assert client.post(path, data=fields, headers=foreign).status_code == 403
    street.scene.runtime.clock.advance(timedelta(minutes=30))
    assert client.post(path, data=fields).status_code == 403


def test_question_needs_our_own_form(client: FlaskClient) -> None:
    asked = {"document_no": NUMBER, "second_factor": "4321"}
    assert client.post("/tra-cuu", data=asked).status_code == 403


def test_link_that_nobody_made_is_not_found(client: FlaskClient) -> None:
    assert client.get("/nop-thay/" + "x" * 32).status_code == 404
    assert client.get("/tra-cuu/ket-qua/" + "x" * 32).status_code == 404


def test_authorities_to_choose_from_are_those_whose_decisions_are_here(
    client: FlaskClient, street: Street
) -> None:
    assert "Sở Mẫu" not in client.get("/tra-cuu").text
    street.fine()
    assert '<option value="H00.14">Sở Mẫu</option>' in client.get("/tra-cuu").text


def test_renamed_authority_is_shown_by_the_name_it_has_today(client: FlaskClient, street: Street) -> None:
    with street.scene.runtime.database.begin() as uow:
        use(uow.session)
        AgencyPlaceFactory(agency_code="H00.14", name_vi="Sở Mới", name_en="New")
        uow.commit()
    street.fine()
    assert '<option value="H00.14">Sở Mới</option>' in client.get("/tra-cuu").text
    page = look_up(client)
    assert "Sở Mới" in page
    assert "Sở Mới" in client.post("/tra-cuu/phieu", data=hidden(page, "/tra-cuu/phieu")).text


def test_authorities_stand_in_the_order_of_a_dictionary(client: FlaskClient, street: Street) -> None:
    names = {"H71.1": "Đội Cầu Giấy", "H72.1": "Vĩnh Long", "H73.1": "Đắk Lắk", "H74.1": "Cần Thơ"}
    for code, name in names.items():
        with street.scene.runtime.database.begin() as uow:
            use(uow.session)
            AgencyFactory(code=code, name_vi=name, name_en=f"Office {code}")
            uow.commit()
        street.scene.agency_code = code
        street.covered(date(2026, 11, 20))
    shown = re.findall(r'<option value="H7\d.1">([^<]+)</option>', client.get("/tra-cuu?lang=vi").text)
    assert shown == ["Cần Thơ", "Đắk Lắk", "Đội Cầu Giấy", "Vĩnh Long"]
    assert client.get("/tra-cuu?lang=en").text.count("Office H7") == 4


def test_pages_carry_no_script_and_the_strict_policy(client: FlaskClient, street: Street) -> None:
    street.fine()
    page = client.get("/tra-cuu")
    assert "<script" not in page.text + look_up(client)
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert page.headers["Referrer-Policy"] == "no-referrer"
