from dataclasses import replace
from datetime import date

import pytest

from payclear.contract.errors import OperationUnsupported
from payclear.contract.outcomes import CallbackVerdict
from payclear.contract.provider import Provider
from payclear.kernel.secret import Secret
from providers.sandbox import provider as sandbox
from tests.providers.factories import checkout, inbound, refund_request, sandbox_account, status_query

ACCOUNT = sandbox_account()


class Bare(Provider):
    """An adapter that can do nothing."""

    manifest = replace(sandbox.manifest, name="bare", capabilities=frozenset())


@pytest.mark.parametrize(
    ("operation", "arguments"),
    [
        ("merchant_account", ()),
        ("start_checkout", (checkout(),)),
        ("query_status", (status_query(),)),
        ("verify_callback", (inbound(),)),
        ("acknowledge", (CallbackVerdict.ACCEPTED, inbound())),
        ("read_return", (inbound(),)),
        ("refund", (refund_request(),)),
        ("fetch_statement", (date(2026, 11, 20),)),
        ("parse_statement", (None,)),
    ],
)
def test_base_class_refuses_what_the_adapter_does_not_offer(operation, arguments):
    with pytest.raises(OperationUnsupported):
        getattr(Bare(), operation)(ACCOUNT, *arguments)


def test_base_class_has_no_page_and_says_its_name():
    assert Bare().page_origins(ACCOUNT) == ()
    assert Bare().name == "bare"


def test_account_problems_name_what_is_missing():
    assert Bare().account_problems(ACCOUNT) == []
    poor = replace(ACCOUNT, options={}, secrets={"other": Secret("x")})
    problems = Bare().account_problems(poor)
    assert len(problems) == 3
    assert all("is missing" in problem for problem in problems)
