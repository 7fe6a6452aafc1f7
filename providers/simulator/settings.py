"""What the simulator is told at start: its merchants, their keys and where their callbacks go.

DEMO keys only.
"""

from dataclasses import dataclass

DEMO_VNPAY_TERMINAL = "DEMOV210"
DEMO_VNPAY_KEY = "DEMO-ONLY-VNPAY-DEMOV210-HASH-KEY"
DEMO_SANDBOX_MERCHANT = "DEMO"
DEMO_SANDBOX_KEY = "DEMO-ONLY-SANDBOX-SIGNING-KEY-0001"


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatorSettings:
    """One terminal at VNPAY and one merchant of the sandbox; times in seconds."""

    state_path: str = "var/simulator.sqlite"
    vnpay_terminal: str = DEMO_VNPAY_TERMINAL
    vnpay_key: str = DEMO_VNPAY_KEY
    vnpay_ipn_url: str = "http://127.0.0.1:8000/callbacks/vnpay-demo"
    sandbox_merchant: str = DEMO_SANDBOX_MERCHANT
    sandbox_key: str = DEMO_SANDBOX_KEY
    retry_interval_s: float = 300.0
    tries_max: int = 10
    callback_timeout_s: float = 15.0
    hang_s: float = 60.0
