"""What is public and what is not: private places in every disguise."""

import pytest

from payclear.security.addresses import are_public, is_public
from tests.security.address_table import PRIVATE, PUBLIC


@pytest.mark.parametrize("address", PRIVATE)
def test_is_public_private_reserved_and_unreadable_addresses_are_not(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_is_public_ordinary_addresses_are(address: str) -> None:
    assert is_public(address)


def test_are_public_one_private_address_among_public_ones_spoils_the_name() -> None:
    assert not are_public(["8.8.8.8", "10.0.0.1"])
    assert not are_public([])
    assert are_public(["8.8.8.8", "2606:4700::1111"])
