"""Assembles the simulator: store, callback sender, providers, control.

Used by `python -m providers.simulator` and tests.
"""

import threading
from dataclasses import dataclass
from pathlib import Path

from flask import Flask, render_template
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from payclear.kernel.clock import Clock, SystemClock
from providers.simulator import control, sandbox, vnpay
from providers.simulator.deliveries import Deliveries
from providers.simulator.sandbox import SandboxPayments
from providers.simulator.settings import SimulatorSettings
from providers.simulator.truth import Truth
from providers.simulator.vnpay_payments import VnpayPayments

LATEST_SHOWN = 20


class _QuietHandler(WSGIRequestHandler):
    """Pay URLs carry signatures and addresses: no access log."""

    def log(self, type: str, message: str, *args: object) -> None:
        """Say nothing."""


@dataclass(slots=True)
class Simulator:
    """A running simulator: `serve` blocks until `stop` is called from another thread."""

    app: Flask
    server: BaseWSGIServer
    deliveries: Deliveries
    truth: Truth
    stopping: threading.Event

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://{self.server.host}:{self.server.port}"

    def serve(self) -> None:
        """Answer requests until stopped, then put everything away."""
        self.deliveries.start()
        try:
            self.server.serve_forever(poll_interval=0.1)
        finally:
            self.stopping.set()
            self.server.server_close()
            self.deliveries.stop()
            self.truth.close()

    def stop(self) -> None:
        """End `serve`; requests that hang on purpose are let go."""
        self.stopping.set()
        self.server.shutdown()


def create_simulator(
    settings: SimulatorSettings, *, host: str = "127.0.0.1", port: int = 0, clock: Clock | None = None
) -> Simulator:
    """Make a simulator that listens on a port (0: a free one); raises OSError when the port is taken."""
    clock = clock or SystemClock()
    truth = Truth(settings.state_path)
    deliveries = Deliveries(
        truth,
        clock,
        retry_interval_s=settings.retry_interval_s,
        tries_max=settings.tries_max,
        timeout_s=settings.callback_timeout_s,
    )
    stopping = threading.Event()
    vnpay_payments = VnpayPayments(settings, truth, clock, deliveries)
    sandbox_payments = SandboxPayments(settings, truth, clock, deliveries)
    app = Flask("providers.simulator", root_path=str(Path(__file__).parent), static_folder=None)
    app.register_blueprint(vnpay.blueprint(vnpay_payments, stopping))
    app.register_blueprint(sandbox.blueprint(sandbox_payments, stopping))
    app.register_blueprint(control.blueprint(vnpay_payments, sandbox_payments))

    @app.get("/")
    def index() -> str:
        payments = truth.settled_on(None)[-LATEST_SHOWN:]
        return render_template("index.html", payments=payments, callbacks=truth.callbacks()[-LATEST_SHOWN:])

    @app.get("/health")
    def health() -> dict[str, str]:
        return {"status": "ok"}

    server = make_server(host, port, app, threaded=True, request_handler=_QuietHandler)
    return Simulator(app, server, deliveries, truth, stopping)
