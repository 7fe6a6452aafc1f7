"""What can go wrong before a bank's message is read, as stable codes."""

from payclear.kernel.errors import ErrorCategory, NotFound, PayclearError


class UnknownCollectionAccount(NotFound):
    """No account of this name collects for us."""

    code = "unknown_collection_account"


class CollectionMessageTooLarge(PayclearError):
    """A message larger than any bank sends."""

    code = "collection_message_too_large"
    category = ErrorCategory.TOO_LARGE


class CollectionMessageEncoded(PayclearError):
    """A compressed message: the signature is over the bytes as sent, so none is unpacked."""

    code = "collection_message_encoded"
    category = ErrorCategory.UNSUPPORTED
