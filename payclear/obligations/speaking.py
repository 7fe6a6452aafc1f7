"""For which agencies a portal may speak: its own and those below it, or every one where it is bound to none.

Called wherever a portal states what an agency asks or has uploaded. What a portal registered once it may go on correcting:
nobody else could, after the agency has moved elsewhere in the tree.
"""

from datetime import date

from payclear.catalogue.reading import agency_path
from payclear.db.uow import UnitOfWork
from payclear.identity.service import get_portal
from payclear.kernel.errors import ErrorCategory, PayclearError


class AgencyNotOfPortal(PayclearError):
    """The portal is bound to an agency, and the agency it speaks for does not lie below that one on this day."""

    code = "agency_not_of_portal"
    category = ErrorCategory.FORBIDDEN


def require_speaks_for(uow: UnitOfWork, portal_code: str, agency_code: str, on: date) -> None:
    """Raise AgencyNotOfPortal unless the portal may speak for the agency on the day."""
    bound_to = get_portal(uow, portal_code).agency_code
    if bound_to is not None and bound_to not in agency_path(uow, agency_code, on):
        raise AgencyNotOfPortal(
            "the portal speaks for another agency and those below it", agency_code=agency_code[:40]
        )
