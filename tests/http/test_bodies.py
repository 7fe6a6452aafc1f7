"""Bodies of any size and form are refused as what they are, on every address, and never read whole."""

import io

import pytest
from flask.testing import FlaskClient

from payclear.app import FORM_PARTS_MAX
from payclear.http.operations import BODY_BYTES_MAX
from tests.scenes import Scene

ADDRESSES = ["/nowhere", "/static/x", "/pay/abc", "/console/orders", "/console/login"]
DOORS = ["/callbacks/nobody", "/callbacks/vnpay-demo", "/return/nobody", "/return/vnpay-demo"]
BOUNDARY = "payclear-test"


class Endless(io.RawIOBase):
    """A sender who does not stop, as a chunked request without Content-Length is read."""

    def __init__(self) -> None:
        self.taken = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        buffer[:] = b"x" * len(buffer)
        self.taken += len(buffer)
        return len(buffer)


def chunked(stream: io.RawIOBase) -> dict[str, object]:
    return {
        "headers": {"Transfer-Encoding": "chunked"},
        "environ_overrides": {"wsgi.input": stream, "wsgi.input_terminated": True},
    }


def parts(count: int) -> bytes:
    part = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="n"\r\n\r\nv\r\n'
    return (part * count + f"--{BOUNDARY}--\r\n").encode()


@pytest.mark.parametrize("address", ["/return/vnpay-demo", "/callbacks/vnpay-demo", "/v1/payment-orders"])
def test_body_without_a_length_is_cut_off_at_the_limit(client: FlaskClient, address: str) -> None:
    sender = Endless()
    answer = client.post(address, **chunked(sender))
    assert answer.status_code == 413
    assert sender.taken <= 2 * BODY_BYTES_MAX


def test_callback_without_a_length_but_within_the_limit_is_read(client: FlaskClient) -> None:
    assert (
        client.post("/callbacks/vnpay-demo", **chunked(io.BytesIO(b"x" * BODY_BYTES_MAX))).status_code == 200
    )


@pytest.mark.parametrize("address", [*ADDRESSES, *DOORS])
@pytest.mark.parametrize("accept", ["text/html", "application/json"])
def test_form_of_too_many_parts_is_no_failure_of_ours(
    client: FlaskClient, scene: Scene, address: str, accept: str
) -> None:
    answer = client.post(
        address,
        data=parts(1500),
        content_type=f"multipart/form-data; boundary={BOUNDARY}",
        headers={"Accept": accept},
    )
    # VNPAY is told of a callback that makes no sense in its own way, always with status 200.
    assert answer.status_code in range(400, 500) or address == "/callbacks/vnpay-demo"


def test_form_of_too_many_parts_is_refused_where_forms_are_read(client: FlaskClient, scene: Scene) -> None:
    address = f"/pay/{scene.order().pay_token}/attempts"
    kind = f"multipart/form-data; boundary={BOUNDARY}"
    assert client.post(address, data=parts(FORM_PARTS_MAX + 1), content_type=kind).status_code == 413
    assert client.post(address, data=parts(FORM_PARTS_MAX), content_type=kind).status_code == 403


@pytest.mark.parametrize("address", ["/console/login", "/pay/abcdefghijklmnopqrst/attempts"])
def test_form_too_large_is_refused_with_a_page(client: FlaskClient, address: str) -> None:
    answer = client.post(address, data={"login": "x" * (BODY_BYTES_MAX + 1)})
    assert (answer.status_code, answer.mimetype) == (413, "text/html")
