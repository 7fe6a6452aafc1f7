"""Where and with what a citizen paid: two short lists, stored on every payment (DOMAIN F28)."""

from enum import StrEnum


class Channel(StrEnum):
    """Where the payment was made."""

    COUNTER_BRANCH = "COUNTER_BRANCH"
    TRANSACTION_POINT = "TRANSACTION_POINT"
    ATM = "ATM"
    EBANKING = "EBANKING"
    QR = "QR"
    WALLET = "WALLET"
    POS = "POS"
    GATEWAY = "GATEWAY"  # a payment gateway that does not say more


class Instrument(StrEnum):
    """What the money came from."""

    CASH = "CASH"
    ACCOUNT = "ACCOUNT"
    CARD = "CARD"
    CITIZEN_CARD = "CITIZEN_CARD"
    WALLET = "WALLET"
    UNSTATED = "UNSTATED"  # the provider does not say
