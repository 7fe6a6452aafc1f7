"""Evidence: one normalised statement about one attempt. Made by adapters and statement intake, applied by `orders`."""

from dataclasses import dataclass
from datetime import datetime

from payclear.contract.outcomes import EvidenceSource, Outcome
from payclear.kernel.money import Money


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What one source says about one attempt.

    `amount` is what the provider says was paid (None when the message carries none), `paid_at` aware UTC,
    `paid_at_raw` the provider's own stamp verbatim, `merchant_account` the merchant or terminal the message names,
    `detail_code` the provider's own code (`24`, `00`), `channel` and `instrument` in DOMAIN's words.
    """

    source: EvidenceSource
    outcome: Outcome
    provider_account: str
    attempt_ref: str
    provider_ref: str | None = None
    amount: Money | None = None
    merchant_account: str | None = None
    paid_at: datetime | None = None
    paid_at_raw: str | None = None
    detail_code: str | None = None
    channel: str | None = None
    instrument: str | None = None
