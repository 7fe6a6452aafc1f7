import hashlib
import hmac

import pytest

from payclear.contract.errors import NotSent, ProviderRefused, StatementUnavailable
from payclear.kernel.clock import FixedClock
from payclear.kernel.secret import Secret
from providers.statement_drop import take_statement
from tests.providers.canned import Canned
from tests.providers.factories import NOW, sandbox_account

NAME = "X_1_20261121.xlsx"


def take(transport, name=NAME, **options):
    account = sandbox_account(options=options)
    return take_statement(
        account, transport, FixedClock(NOW), name=name, asked={"date": "20261121"}, key=Secret("k")
    )


def test_take_statement_signs_the_question():
    transport = Canned(b"file")
    assert take(transport, statement_url="https://provider.example.vn/s") == b"file"
    method, url, headers, _ = transport.sent[0]
    stamp = headers["x-statement-timestamp"]
    wanted = hmac.new(b"k", f"GET|date=20261121|{stamp}".encode(), hashlib.sha256).hexdigest()
    assert (method, url) == ("GET", "https://provider.example.vn/s?date=20261121")
    assert headers["x-statement-signature"] == wanted


def test_take_statement_reads_the_folder_before_any_address(tmp_path):
    options = {"statement_folder": str(tmp_path), "statement_url": "https://provider.example.vn/s"}
    with pytest.raises(StatementUnavailable):
        take(Canned(b"other"), **options)
    (tmp_path / NAME).write_bytes(b"file")
    assert take(Canned(b"other"), **options) == b"file"


@pytest.mark.parametrize("name", ["../x.xlsx", "a/b.xlsx", "x", "", "x y.xlsx"])
def test_take_statement_name_that_leaves_the_folder_is_refused(name, tmp_path):
    with pytest.raises(ProviderRefused):
        take(Canned(), name=name, statement_folder=str(tmp_path))


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (404, StatementUnavailable),
        (500, StatementUnavailable),
        (401, ProviderRefused),
        (403, ProviderRefused),
    ],
)
def test_take_statement_refused_and_missing_are_told_apart(status, error):
    with pytest.raises(error):
        take(Canned(b"", status), statement_url="https://provider.example.vn/s")


def test_take_statement_without_a_place_or_an_answer_is_unavailable():
    class Silent:
        def send(self, *args, **kwargs):
            raise NotSent("no route", reason="refused")

    with pytest.raises(StatementUnavailable):
        take(Canned())
    with pytest.raises(StatementUnavailable):
        take(Silent(), statement_url="https://provider.example.vn/s")
