"""Assembles the simulator: store, engine, protocols, pay page, control.

Used by `python -m providers.simulator` and tests.
"""

from dataclasses import dataclass
from pathlib import Path

from flask import Flask, render_template
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from payclear.kernel.clock import Clock, SystemClock
from providers.simulator import control, counter, pages, registry
from providers.simulator.deliveries import Deliveries
from providers.simulator.engine import Engine
from providers.simulator.settings import SimulatorSettings
from providers.simulator.truth import Truth

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
    engine: Engine

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://{self.server.host}:{self.server.port}"

    @property
    def deliveries(self) -> Deliveries:
        """The sender of callbacks."""
        return self.engine.deliveries

    @property
    def truth(self) -> Truth:
        """What citizens really paid."""
        return self.engine.truth

    def serve(self) -> None:
        """Answer requests until stopped, then put everything away."""
        self.deliveries.start()
        try:
            self.server.serve_forever(poll_interval=0.1)
        finally:
            self.engine.stopping.set()
            self.server.server_close()
            self.deliveries.stop()
            self.truth.close()

    def stop(self) -> None:
        """End `serve`; requests that hang on purpose are let go."""
        self.engine.stopping.set()
        self.server.shutdown()


def create_simulator(
    settings: SimulatorSettings, *, host: str = "127.0.0.1", port: int = 0, clock: Clock | None = None
) -> Simulator:
    """Make a simulator that listens on a port (0: a free one); raises OSError when the port is taken."""
    engine = Engine(settings, Truth(settings.state_path), clock or SystemClock())
    app = Flask("providers.simulator", root_path=str(Path(__file__).parent), static_folder=None)
    for kind in registry.load(settings.protocols):
        protocol = kind(engine)
        engine.plug_in(protocol)
        app.register_blueprint(protocol.blueprint())
    app.register_blueprint(pages.blueprint(engine))
    app.register_blueprint(control.blueprint(engine))
    app.register_blueprint(counter.blueprint(engine))

    @app.get("/")
    def index() -> str:
        payments = engine.truth.settled_on(None)[-LATEST_SHOWN:]
        return render_template(
            "index.html", payments=payments, callbacks=engine.truth.callbacks()[-LATEST_SHOWN:]
        )

    @app.get("/health")
    def health() -> dict[str, str]:
        return {"status": "ok"}

    server = make_server(host, port, app, threaded=True, request_handler=_QuietHandler)
    return Simulator(app, server, engine)
