"""Forged callbacks of every profile: refused, the same or a hint; and nothing moves behind the callback address.

`make forgery` does the same with a hundred thousand of each.
"""

import pytest
from flask import Flask

from payclear.contract.conformance.bench import Bench, Subject
from payclear.contract.conformance.forgery import callback_profile, forge
from payclear.contract.manifest import Capability
from tests.providers.conformance.books import Desk
from tests.providers.conformance.cells import manifest_of
from tests.providers.conformance.subjects import SUBJECTS
from tests.providers.forgery.door import Sample, bring
from tests.providers.forgery.profiles import adapter_of, calling_back, make_profile, profile_names
from tests.scenes import Scene

SEED = 20261121
MUTANTS = 2_000
AT_THE_DOOR = 30


@pytest.mark.parametrize(("profile", "adapter"), [(name, adapter_of(name)) for name in profile_names()])
def test_no_forgery_is_believed(profile: str, adapter: str, bench: Bench, subject: Subject) -> None:
    tally = forge(make_profile(profile, bench, subject, seed=SEED), MUTANTS, seed=SEED)
    assert [(hole.sentence, hole.mutant.deeds) for hole in tally.holes] == []
    assert tally.mutants == MUTANTS
    assert tally.refused > MUTANTS * 0.5


@pytest.mark.parametrize("adapter", calling_back())
def test_forgeries_at_the_callback_address_change_nothing(
    adapter: str, app: Flask, scene: Scene, bench: Bench, subject: Subject
) -> None:
    desk = Desk(app, scene, bench, subject)
    paid = desk.paid()
    profile = callback_profile(subject, paid.callbacks, name=f"{adapter} at the door")
    sample = Sample(every=10)
    assert forge(profile, 10 * AT_THE_DOOR, seed=SEED, keep=sample.keep).holes == []
    assert len(sample) > AT_THE_DOOR / 2
    bring(desk, paid, sample)
    desk.prove()


def test_every_adapter_that_is_called_by_its_provider_is_forged() -> None:
    called = {Capability.CALLBACK, Capability.COLLECTION}
    assert {name for name in SUBJECTS if called & manifest_of(name).capabilities} <= set(profile_names())
