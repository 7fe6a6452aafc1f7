import pytest

from payclear.contract.registry import ProviderLine, ProviderRegistry, UnknownProviderAccount
from providers.sandbox import provider
from tests.providers.factories import sandbox_account

LINE = ProviderLine(account=sandbox_account(), provider=provider, cut_off="00:00", grace_business_days=1)


def test_registry_knows_its_accounts_by_code():
    registry = ProviderRegistry({LINE.code: LINE})
    assert registry.get("sandbox-test") is LINE
    assert "sandbox-test" in registry
    assert list(registry) == [LINE]


def test_registry_account_nobody_configured_is_an_error():
    with pytest.raises(UnknownProviderAccount):
        ProviderRegistry({}).get("sandbox-test")
