"""What can go wrong with refunds, as stable codes."""

from payclear.kernel.errors import Conflict, InvalidInput, NotFound


class RefundNotFound(NotFound):
    """There is no refund of this reference."""

    code = "refund_not_found"


class AttemptNotFound(NotFound):
    """There is no payment attempt of this reference."""

    code = "payment_attempt_not_found"


class RefundAmountInvalid(InvalidInput):
    """A refund gives back more than nothing, in the currency of the payment."""

    code = "refund_amount_invalid"


class RefundReasonMissing(InvalidInput):
    """A refund says why, in 200 characters at most."""

    code = "refund_reason_missing"


class NothingToRefund(Conflict):
    """The attempt brought no money, or its bank took it back."""

    code = "nothing_to_refund"


class RefundExceedsCapture(Conflict):
    """All refunds of an attempt together give back what it brought at most."""

    code = "refund_exceeds_capture"


class RefundUnsupported(Conflict):
    """The provider has no refund, or no refund of a part, that we can ask for."""

    code = "refund_unsupported"
