"""A second currency for the tests that need two; the books themselves keep only đồng."""

from payclear.kernel import money


def other_currency(monkeypatch) -> money.Money:
    """One unit of a currency that is known for the length of a test."""
    monkeypatch.setitem(money.CURRENCIES, "XTS", 0)
    return money.Money(1, "XTS")
