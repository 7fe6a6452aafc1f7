"""What a citizen reads of their data: in both languages, with the times of the catalogue, found from every page."""

import re

import pytest
from flask.testing import FlaskClient

from payclear.catalogue.files import load_catalogue
from tests.privacy.conftest import RULES
from tests.scenes import Scene


@pytest.mark.parametrize(("lang", "months"), [("vi", "120 tháng"), ("en", "120 months")])
def test_page_says_what_is_kept_for_how_long_and_how_to_ask(
    client: FlaskClient, scene: Scene, lang: str, months: str
) -> None:
    with scene.runtime.database.begin() as uow:
        load_catalogue(uow, RULES)
        uow.commit()
    answer = client.get(f"/du-lieu-ca-nhan?lang={lang}")
    assert answer.status_code == 200
    assert f'<html lang="{lang}">' in answer.text
    assert months in answer.text
    assert "privacy." not in answer.text  # every text is there
    assert len(re.findall(r"<h1>", answer.text)) == 1
    headings = re.findall(
        r'<section class="card" aria-labelledby="([^"]+)">\s*<h2 id="([^"]+)">', answer.text
    )
    assert len(headings) == 5
    assert all(one == other for one, other in headings)


def test_without_a_rule_nothing_is_promised(client: FlaskClient) -> None:
    page = client.get("/du-lieu-ca-nhan").text
    assert "chưa có quy định cho phép xóa" in page
    assert "tháng kể từ" not in page


@pytest.mark.parametrize("path", ["/tra-cuu", "/so-lieu", "/pay/unknown", "/du-lieu-ca-nhan"])
def test_every_public_page_leads_there_in_its_language(client: FlaskClient, path: str) -> None:
    assert 'href="/du-lieu-ca-nhan?lang=en"' in client.get(f"{path}?lang=en").text


def test_payment_page_leads_there_and_the_console_does_not(client: FlaskClient, scene: Scene) -> None:
    order = scene.order()
    assert "/du-lieu-ca-nhan" in client.get(f"/pay/{order.pay_token}").text
    assert "/du-lieu-ca-nhan" not in client.get("/console/login").text
