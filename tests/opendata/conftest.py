"""A small town whose payments are counted: seven people pay a fee, three pay a fine, one pays elsewhere."""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import count
from uuid import UUID

import pytest

from payclear.contract.outcomes import Outcome
from payclear.kernel.clock import FixedClock
from payclear.opendata.counters import LookupChannel, count_lookup
from payclear.opendata.service import figures_of, publish, read
from payclear.runtime import Runtime
from tests.scenes import VNPAY, Scene

DAY = date(2026, 11, 21)
_ANOTHER_PERSON = """
UPDATE obligor SET id_no_index = decode(%s, 'hex')
WHERE id = (SELECT obligor_id FROM obligation WHERE id = %s)
"""


@dataclass
class Town:
    """A day of payments, one person each; times pass while it is lived."""

    scene: Scene
    clock: FixedClock
    people: count = field(default_factory=lambda: count(1))

    @property
    def runtime(self) -> Runtime:
        return self.scene.runtime

    def pay(self, *, fine: bool = False, amount: int = 100_000, outcome: Outcome = Outcome.CONFIRMED) -> UUID:
        """Register what is owed, let ten minutes pass, and pay it by VNPAY."""
        owed = self.scene.fine(amount, served_on=DAY) if fine else self.scene.fee(amount)
        with (
            self.runtime.database.begin() as uow
        ):  # the scene's obligors are one person; here each is another
            uow.run(_ANOTHER_PERSON, (f"{next(self.people):032x}", owed.id))
            uow.commit()
        self.clock.advance(timedelta(minutes=10))
        order = self.scene.order(owed)
        self.scene.apply(self.scene.evidence(self.scene.attempt(order, provider_account=VNPAY), outcome))
        return owed.id

    def look_up(self, obligation_id: UUID | None, *, answer: str = "payable") -> None:
        with self.runtime.database.begin() as uow:
            count_lookup(uow, channel=LookupChannel.PUBLIC, answer=answer, obligation_id=obligation_id)
            uow.commit()

    def figures(self, day: date, as_of: datetime) -> tuple[bytes, dict]:
        with self.runtime.database.begin() as uow:
            body = figures_of(uow, day, as_of)
        return body, dict(read(day, as_of, body).figures)

    def publish(self, day: date, as_of: datetime) -> None:
        body, _ = self.figures(day, as_of)
        with self.runtime.database.begin() as uow:
            assert publish(uow, day, as_of, body)
            uow.commit()


@pytest.fixture
def town(scene: Scene, clock: FixedClock) -> Town:
    return Town(scene, clock)
