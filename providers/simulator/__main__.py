"""`python -m providers.simulator`: the other side of the providers as a process of its own.

Development and tests only.
"""

import argparse
import os
import signal
import sys
import threading
from collections.abc import Mapping, Sequence
from datetime import datetime
from types import FrameType

from payclear.kernel.clock import Clock, FixedClock
from providers.simulator import registry
from providers.simulator.app import create_simulator
from providers.simulator.settings import SimulatorSettings


def main(arguments: list[str] | None = None) -> int:
    """Run until SIGINT or SIGTERM; returns the exit status.

    Keys come from the environment or are the DEMO ones.
    """
    given = _parser().parse_args(arguments)
    try:
        settings = _settings(given)
        clock: Clock | None = FixedClock(given.clock) if given.clock else None
        simulator = create_simulator(settings, host=given.host, port=given.port, clock=clock)
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


def _parser() -> argparse.ArgumentParser:
    defaults = SimulatorSettings()
    parser = argparse.ArgumentParser(prog="providers.simulator", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8100)
    parser.add_argument(
        "--state", default=defaults.state_path, help="SQLite file that keeps what citizens paid"
    )
    parser.add_argument(
        "--callback-base",
        default=defaults.callback_base,
        help="where configured callbacks go, the account's code is added",
    )
    parser.add_argument(
        "--account",
        action="append",
        default=[],
        metavar="PROTOCOL=CODE",
        help="the merchant's account code at a protocol (PROTOCOL-demo if not given)",
    )
    parser.add_argument("--protocol", action="append", default=[], help="a module with one more protocol")
    parser.add_argument("--vnpay-ipn-url", help="the whole address of VNPAY's callbacks")
    parser.add_argument("--vnpay-terminal")
    parser.add_argument("--sandbox-merchant")
    parser.add_argument("--retry-interval-s", type=float, help="instead of each protocol's own retry rule")
    parser.add_argument(
        "--hang-s", type=float, default=defaults.hang_s, help="how long a planted timeout hangs"
    )
    parser.add_argument("--cut", action="store_true", help="end a planted timeout by cutting the connection")
    parser.add_argument(
        "--clock",
        type=datetime.fromisoformat,
        metavar="INSTANT",
        help="stand still at this instant (with its zone) until POST /control/clock moves on",
    )
    return parser


def _settings(given: argparse.Namespace) -> SimulatorSettings:
    credentials = _credentials(os.environ, given.protocol)
    for protocol, name, value in (
        ("vnpay", "terminal", given.vnpay_terminal),
        ("sandbox", "merchant", given.sandbox_merchant),
    ):
        if value:
            credentials[protocol] = {**credentials.get(protocol, {}), name: value}
    return SimulatorSettings(
        state_path=given.state,
        callback_base=given.callback_base,
        accounts=dict(pair.partition("=")[::2] for pair in given.account),
        callback_urls={"vnpay": given.vnpay_ipn_url} if given.vnpay_ipn_url else {},
        credentials=credentials,
        protocols=tuple(given.protocol),
        retry_interval_s=given.retry_interval_s,
        hang_s=given.hang_s,
        cuts=given.cut,
    )


def _credentials(environ: Mapping[str, str], more: Sequence[str]) -> dict[str, dict[str, str]]:
    """`SIMULATOR_<NAME>_<CREDENTIAL>` of every protocol."""
    return {
        kind.name: {
            credential: environ[variable]
            for credential in kind.demo
            if (variable := f"SIMULATOR_{kind.name}_{credential}".upper()) in environ
        }
        for kind in registry.load(more)
    }


if __name__ == "__main__":
    sys.exit(main())
