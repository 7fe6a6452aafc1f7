"""What a dossier's fee is as a kind of obligation: checked, priced, written, compared and quoted. See `obligations.kinds`."""

from dataclasses import replace
from datetime import date
from uuid import UUID

from payclear.catalogue.service import require_accounts
from payclear.db.uow import UnitOfWork
from payclear.kernel.errors import InvalidInput
from payclear.obligations.destinations import require_accounts_of_lines, require_destinations
from payclear.obligations.domain import (
    InvalidDossierCode,
    LineType,
    ObligationState,
    Quote,
    check_procedure_code,
    quote_fee,
)
from payclear.obligations.fees import queries
from payclear.obligations.fees.facts import (
    Exemption,
    PricedBy,
    PricedDossier,
    StatedFeeRefused,
    contents_digest,
    exemption_of,
    lines_of,
)
from payclear.obligations.fees.pricing import find_procedure, price
from payclear.obligations.obligors import require_nobody_in
from payclear.obligations.queries import MOVE
from payclear.obligations.records import DossierDocument, ObligationView, RegisterObligation
from payclear.obligations.rules.dossier_codes import (
    DossierCode,
    Quarantined,
    parse_dossier_code,
    parse_procedure_code,
)
from payclear.obligations.rules.fees import DeclaredTotalDiffers, PriceLine

# What a dossier may ask for. Insurance, tax, land and contributions have notices of their own, fines their decisions.
_FEE_LINES = frozenset({LineType.FEE_PHI, LineType.FEE_LE_PHI, LineType.COURIER, LineType.OTHER_SERVICE})


def check(uow: UnitOfWork, command: RegisterObligation, today: date) -> tuple[str, date]:
    """The dossier's code and filing date; raises InvalidInput, InvalidDossierCode, PersonalDataInText."""
    document = _document(command)
    if any(line.type not in _FEE_LINES for line in command.lines):
        raise InvalidInput("a dossier has lines of fees and services only", field="lines")
    require_nobody_in(command.obligor, _texts(document))
    code = parse_dossier_code(document.dossier_code, today=today)
    if isinstance(code, Quarantined) and not document.is_code_accepted:
        raise InvalidDossierCode(
            "not a dossier code in a national format", dossier_code=code.raw[:40], reason=code.reason
        )
    return code.key, document.filed_on


def with_lines(uow: UnitOfWork, command: RegisterObligation, today: date) -> RegisterObligation:
    """The command with the lines that the catalogue makes of its facts; stated lines stay where the catalogue knows no fee."""
    document = _document(command)
    if document.facts is None:
        if find_procedure(uow, document.procedure_code):
            raise StatedFeeRefused("the catalogue has this fee", reason="in_catalogue")
        check_procedure_code(document.procedure_code)
        require_destinations(uow, command.agency_code, command.lines, today)
        return command
    priced = price(
        uow,
        agency_code=command.agency_code,
        procedure_code=document.procedure_code,
        filed_on=document.filed_on,
        facts=document.facts,
    )
    lines = lines_of(priced.price)
    require_accounts(uow, [line.beneficiary_account for line in lines], today)
    by_catalogue = len(lines) - len(document.facts.charges)  # the charges that the portal states stand last
    require_accounts_of_lines(uow, command.agency_code, lines[:by_catalogue], document.filed_on)
    require_accounts_of_lines(uow, command.agency_code, lines[by_catalogue:], today)
    return replace(command, document=replace(document, priced=priced), lines=lines)


def insert_document(uow: UnitOfWork, obligation_id: UUID, command: RegisterObligation) -> None:
    """Write the dossier and what explains its lines; a price of nothing exempts the obligation."""
    document = _document(command)
    parsed = parse_dossier_code(document.dossier_code, today=date.max)
    exemption: Exemption | None = None
    unused = None
    if document.priced is not None:
        made = document.priced.price
        exemption = exemption_of(made.lines) if made.is_free else None
        unused = made.unused_claim
    uow.run(
        queries.INSERT_DOSSIER,
        {
            "id": obligation_id,
            "dossier_code": parsed.key,
            "procedure_code": parse_procedure_code(document.procedure_code).key,
            "filed_on": document.filed_on,
            "code_raw": document.dossier_code,
            "code_on": parsed.filed_on if isinstance(parsed, DossierCode) else None,
            "procedure_raw": document.procedure_code,
            "priced_by": PricedBy.PORTAL if document.facts is None else PricedBy.CATALOGUE,
            "channel": None if document.facts is None else document.facts.channel,
            "unused_claim": None if unused is None else unused.payer_class,
            "exemption_reason": None if exemption is None else exemption.reason,
            "exemption_basis": None if exemption is None else exemption.legal_basis,
            "digest": digest_of(command),
        },
    )
    if document.priced is not None:
        _insert_fee_lines(uow, obligation_id, document.priced)
    if exemption is not None:
        exempt(uow, obligation_id)


def exempt(uow: UnitOfWork, obligation_id: UUID) -> None:
    """Move an open obligation of nothing to its end, with its history."""
    states = {"from": ObligationState.OPEN, "to": ObligationState.EXEMPTED, "event": "exempted"}
    uow.run(MOVE, {"ids": [obligation_id], "order_id": None, "at": uow.now, **states})


def says_the_same(uow: UnitOfWork, existing: ObligationView, command: RegisterObligation) -> bool:
    """Whether the same facts are registered for the dossier; raises DeclaredTotalDiffers for the same with another total."""
    row = uow.run(queries.DIGEST, (existing.id,)).fetchone()
    if row is None or row[0] is None:
        return (existing.lines, existing.document_on) == (command.lines, _document(command).filed_on)
    if bytes(row[0]) != digest_of(command):
        return False
    facts = _document(command).facts
    if facts is not None and facts.declared_total not in (None, existing.principal):
        assert facts.declared_total is not None
        raise DeclaredTotalDiffers(
            "not what is registered", declared=facts.declared_total.amount, total=existing.principal.amount
        )
    return True


def quote(uow: UnitOfWork, obligation: ObligationView, *, for_date: date) -> Quote:
    """The fee as it was fixed."""
    return quote_fee(obligation.lines, for_date=for_date)


def _document(command: RegisterObligation) -> DossierDocument:
    assert isinstance(command.document, DossierDocument)
    return command.document


def _texts(document: DossierDocument) -> list[str]:
    """What the portal writes freely and what is shown: none of it may name the payer."""
    texts = [document.dossier_code]
    if document.facts is not None:
        if document.facts.claim is not None:
            texts.append(document.facts.claim.evidence_ref)
        for charge in document.facts.charges:
            texts += [charge.code, charge.name_vi, charge.rule_id, charge.legal_basis]
    return texts


def digest_of(command: RegisterObligation) -> bytes:
    """What the command says of the dossier, as a digest: the same again is the same obligation."""
    document = _document(command)
    lines = () if document.facts is not None else command.lines
    procedure = parse_procedure_code(document.procedure_code).key
    return contents_digest(procedure, document.filed_on, document.facts, lines)


def _insert_fee_lines(uow: UnitOfWork, obligation_id: UUID, priced: PricedDossier) -> None:
    rows = [_fee_line(line, priced) for line in priced.price.lines]
    columns = [list(column) for column in zip(*rows, strict=True)]
    uow.run(queries.INSERT_FEE_LINES, (obligation_id, *columns))


def _fee_line(line: PriceLine, priced: PricedDossier) -> tuple[object, ...]:
    locality, collecting_agency = priced.places.get(line.code, ("", ""))
    return (
        line.code,
        line.rule_id,
        line.legal_basis,
        line.quantity,
        line.years,
        None if line.declared_value is None else line.declared_value.amount,
        line.full_amount.amount,
        line.amount.amount,
        line.discount.numerator,
        line.discount.denominator,
        None if line.rounding is None else line.rounding.mode,
        None if line.rounding is None else line.rounding.unit,
        None if line.relief is None else line.relief.payer_class,
        None if line.relief is None else line.relief.evidence_ref,
        locality,
        collecting_agency,
    )
