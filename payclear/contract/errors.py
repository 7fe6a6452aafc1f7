"""What an adapter may raise, and nothing else. The core decides what each means for an attempt."""

from payclear.kernel.errors import ErrorCategory, PayclearError


class ProviderError(PayclearError):
    """Base of everything an adapter raises."""

    code = "provider_error"
    category = ErrorCategory.UNAVAILABLE


class OutcomeUnknown(ProviderError):
    """The request may have reached the provider and no answer can be read: the attempt is in doubt, never failed."""

    code = "provider_outcome_unknown"
    category = ErrorCategory.IN_DOUBT


class NotSent(ProviderError):
    """No byte of the request reached the provider (connection refused, name not found): failover is safe."""

    code = "provider_not_sent"


class ProviderRefused(ProviderError):
    """The provider answered and refused the request itself (bad terminal, bad format): ours to mend."""

    code = "provider_refused"
    category = ErrorCategory.REJECTED


class SignatureInvalid(ProviderError):
    """A callback or an answer whose signature does not hold. Changes nothing but a counter."""

    code = "signature_invalid"
    category = ErrorCategory.UNAUTHENTICATED


class CallbackMalformed(ProviderError):
    """A callback that holds no readable message."""

    code = "callback_malformed"
    category = ErrorCategory.MALFORMED


class OperationUnsupported(ProviderError):
    """The adapter's manifest does not list the capability."""

    code = "operation_unsupported"
    category = ErrorCategory.UNSUPPORTED


class StatementUnavailable(ProviderError):
    """The provider has no statement for that day yet."""

    code = "statement_unavailable"
