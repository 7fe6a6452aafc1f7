"""What the simulator is told at start: its merchants, their keys and where their callbacks go.

DEMO keys only; each protocol brings its own (`Protocol.demo`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatorSettings:
    """One merchant account at every provider; times in seconds.

    `retry_interval_s` None means each protocol's own retry rule. Callbacks that are configured once go to
    `<callback_base>/<account code>`; the account is `<protocol>-demo` unless `accounts` names it, and
    `callback_urls` overrides the whole address. `credentials`: protocol → credential → value. `cuts`: a planted timeout
    ends with the connection, as when the caller has long given up; with `hang_s` 0 nobody waits for it.
    """

    state_path: str = "var/simulator.sqlite"
    callback_base: str = "http://127.0.0.1:8000/callbacks"
    accounts: Mapping[str, str] = field(default_factory=dict)
    callback_urls: Mapping[str, str] = field(default_factory=dict)
    credentials: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    protocols: tuple[str, ...] = ()
    retry_interval_s: float | None = None
    callback_timeout_s: float = 15.0
    hang_s: float = 60.0
    cuts: bool = False

    def callback_url(self, protocol: str) -> str:
        """Where a protocol's configured callbacks go."""
        account = self.accounts.get(protocol, f"{protocol}-demo")
        return self.callback_urls.get(protocol, f"{self.callback_base.rstrip('/')}/{account}")

    def collection_url(self, protocol: str, account: str = "") -> str:
        """Where a collecting bank's calls go: `/collection` stands beside `/callbacks`."""
        if protocol in self.callback_urls:
            return self.callback_urls[protocol]
        account = self.accounts.get(protocol, account or f"{protocol}-demo")
        return f"{self.callback_base.rstrip('/').rpartition('/')[0]}/collection/{account}"
