"""`python -m providers.simulator`: the other side of the providers as a process of its own.

Development and tests only.
"""

import argparse
import os
import signal
import sys
import threading
from types import FrameType

from providers.simulator.app import create_simulator
from providers.simulator.settings import SimulatorSettings


def main(arguments: list[str] | None = None) -> int:
    """Run until SIGINT or SIGTERM; returns the exit status.

    Keys come from the environment or are the DEMO ones.
    """
    defaults = SimulatorSettings()
    parser = argparse.ArgumentParser(prog="providers.simulator", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8100)
    parser.add_argument(
        "--state", default=defaults.state_path, help="SQLite file that keeps what citizens paid"
    )
    parser.add_argument("--vnpay-ipn-url", default=defaults.vnpay_ipn_url)
    parser.add_argument("--vnpay-terminal", default=defaults.vnpay_terminal)
    parser.add_argument("--sandbox-merchant", default=defaults.sandbox_merchant)
    parser.add_argument("--retry-interval-s", type=float, default=defaults.retry_interval_s)
    parser.add_argument(
        "--hang-s", type=float, default=defaults.hang_s, help="how long a planted timeout hangs"
    )
    given = parser.parse_args(arguments)
    settings = SimulatorSettings(
        state_path=given.state,
        vnpay_terminal=given.vnpay_terminal,
        vnpay_key=os.environ.get("SIMULATOR_VNPAY_KEY", defaults.vnpay_key),
        vnpay_ipn_url=given.vnpay_ipn_url,
        sandbox_merchant=given.sandbox_merchant,
        sandbox_key=os.environ.get("SIMULATOR_SANDBOX_KEY", defaults.sandbox_key),
        retry_interval_s=given.retry_interval_s,
        hang_s=given.hang_s,
    )
    try:
        simulator = create_simulator(settings, host=given.host, port=given.port)
    except (OSError, SystemExit):  # werkzeug exits by itself when the port is taken
        print(
            f"The simulator can not listen on {given.host}:{given.port}: is the port taken?", file=sys.stderr
        )
        return 1

    def stop(signum: int, frame: FrameType | None) -> None:
        threading.Thread(target=simulator.stop, daemon=True).start()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    print(f"Provider simulator on {simulator.url}", flush=True)
    simulator.serve()
    return 0


if __name__ == "__main__":
    sys.exit(main())
