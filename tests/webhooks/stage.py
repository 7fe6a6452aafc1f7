"""A portal with its endpoint, events that happen to it, and a sender on the test's clock."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from payclear.events import service as events
from payclear.events.domain import AnnouncedEvent
from payclear.events.registry import all_event_types
from payclear.kernel.clock import Clock
from payclear.kernel.ids import new_uuid
from payclear.kernel.secret import Secret
from payclear.runtime import Runtime
from payclear.webhooks import handlers
from payclear.webhooks.outbound import Outbound
from payclear.webhooks.sender import Sender, Tally
from payclear.webhooks.service import EndpointSecrets, register_endpoint
from tests.events.facts import order_fact
from tests.factories.base import use
from tests.factories.reference import PortalFactory

ALL_TYPES = [kind.name for kind in all_event_types()]


@dataclass(slots=True)
class Stage:
    """Everything between a fact and its receiver; each step commits, as in life."""

    runtime: Runtime
    clock: Any
    orders: dict[UUID, int] = field(default_factory=dict)

    def portal(self, code: str = "demoportal") -> str:
        with self.runtime.database.begin() as uow:
            use(uow.session)
            PortalFactory(code=code)
            uow.commit()
        return code

    def endpoint(
        self, url: str, *, portal_code: str = "demoportal", secret: Secret | None = None
    ) -> EndpointSecrets:
        with self.runtime.database.begin() as uow:
            made = register_endpoint(
                uow,
                self.runtime.sealer,
                portal_code,
                url,
                ALL_TYPES,
                secret,
                allow_hosts=self.runtime.settings.webhooks.allow_hosts,
            )
            uow.commit()
        return made

    def happen(
        self, what: str = "paid", *, portal_code: str = "demoportal", order: UUID | None = None
    ) -> AnnouncedEvent:
        """Announce one fact of an order, a new one unless given."""
        of = order or new_uuid()
        self.orders[of] = self.orders.get(of, 0) + 1
        with self.runtime.database.begin() as uow:
            fact = order_fact(what, portal_code=portal_code, aggregate_id=of, sequence=self.orders[of])
            announced = events.announce(uow, fact)
            uow.commit()
        return announced

    def sender(self, *, total_timeout_s: float = 5.0, clock: Clock | None = None) -> Sender:
        return Sender(
            database=self.runtime.database,
            sealer=self.runtime.sealer,
            clock=clock or self.clock,
            outbound=Outbound(
                clock=clock or self.clock,
                connect_timeout_s=2,
                total_timeout_s=total_timeout_s,
                allow_hosts=self.runtime.settings.webhooks.allow_hosts,
            ),
        )

    def drain(self) -> Tally:
        return self.sender().drain()

    def deliveries(self) -> list[tuple[str, int, Any]]:
        """State, tries and next try of every delivery, the oldest first."""
        with self.runtime.database.begin() as uow:
            return uow.run(
                "SELECT state, attempts, next_attempt_at FROM webhook_delivery ORDER BY created_at, id"
            ).fetchall()

    def queued(self, job: str) -> int:
        with self.runtime.database.begin() as uow:
            return uow.run(
                "SELECT count(*) FROM procrastinate_jobs WHERE task_name = %s AND status = 'todo'", (job,)
            ).fetchone()[0]

    def until_quiet(self, longest: timedelta) -> None:
        """Let time pass from one due try to the next, and send each time, until nothing waits."""
        end = self.clock.now() + longest
        while self.clock.now() < end:
            self.drain()
            waiting = [at for state, _, at in self.deliveries() if state == "pending"]
            if not waiting:
                return
            self.clock.set(max(self.clock.now(), min(waiting)))


def subscribe_outbox(monkeypatch: Any) -> None:
    """Subscribe the outbox alone, whatever other tests assembled."""
    monkeypatch.setattr(events, "_subscribers", {})
    handlers.register()
