"""What can go wrong with a night, as stable codes."""

from payclear.kernel.errors import Conflict, ErrorCategory, InvalidInput, NotFound, PayclearError


class DayNotOver(InvalidInput):
    """The business day has not begun yet: there is nothing to reconcile."""

    code = "business_day_not_begun"


class RunMovedOn(Conflict):
    """Somebody else is at work on the same run; trying again later continues where he stopped."""

    code = "reconciliation_run_moved_on"


class DoesNotAddUp(PayclearError):
    """A line has no place or two: a mistake of the programme that stops the run."""

    code = "reconciliation_does_not_add_up"
    category = ErrorCategory.CONFLICT


class DayNotReconciled(NotFound):
    """No run of this provider account and day is known."""

    code = "day_not_reconciled"
