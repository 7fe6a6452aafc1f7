import pytest

pytest.register_assert_rewrite(
    "tests.providers.conformance.books",
    "tests.providers.conformance.counter_books",
    "tests.providers.conformance.counter_town",
)
