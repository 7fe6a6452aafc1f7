"""The nightly job that erases what is past its time; started by the clock, once a night."""

import logging

from payclear.jobs.queue import job
from payclear.privacy.retention import erase_what_is_over
from payclear.runtime import current

log = logging.getLogger(__name__)


@job("privacy.retain")
def retain() -> str | None:
    """Forget and erase what the rules of keeping let go; says how much of what."""
    done = [each for each in erase_what_is_over(current().database) if each.rows]
    for each in done:
        log.info("privacy.erased", extra={"record": each.rule.record.value, "rows": each.rows})
    return ", ".join(f"{each.rule.record} {each.rows}" for each in done) or None
