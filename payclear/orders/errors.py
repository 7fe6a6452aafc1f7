"""What can go wrong with orders, as stable codes."""

from payclear.kernel.errors import Conflict, InvalidInput, NotFound
from payclear.obligations.records import ObligationNotPayable as ObligationNotPayable


class OrderNotFound(NotFound):
    """No order with this reference belongs to the caller."""

    code = "payment_order_not_found"


class DuplicatePortalRef(Conflict):
    """The portal has used this portal_ref before; it is unique for ever."""

    code = "portal_ref_already_used"


class ObligationInOrder(Conflict):
    """An obligation is already in an order that is open or paid."""

    code = "obligation_in_another_order"


class ObligationHoldsMoney(Conflict):
    """Money came for an obligation after its order had ended; it waits for a decision and must not be asked for again."""

    code = "obligation_holds_money"


class MixedCurrencies(InvalidInput):
    """The obligations of one order are in one currency."""

    code = "mixed_currencies"


class ReturnUrlNotAllowed(InvalidInput):
    """The return address is not on the portal's list."""

    code = "return_url_not_allowed"


class OrderNotPayable(Conflict):
    """The order is paid, closed or past its time."""

    code = "payment_order_not_payable"


class AttemptInProgress(Conflict):
    """An attempt's outcome is not known yet: no second one may start, and the order can not be cancelled."""

    code = "attempt_in_progress"


class TooManyAttempts(Conflict):
    """The order has had every try it may have."""

    code = "too_many_attempts"


class AmountOutOfBounds(InvalidInput):
    """The provider does not take this amount."""

    code = "amount_out_of_provider_bounds"
