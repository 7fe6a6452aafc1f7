"""Forges callbacks of every adapter by the hundred thousand: `make forgery`, or `python -m tests.providers.forgery`.

Prints one row a profile and every forgery that got through; exit code 1 when one did.
"""

import argparse
import logging
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from payclear.contract.conformance.bench import Bench, Failed, Subject
from payclear.contract.conformance.forgery import Hole, Tally, callback_profile, forge
from tests.database import TestServer, start_server
from tests.providers.forgery.door import Sample, bring, desk_at
from tests.providers.forgery.profiles import adapter_of, calling_back, make_profile, profile_names, stage

SEED = 20261121
HEAD = "| Profile | Mutants | Refused | Equal | Hints | Seconds | At the door | Seed |\n|---|--:|--:|--:|--:|--:|--:|--:|"


def main() -> int:
    """Forge, print, and say by the exit code whether all was refused."""
    asked = _asked()
    logging.disable(logging.CRITICAL)  # each refused callback is a warning, and there are many
    holes: list[Hole] = []
    print(HEAD)
    with stage() as on, TemporaryDirectory() as folder:
        server = start_server(Path(folder)) if asked.door else None
        try:
            for name in asked.only or profile_names():
                bench, subject = on(adapter_of(name))
                tally = forge(
                    make_profile(name, bench, subject, seed=asked.seed), asked.count, seed=asked.seed
                )
                brought = 0
                if server is not None and name in calling_back():
                    brought = _at_the_door(server, bench, subject, asked)
                holes += tally.holes
                print(_row(tally, brought), flush=True)
        finally:
            if server is not None:
                server.server.destroy()
    for hole in holes:
        print(
            f"\n{hole.sentence}\n  {hole.mutant.deeds}\n  {hole.mutant.request!r}\n  {hole.mutant.request.body!r}"
        )
        print(f"  {hole.mutant.request.query_string!r}\n  {dict(hole.mutant.request.headers)!r}")
    return 1 if holes else 0


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make forgery", description=__doc__)
    parser.add_argument("--count", type=int, default=100_000, help="mutants of each profile")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument(
        "--door", type=int, default=500, help="how many of each go through the callback address; 0: none"
    )
    parser.add_argument("--only", nargs="*", choices=profile_names(), help="these profiles alone")
    return parser.parse_args()


def _at_the_door(server: TestServer, bench: Bench, subject: Subject, asked: argparse.Namespace) -> int:
    """Forge the callback of a payment that our books know, and bring a sample to the address; raises Failed."""
    with desk_at(server, bench, subject) as desk:
        paid = desk.paid()
        profile = callback_profile(subject, paid.callbacks, name=f"{subject.provider.name} at the door")
        sample = Sample(every=2)
        tally = forge(profile, asked.door * 2, seed=asked.seed, keep=sample.keep)
        if tally.holes:
            raise Failed(tally.holes[0].sentence)
        bring(desk, paid, sample)
        desk.prove()
    return len(sample)


def _row(tally: Tally, brought: int) -> str:
    cells = (tally.mutants, tally.refused, tally.equal, tally.hints)
    shown = " | ".join(f"{cell:,}" for cell in cells)
    return f"| {tally.profile} | {shown} | {tally.seconds:.1f} | {brought or '–'} | {tally.seed} |"


if __name__ == "__main__":
    sys.exit(main())
