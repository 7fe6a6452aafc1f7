"""What can be refused about personal data."""

from payclear.kernel.errors import Conflict, ErrorCategory, NotFound, PayclearError


class PurposeRefused(PayclearError):
    """No such purpose is in force, or the reader's roles may not read for it."""

    code = "reading_purpose_refused"
    category = ErrorCategory.FORBIDDEN


class SubjectNotFound(NotFound):
    """We hold nothing about such a person."""

    code = "subject_not_found"


class SubjectForgotten(PayclearError):
    """The person was forgotten; the books stay without them."""

    code = "subject_forgotten"
    category = ErrorCategory.GONE


class ForgettingRefused(Conflict):
    """Something is owed, under way or in doubt, the law still asks us to keep it, or these roles may not forget."""

    code = "forgetting_refused"


class RequestUnknown(NotFound):
    """No request to forget waits under this id, or it waited too long."""

    code = "forgetting_request_unknown"
