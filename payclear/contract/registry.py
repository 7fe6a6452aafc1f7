"""The adapters and accounts a process works with; made when the application is assembled, never changed after."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from payclear.contract.messages import Account
from payclear.contract.provider import Provider
from payclear.kernel.errors import NotFound


class UnknownProviderAccount(NotFound):
    """No provider account of this name is configured."""

    code = "unknown_provider_account"


@dataclass(frozen=True, slots=True)
class ProviderLine:
    """One account with the adapter that speaks for it."""

    account: Account
    provider: Provider
    cut_off: str  # "HH:MM" in Viet Nam; "00:00" means the calendar day
    grace_business_days: int
    allowed_networks: tuple[str, ...] = ()  # the only networks its messages come from; empty for any

    @property
    def code(self) -> str:
        """The account's code."""
        return self.account.code


class ProviderRegistry:
    """Every enabled provider account by its code, in the configuration's order."""

    def __init__(self, lines: Mapping[str, ProviderLine]) -> None:
        self._lines = dict(lines)

    def __iter__(self) -> Iterator[ProviderLine]:
        return iter(self._lines.values())

    def __contains__(self, code: str) -> bool:
        return code in self._lines

    def name_of(self, code: str, locale: str) -> str:
        """The name of an account on pages of a language; the code itself when the account is no longer configured."""
        line = self._lines.get(code)
        return line.account.name_in(locale) if line else code

    def get(self, code: str) -> ProviderLine:
        """Return the line of an account; raises UnknownProviderAccount."""
        try:
            return self._lines[code]
        except KeyError:
            raise UnknownProviderAccount("no such provider account", provider_account=code[:40]) from None
