"""The sender's job: woken by the transaction that wrote an event, and by the clock for later tries."""

from datetime import timedelta

from payclear.jobs.queue import job
from payclear.runtime import Runtime, current
from payclear.webhooks.outbound import Outbound
from payclear.webhooks.sender import Sender


@job("webhooks.drain", queue="webhooks")
def drain() -> str:
    """Send what is due."""
    tally = sender(current()).drain()
    return f"{tally.delivered} delivered, {tally.failed} failed, {tally.parked} parked"


def sender(runtime: Runtime) -> Sender:
    """The sender of this process, with the limits of the settings."""
    limits = runtime.settings.webhooks
    return Sender(
        database=runtime.database,
        sealer=runtime.sealer,
        clock=runtime.clock,
        outbound=Outbound(
            clock=runtime.clock,
            connect_timeout_s=limits.connect_timeout_s,
            total_timeout_s=limits.total_timeout_s,
            allow_hosts=limits.allow_hosts,
        ),
        lease=timedelta(seconds=10 + 4 * limits.total_timeout_s),
    )
