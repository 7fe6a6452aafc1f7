"""What every column of the database holds: a person sealed, an index to find one, a text somebody wrote, or nobody.

Read by the docs and by the test that walks every model: a column that nobody placed here fails it.
"""

from enum import StrEnum
from typing import Final


class Holding(StrEnum):
    """What a column holds of people."""

    SEALED = "sealed"
    KEY = "wrapped key"
    INDEX = "blind index"
    WRITTEN = "written text"
    STAFF = "staff"
    NOBODY = "nobody"


# Sealed cells, and whose they are.
SEALED: Final = {
    "obligor.name_sealed": "who owes, or is insured",
    "obligor.id_no_sealed": "identity number, or an organisation's tax code",
    "obligor_field.sealed": "phone, plate and its colour, licence, insurance code, address",
    "dossier_quarantine.command_sealed": "the whole registration of a dossier whose code is odd",
    "decision_file.content_sealed": "an uploaded file of decisions",
    "inbound_callback.query_string": "a provider's message, which may name who paid; key of the day",
    "inbound_callback.body": "a provider's message, which may name who paid; key of the day",
    "collection_message.query_string": "a bank's message, which may name who paid; key of the day",
    "collection_message.body": "a bank's message, which may name who paid; key of the day",
    "statement.content_sealed": "a provider's or bank's statement, whose memos may name people",
    "webhook_endpoint.secret_sealed": "no person: the secret of a portal's webhook",
    "webhook_endpoint.previous_secret_sealed": "no person: the secret before that",
    "webhook_endpoint.private_key_sealed": "no person: the key that signs webhooks",
}

# What finds a person again without storing them; it goes when the person is forgotten, or soon by itself.
INDEXES: Final = {
    "obligor.id_no_index": "identity number",
    "obligor_field.index": "plate, licence, insurance code, and the second factor of a document",
    "lookup_meter.key": "who looks up, and which number; at rest within two hours, deleted the night after",
}

# Texts that somebody writes, and what keeps people out of them.
WRITTEN: Final = {
    "obligation_line.name_vi": "a fine's line gets a name of ours; another's is refused when it names who owes",
    "payment_order_line.name_vi": "copied from the obligation's line",
    "dossier.code_raw": "a dossier code as a portal wrote it",
    "dossier.exemption_reason": "code of a reason",
    "dossier.unused_claim": "code of a claim",
    "dossier.procedure_raw": "a procedure code as a portal wrote it",
    "dossier_quarantine.code_raw": "a dossier code as a portal wrote it",
    "dossier_quarantine.decided_note": "staff; the form says to name nobody",
    "fee_line.evidence_ref": "number of a paper at its agency",
    "fee_override.reason": "staff; the form says to name nobody",
    "fee_override.decided_note": "staff; the form says to name nobody",
    "fine_event.ref": "number of a paper at its agency",
    "paid_elsewhere.proof_ref": "number of a receipt of another cash desk",
    "payment_order.portal_ref": "the portal's own reference, letters and digits",
    "payment_order.return_url": "an address of the portal, of a registered prefix",
    "payment_attempt.redirect_url": "the provider's page; adapters put no person into it",
    "payment_attempt.qr_text": "account, amount and payment code",
    "refund.reason": "staff; the command says that it goes to the provider",
    "refund_proposal.reason": "code of a reason",
    "refund_proposal.decided_note": "staff; the form says to name nobody",
    "refund_proposal.carrier": "code: provider or agency",
    "portal_activation.reason": "staff, about a portal",
    "portal_proposal.reason": "staff, about a portal",
    "catalogue_change.reason": "staff, about reference data",
    "catalogue_change.check_reason": "staff, about reference data",
    "decision_row.decision_no": "a decision's number as it was written",
    "public_banner.text_vi": "staff, for everybody; the form says to name nobody",
    "public_banner.text_en": "staff, for everybody; the form says to name nobody",
    "statement.name": "a file's name",
    "statement_problem.detail": "which column could not be read; not what stood in it",
    "job_run.detail": "counts",
    "audit_entry.object_id": "what it was done to; of a clearance question the subject's blind index, for good",
    "audit_entry.facts": "plain facts by code; `record` refuses objects, and callers give no person",
    "event.body": "what portals are told: references, amounts, states",
    "idempotency_key.body": "the answer a portal got: no operation answers with a person",
    "inbound_callback.headers": "those that say something about the message",
    "collection_message.headers": "those that say something about the message",
}

# Officers and their acts are personal data of theirs, kept on the ground of their office.
STAFF: Final = frozenset(
    {
        "staff.login",
        "staff.display_name",
        "staff.password_hash",
        "staff_session.token_hash",
        "staff_session.csrf_token",
        "personal_data_read.reader",
        "subject_forgetting.forgotten_by",
        "audit_entry.actor",
    }
)
_STAFF_NAMES: Final = frozenset(
    [
        "actor",
        "checked_by",
        "checker",
        "decided_by",
        "made_by",
        "maker",
        "owner",
        "recorded_by",
        "requested_by",
        "received_by",
        "taken_down_by",
    ]
)

# Names that hold nobody wherever they stand: codes, references of ours and of providers, digests, reference data.
_NOBODY_NAMES: Final = """
absence account_code account_no action actor_type after agency_code allowed_networks answer attempt_ref bank_bin
bank_ref basis before beneficiary_account bill_id body_hash borne_by categories chain_hash channel chapter
choices claimed_by code code_key collecting_agency collection_mode collection_timing column_name complete_to
content_type contents_digest currency day decision_no decision_ref dedupe_key detail_code digest discount
document_key document_no dossier_code effect entry_hash error event event_types exemption_basis field fields
file_name fingerprint format from_state ground ground_id health histogram hold id identity institution
instrument issuer_rank item_code job kek_id key key_id key_kinds kind leg legal_basis locale locality location
media_type merchant_account merged_from method national_code natural_key normal_side object object_id obligor_ids
object_type obligor_kind occurred_at_raw online_service_code operation order_ref original_ref outcome
paid_at_raw parent_code path pay_token payer_class payment_code period portal_code predecessor priced_by problem
problem_column procedure_code programme_code proposal provider_account provider_ref province public_key purpose
purpose_id rate reason_en reason_vi record ref refund_ref resolution result return_url_prefixes reversal_ref
roles rounding_mode row_id row_nos rule rule_id rule_ids rules rules_digest scopes secret_hash series served_method
sha256 shelter_kind side signature source stage state status step sub_item surcharge_beneficiary_account
surcharge_chapter surcharge_sub_item table_name template to_state token_digest treasury_unit turn type url value
verdict verification_code violation_record_no
"""
_NOBODY: Final = frozenset(_NOBODY_NAMES.split())
# Names that hold nobody in these tables only: elsewhere a name is a person's, and a body a message.
_NOBODY_HERE: Final = frozenset(
    {"open_data_snapshot.body", "discrepancy.owner"}
    | {
        f"{table}.{column}"
        for table in (
            "agency",
            "agency_place",
            "beneficiary_account",
            "budget_code",
            "calendar_day",
            "ledger_account",
            "portal",
            "procedure",
            "tariff",
            "treasury_unit",
        )
        for column in ("name_vi", "name_en")
    }
    | {f"{table}.reason" for table in ("callback_rejection", "collection_rejection", "dossier_quarantine")}
)


def holding_of(table: str, column: str) -> Holding | None:
    """What a column of text, bytes or JSON holds; None when nobody has placed it yet."""
    place = f"{table}.{column}"
    if column == "wrapped_key":
        return Holding.KEY
    for places, holding in (
        (SEALED, Holding.SEALED),
        (INDEXES, Holding.INDEX),
        (WRITTEN, Holding.WRITTEN),
        (STAFF, Holding.STAFF),
        (_NOBODY_HERE, Holding.NOBODY),
    ):
        if place in places:
            return holding
    if column in _STAFF_NAMES:
        return Holding.STAFF
    return Holding.NOBODY if column in _NOBODY else None


def table_of_columns() -> str:
    """The table of docs/privacy.md: where people rest, sealed or found, and which texts are written by hand."""
    rows = [
        (*place.split("."), holding.value, about)
        for holding, places in (
            (Holding.SEALED, SEALED),
            (Holding.INDEX, INDEXES),
            (Holding.WRITTEN, WRITTEN),
        )
        for place, about in places.items()
    ]
    lines = ["| Table | Column | Holds | What, and what keeps people out |", "|---|---|---|---|"]
    return "\n".join(
        [*lines, *(f"| `{table}` | `{column}` | {kind} | {about} |" for table, column, kind, about in rows)]
    )
