"""Forms of other sites and forms without our token."""

import pytest

from payclear.http.forms import FormRefused, form_token, require_form_token, require_same_origin
from payclear.kernel.secret import Secret

OWN = ("https://pay.example", "http://127.0.0.1:8000/")
SECRET = Secret("a secret of this test, long enough")


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": ""},
        {"Sec-Fetch-Site": "cross-site", "Origin": "https://pay.example"},
        {"Origin": "https://evil.example"},
        {"Origin": "https://pay.example.evil.example"},
        {"Origin": "http://pay.example"},
        {"Origin": "https://pay.example:8443"},
        {"Origin": ""},
    ],
)
def test_form_from_elsewhere_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(FormRefused):
        require_same_origin(headers, own=OWN)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "same-origin", "Origin": "null"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "https://pay.example"},
        {"Origin": "http://127.0.0.1:8000"},
        {"Origin": "null"},
    ],
)
def test_form_from_our_own_page_is_accepted(headers: dict[str, str]) -> None:
    require_same_origin(headers, own=OWN)


def test_token_holds_for_its_purpose_and_object_only() -> None:
    token = form_token(SECRET, purpose="pay", bound_to="order-1")
    require_form_token(token, form_token(SECRET, purpose="pay", bound_to="order-1"))
    others = [
        form_token(SECRET, purpose="pay", bound_to="order-2"),
        form_token(SECRET, purpose="login", bound_to="order-1"),
        form_token(SECRET, purpose="pay\x00order-1", bound_to=""),
        form_token(Secret("another secret of this test, long"), purpose="pay", bound_to="order-1"),
    ]
    for other in others:
        with pytest.raises(FormRefused):
            require_form_token(other, token)


@pytest.mark.parametrize("sent", [None, "", "x", "\udcff"])
def test_token_that_is_missing_or_odd_is_refused(sent: str | None) -> None:
    with pytest.raises(FormRefused):
        require_form_token(sent, form_token(SECRET, purpose="pay", bound_to="order-1"))
