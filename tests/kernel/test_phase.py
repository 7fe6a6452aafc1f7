"""No network call while a transaction is open."""

import contextvars

import pytest

from payclear.kernel.phase import require_no_transaction, transaction_phase


def test_call_inside_an_open_transaction_is_refused():
    with (
        transaction_phase(),
        pytest.raises(RuntimeError, match="query the provider inside an open transaction"),
    ):
        require_no_transaction("query the provider")


def test_call_inside_a_nested_transaction_is_refused_until_the_outermost_ends():
    with transaction_phase():
        with transaction_phase():
            pass
        with pytest.raises(RuntimeError):
            require_no_transaction("call")
    require_no_transaction("call")


def test_transaction_that_failed_no_longer_refuses_calls():
    with pytest.raises(ZeroDivisionError), transaction_phase():
        raise ZeroDivisionError
    require_no_transaction("call")


def test_transaction_of_another_context_refuses_nothing_here():
    with transaction_phase():
        contextvars.Context().run(require_no_transaction, "call")
