"""What is looked at before a dossier's fee is registered: its filing date, and whether a portal may state the lines.

Called at the edge, where the settings are.
"""

from datetime import date, timedelta
from typing import Final

from payclear.kernel.errors import PayclearError
from payclear.kernel.settings_schema import ObligationSettings
from payclear.obligations.fees.facts import FilingDateRefused, StatedFeeRefused, UnknownProcedure
from payclear.obligations.fees.quarantine import DossierCodeRefused
from payclear.obligations.records import DossierDocument, RegisterObligation
from payclear.obligations.rules.fees import DeclaredTotalDiffers, InvalidFeeFacts, ProcedureNotInForce
from payclear.obligations.rules.tariffs import TariffAmbiguous, TariffNotInForce, UnknownFeeItem

# What the registration of a dossier's fee may answer besides what every registration may.
FEE_ERRORS: Final[tuple[type[PayclearError], ...]] = (
    FilingDateRefused,
    StatedFeeRefused,
    UnknownProcedure,
    ProcedureNotInForce,
    UnknownFeeItem,
    TariffNotInForce,
    TariffAmbiguous,
    InvalidFeeFacts,
    DeclaredTotalDiffers,
    DossierCodeRefused,
)


def admit(command: RegisterObligation, *, settings: ObligationSettings, today: date) -> None:
    """Raises FilingDateRefused for a day to come or long past, StatedFeeRefused where portals state no fees."""
    document = command.document
    assert isinstance(document, DossierDocument)
    oldest = today - timedelta(days=settings.filing_days_max)
    if not oldest <= document.filed_on <= today:
        raise FilingDateRefused(
            "not a plausible filing date", field="document.filed_on", filed_on=document.filed_on.isoformat()
        )
    if document.facts is None and not settings.portals_state_fees:
        raise StatedFeeRefused("send the facts of the fee", reason="not_by_portals", field="lines")
