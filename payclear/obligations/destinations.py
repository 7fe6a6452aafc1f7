"""Where the money of a line may go: an account of its agency, and codes of the state budget that exist.

Called when lines are registered that a portal or an agency states; lines that the catalogue makes go where it says.
"""

from collections.abc import Sequence
from datetime import date

from payclear.catalogue.domain import BudgetCodeKind
from payclear.catalogue.service import require_accounts_of, require_budget_codes
from payclear.db.uow import UnitOfWork
from payclear.obligations.domain import CHARGE_LINES, Line


def require_destinations(uow: UnitOfWork, agency_code: str, lines: Sequence[Line], on: date) -> None:
    """Raise UnknownBeneficiaryAccount, BeneficiaryAccountRefused or UnknownBudgetCode unless every line's money may go there.

    A charge of somebody else has no codes of the budget; what a portal writes there is not looked at.
    """
    require_accounts_of_lines(uow, agency_code, lines, on)
    of_the_state = [line for line in lines if line.type not in CHARGE_LINES]
    codes = {(BudgetCodeKind.CHAPTER, line.chapter) for line in of_the_state}
    codes |= {(BudgetCodeKind.SUB_ITEM, line.sub_item) for line in of_the_state}
    if codes:
        require_budget_codes(uow, sorted(codes), on)


def require_accounts_of_lines(uow: UnitOfWork, agency_code: str, lines: Sequence[Line], on: date) -> None:
    """Raise UnknownBeneficiaryAccount or BeneficiaryAccountRefused unless every line's money may go to its account."""
    for is_state_money in (True, False):
        some = [line for line in lines if (line.type in CHARGE_LINES) is not is_state_money]
        accounts = list(dict.fromkeys(line.beneficiary_account for line in some))
        if accounts:
            require_accounts_of(uow, agency_code, accounts, on, is_state_money=is_state_money)
