"""What the gateway answers instead of calling a provider."""

from payclear.contract.errors import NotSent
from payclear.kernel.errors import NotFound


class NotCalled(NotSent):
    """The provider was not asked: `reason` is "busy" (every place of the account is taken) or "circuit_open".

    For a checkout or a refund it means what NotSent means; for a question it means nothing: ask again later.
    """

    code = "provider_not_called"

    @property
    def retry_after_s(self) -> int:
        """Seconds after which another try makes sense; 0 when that is not known."""
        return int(self.facts.get("retry_after_s") or 0)


class NoMonth(NotFound):
    """A month that is not written as `2026-11`."""

    code = "no_such_month"


class NoFigures(NotFound):
    """An account that is not configured and has no figures of that month."""

    code = "no_figures"
