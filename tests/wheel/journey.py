"""A fresh process that knows the bank's adapter from its wheel alone: `python -m tests.wheel.journey STATE`.

Settings name the account, the entry point brings the adapter. It takes a payment to paid in PostgreSQL, plays the
conformance kit, forges callbacks, and prints what came of it as JSON.
"""

import json
import os
import sys
from importlib import import_module
from threading import Thread

from payclear.app import create_app
from payclear.assembly import make_runtime
from payclear.contract.conformance.bench import Bench, Failed, Subject, inbox
from payclear.contract.conformance.forgery import callback_profile, forge, genuine_callbacks
from payclear.contract.conformance.plays import PLAYS, play
from payclear.contract.conformance.scenarios import SCENARIOS
from payclear.db.address import URL_VARIABLE
from payclear.kernel.clock import FixedClock
from payclear.kernel.settings import load_settings
from providers.simulator.app import create_simulator
from providers.simulator.settings import SimulatorSettings
from providers.transport import Transport
from tests.conftest import MORNING
from tests.providers.conformance import books
from tests.scenes import Scene

ACCOUNT = "tinybank-main"


def main(state: str) -> None:
    """Play everything and print the report."""
    clock = FixedClock(MORNING)
    settings = load_settings()
    runtime = make_runtime(settings, url=os.environ[URL_VARIABLE], clock=clock)
    line = runtime.providers.get(ACCOUNT)
    told = SimulatorSettings(
        state_path=state, protocols=("tests.wheel.other_side",), retry_interval_s=0.0, hang_s=5.0
    )
    simulator = create_simulator(told, port=settings.simulator.port, clock=clock)
    thread = Thread(target=simulator.serve)
    thread.start()
    try:
        with inbox(clock) as callbacks:
            bench = Bench(simulator.url, callbacks, clock)
            desk = books.Desk(
                create_app(runtime),
                Scene(runtime).set_up(),
                bench,
                Subject(provider=line.provider, account=line.account),
            )
            report = {"adapter": import_module(type(line.provider).__module__).__file__}
            report["captured"] = _said(lambda: (books.captured(desk), desk.prove()))
            report["forged"] = _said(lambda: (books.forged(desk), desk.prove()))
            report |= _kit(bench, line)
    finally:
        simulator.stop()
        thread.join(10)
        runtime.database.engine.dispose()
    print(json.dumps(report))


def _kit(bench, line) -> dict[str, object]:
    """Every scenario without books that applies, and forgeries, with a transport that does not wait long."""
    quick = Transport(connect_timeout_s=1, read_timeout_s=0.3, total_deadline_s=1)
    subject = Subject(provider=type(line.provider)(quick, bench.clock), account=line.account)
    manifest = line.provider.manifest
    applying = [each.id for each in SCENARIOS if each.id in PLAYS and each.reason(manifest) is None]
    said = {name: _said(lambda name=name: play(name, bench, subject)) for name in applying}
    tally = forge(callback_profile(subject, genuine_callbacks(bench, subject, seed=1)), 1_000, seed=1)
    quick.close()
    return {
        "played": sorted(said),
        "failed": {name: sentence for name, sentence in said.items() if sentence},
        "mutants": tally.mutants,
        "holes": [hole.sentence for hole in tally.holes],
    }


def _said(act) -> str:
    try:
        act()
    except (Failed, AssertionError) as failed:
        return f"{type(failed).__name__}: {failed}"
    return ""


if __name__ == "__main__":
    main(sys.argv[1])
