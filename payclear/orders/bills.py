"""The bill of an order for a provider that issues the state's receipt itself: the one place where a payer leaves us by name.

Called when a checkout begins. It must never give a bill to an adapter that does not need one, nor tell what a fine is for.
"""

from payclear.audit.service import record
from payclear.catalogue.service import beneficiary_of
from payclear.contract.messages import Bill, BillLine
from payclear.contract.registry import ProviderLine
from payclear.db.uow import UnitOfWork
from payclear.obligations.domain import LineType, ObligationKind
from payclear.obligations.obligors import payer_of
from payclear.orders.records import OrderView
from payclear.security.sealed import Sealer

_DESCRIPTIONS = {
    ObligationKind.DOSSIER_FEE: "Nộp phí, lệ phí hồ sơ {document_no}",
    ObligationKind.TRAFFIC_FINE: "Nộp phạt theo quyết định {document_no}",
    ObligationKind.HOUSEHOLD_HEALTH_INSURANCE: "Đóng BHYT hộ gia đình theo thông báo {document_no}",
    ObligationKind.VOLUNTARY_SOCIAL_INSURANCE: "Đóng BHXH tự nguyện theo thông báo {document_no}",
    ObligationKind.TAX: "Nộp thuế theo thông báo {document_no}",
    ObligationKind.LAND_OBLIGATION: "Nộp nghĩa vụ tài chính về đất đai theo thông báo {document_no}",
    ObligationKind.CONTRIBUTION: "Nộp khoản đóng góp theo thông báo {document_no}",
}

# A portal names its lines as it likes, and may name the offence.
_FINE_LINES = {LineType.FINE: "Tiền phạt vi phạm hành chính", LineType.LATE_SURCHARGE: "Tiền chậm nộp phạt"}


def bill_for(uow: UnitOfWork, order: OrderView, line: ProviderLine, *, sealer: Sealer) -> Bill | None:
    """The bill of an order, or None for a provider that needs none. What we do not know stays empty.

    Opening the payer's name and identity number for the provider is written into the trail, without either.
    An order for several documents is billed under the first; its lines are those of the whole order.
    """
    if not line.provider.manifest.needs_bill:
        return None
    document = order.documents[0]
    payer = payer_of(uow, document.obligation_id, sealer=sealer)
    beneficiary = beneficiary_of(uow, order.lines[0].beneficiary_account)
    _audit(uow, order, line)
    is_fine = document.kind == ObligationKind.TRAFFIC_FINE
    return Bill(
        kind="fine" if is_fine else "fee",
        description=_DESCRIPTIONS[ObligationKind(document.kind)].format(document_no=document.document_no),
        document_no=document.document_no,
        document_on=document.document_on,
        agency_code=document.agency_code,
        agency_name=document.agency_name_vi,
        payer_name=payer.name,
        payer_id_no=payer.id_no,
        payer_address="",
        lines=_lines(order),
        procedure_code=payer.procedure_code,
        beneficiary_account=beneficiary.account_no,
        beneficiary_bank=beneficiary.bank_bin,
        beneficiary_name=beneficiary.name_vi,
        treasury=beneficiary.treasury_unit,
        violator_name=payer.name if is_fine else "",
    )


def _lines(order: OrderView) -> tuple[BillLine, ...]:
    return tuple(
        BillLine(
            kind=line.type,
            code=line.sub_item,
            name=_FINE_LINES.get(LineType(line.type), line.name_vi),
            amount=line.amount,
        )
        for line in order.lines
        if line.amount.is_positive
    )


def _audit(uow: UnitOfWork, order: OrderView, line: ProviderLine) -> None:
    record(
        uow,
        actor_type="system",
        actor="checkout",
        action="personal_data.disclosed",
        object_type="payment_order",
        object_id=order.order_ref,
        facts={
            "provider_account": line.code,
            "purpose": "state_receipt",
            "fields": ["obligor.name", "obligor.id_no"],
        },
    )
