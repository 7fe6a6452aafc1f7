"""The number of the contract between core and adapters. An adapter in a wheel of its own names it in its manifest.

What a number promises stands in docs/providers.md: within it nothing is taken away and nothing changes its meaning.
"""

from typing import Final

VERSION: Final = 1
SPOKEN: Final = frozenset({VERSION})


def refusal_of(contract: int) -> str:
    """Why an adapter written for this number can not be used here, as a sentence's end; empty when it can."""
    if contract in SPOKEN:
        return ""
    spoken = ", ".join(str(number) for number in sorted(SPOKEN))
    return f"was written for contract {contract}, and this payclear speaks contract {spoken}"
