"""The people who owe: what portals tell of them is sealed per subject, searched by blind index, opened for few.

Called by registration, by the features that show or pass on a name, and by `privacy`; whoever opens masks, seals or
audits what it opened. It must never log a fact, nor open a subject that was forgotten.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from typing import Final
from uuid import UUID

from payclear.db.uow import UnitOfWork
from payclear.i18n.memos import strip_accents
from payclear.kernel.errors import InvalidInput
from payclear.kernel.ids import new_uuid
from payclear.obligations import queries
from payclear.obligations.domain import FORGOTTEN_NAME, ObligorField
from payclear.obligations.rules.identity_numbers import IdType, personal_type_of
from payclear.obligations.rules.instalments import ObligorKind
from payclear.obligations.rules.plates import PlateColour, PlateForm, read_plate
from payclear.security.blind_index import BlindIndex
from payclear.security.sealed import DataKey, Sealer

_FACTOR_DIGITS: Final = 4
_NUMBER_CHARACTERS_MIN: Final = 6  # a shorter run of digits is nobody's number
_IN_ORDER: Final = "0123456789" * 3
_TYPED: Final = frozenset(
    {ObligorField.LICENCE_NO, ObligorField.INSURANCE_CODE}
)  # keys of the others are made by us


class PersonalDataInText(InvalidInput):
    """A text that will be shown, passed on and kept open names a person."""

    code = "personal_data_in_text"


@dataclass(frozen=True, slots=True, kw_only=True)
class ObligorFacts:
    """What a portal tells of who owes; only the name is needed. `id_no` is a citizen's number or an organisation's tax code."""

    name: str = field(repr=False)
    id_no: str | None = field(default=None, repr=False)
    kind: ObligorKind = ObligorKind.PERSON
    phone: str | None = field(default=None, repr=False)
    plate: str | None = field(default=None, repr=False)
    plate_colour: PlateColour | None = field(default=None, repr=False)
    licence_no: str | None = field(default=None, repr=False)
    insurance_code: str | None = field(default=None, repr=False)
    address: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class ObligorRows:
    """The rows of some obligors, in their order: `obligors` as INSERT_OBLIGORS takes them, `fields` as INSERT_FIELDS does."""

    ids: tuple[UUID, ...]
    obligors: list[tuple[object, ...]] = field(repr=False)
    fields: list[tuple[object, ...]] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Payer:
    """Who owes, in full; `id_no` is empty where the portal gave none, `procedure_code` where it is no dossier."""

    name: str = field(repr=False)
    id_no: str = field(repr=False)
    procedure_code: str


def check_obligor(facts: ObligorFacts) -> None:
    """Raises InvalidInput for a placeholder in place of an identity number, and for a plate's colour without a plate."""
    if facts.id_no is not None and is_placeholder(facts.id_no):
        raise InvalidInput("this is no identity number but a placeholder", field="obligor.citizen_id")
    if facts.plate_colour is not None and facts.plate is None:
        raise InvalidInput("a colour without a plate", field="obligor.plate_colour")
    if not facts.name.strip():
        raise InvalidInput("the name is empty", field="obligor.name")


def require_nobody_in(facts: ObligorFacts, texts: Iterable[str]) -> None:
    """Raises PersonalDataInText when a text that will be shown and passed on names the one who owes.

    Portals name their lines as they like; what is written there is not sealed.
    """
    name = _folded(facts.name)
    numbers = [facts.id_no, facts.phone, facts.licence_no, facts.insurance_code]
    known = {re.sub(r"\W", "", _folded(number)) for number in numbers if number}
    if facts.plate:
        known |= {key.partition("/")[0].replace("-", "") for key in plate_keys(facts.plate)}
    for text in texts:
        words = _folded(text)
        run = re.sub(r"[\W_]", "", words)
        if (" " in name and f" {name} " in f" {words} ") or any(
            len(number) >= _NUMBER_CHARACTERS_MIN and number in run for number in known
        ):
            raise PersonalDataInText("a text that stays open carries who owes")


def is_placeholder(id_no: str) -> bool:
    """Whether it is what a form's default or an idle finger writes: one digit throughout, or the digits in order."""
    return len(set(id_no)) == 1 or id_no in _IN_ORDER


def insert_obligor(
    uow: UnitOfWork, facts: ObligorFacts, *, document_key: str, sealer: Sealer, index: BlindIndex
) -> UUID:
    """Write who owes under a data key of its own; the row's id."""
    return insert_obligors(uow, [(facts, document_key)], sealer=sealer, index=index)[0]


def insert_obligors(
    uow: UnitOfWork, people: Sequence[tuple[ObligorFacts, str]], *, sealer: Sealer, index: BlindIndex
) -> tuple[UUID, ...]:
    """Write many, each with the key of its document, in two statements; their ids in the same order."""
    rows = obligor_rows(people, sealer=sealer, index=index)
    insert_rows(uow, rows)
    return rows.ids


def insert_rows(uow: UnitOfWork, rows: ObligorRows) -> None:
    """Write rows that were sealed before."""
    if rows.obligors:
        uow.run(queries.INSERT_OBLIGORS, (uow.now, *_columns(rows.obligors)))
    if rows.fields:
        uow.run(queries.INSERT_OBLIGOR_FIELDS, _columns(rows.fields))


def obligor_rows(
    people: Sequence[tuple[ObligorFacts, str]], *, sealer: Sealer, index: BlindIndex
) -> ObligorRows:
    """The sealed rows of many, each with the key of its document."""
    rows = ObligorRows(tuple(new_uuid() for _ in people), [], [])
    for obligor_id, (facts, document_key) in zip(rows.ids, people, strict=True):
        key = sealer.new_data_key()
        name = sealer.seal(facts.name, data_key=key, table="obligor", column="name", row=obligor_id)
        id_no = id_no_index = None
        if facts.id_no:
            id_no = sealer.seal(facts.id_no, data_key=key, table="obligor", column="id_no", row=obligor_id)
            id_no_index = id_no_index_of(index, facts.id_no)
        rows.obligors.append(
            (obligor_id, facts.kind.value, key.id, key.kek_id, key.wrapped, name, id_no, id_no_index)
        )
        for no, (name_of, value, searched) in enumerate(_further(facts, document_key)):
            sealed = None
            if value is not None:
                column = f"field.{name_of}"
                sealed = sealer.seal(value, data_key=key, table="obligor", column=column, row=obligor_id)
            found_by = None if searched is None else field_index_of(index, name_of, searched)
            rows.fields.append((obligor_id, name_of.value, no, sealed, found_by))
    return rows


def add_document_key(
    uow: UnitOfWork, obligor_id: UUID, document_key: str, *, sealer: Sealer, index: BlindIndex
) -> None:
    """Let the same second factors find a document by a further number of it; of who was forgotten nothing is found.

    Raises PersonalDataInText when the number is a number of the person.
    """
    if not uow.run(queries.HOLD_OBLIGOR, (obligor_id,)).rowcount:
        return
    facts = read_obligor(uow, obligor_id, sealer=sealer)
    assert facts is not None, "it is held, and not forgotten"
    require_nobody_in(facts, [document_key])
    indexes = [factor_index_of(index, document_key, factor) for factor in _factors(facts)]
    uow.run(queries.ADD_FACTORS, {"id": obligor_id, "indexes": indexes})


def id_no_index_of(index: BlindIndex, id_no: str) -> bytes:
    """What `obligor.id_no_index` holds for an identity number."""
    return index.of("obligor.id_no", _plain(id_no))


def field_index_of(index: BlindIndex, name: ObligorField, value: str) -> bytes:
    """What `obligor_field.index` holds for a value, however it is typed; a plate is searched by each of `plate_keys`."""
    compared = _plain(value) if name in _TYPED else value
    return index.of(f"obligor.{name}", compared)


def plate_keys(plate: str, colour: PlateColour | None = None) -> tuple[str, ...]:
    """The keys a plate is searched by; white where no colour was told."""
    return read_plate(plate, colour or PlateColour.WHITE).keys


def factor_index_of(index: BlindIndex, document_key: str, factor: str) -> bytes:
    """What a `factor` row holds: the document's key with one thing that only who owes is likely to know.

    `factor` is one of `factors_of` what a visitor typed.
    """
    return field_index_of(index, ObligorField.FACTOR, f"{document_key}|{factor}")


def factors_of(text: str) -> tuple[str, ...]:
    """The second factors that typed text may mean: the last four characters of an identity number, or a plate of any colour."""
    plain = _plain(text)
    if not plain:
        return ()
    end = plain[-_FACTOR_DIGITS:]
    if plain.isdigit():
        return (f"id:{end}",)
    plates = tuple(f"plate:{key.partition('/')[0]}" for key in plate_keys(text))
    if personal_type_of(plain) is IdType.PASSPORT and (
        read_plate(text, PlateColour.WHITE).form is PlateForm.OTHER
    ):
        return (*plates, f"id:{end}")
    return plates if end.isdigit() and len(plain) > _FACTOR_DIGITS else (*plates, f"id:{end}")


def obligor_names(uow: UnitOfWork, obligation_ids: Sequence[UUID], *, sealer: Sealer) -> dict[UUID, str]:
    """The name of the person or organisation that owes, by obligation; FORGOTTEN_NAME of who was forgotten."""
    return {
        obligation_id: _opened(sealer, obligor_id, (key_id, kek_id, wrapped), sealed, "name")
        if wrapped is not None
        else FORGOTTEN_NAME
        for obligation_id, obligor_id, key_id, kek_id, wrapped, sealed in uow.run(
            queries.OBLIGOR_NAMES, (list(obligation_ids),)
        )
    }


def can_be_looked_up(uow: UnitOfWork, obligation_id: UUID) -> bool:
    """Whether anything opens a document beside its number: a number of who owes, or a plate."""
    (has_factor,) = uow.one(queries.HAS_FACTOR, (obligation_id,))
    return bool(has_factor)


def payer_of(uow: UnitOfWork, obligation_id: UUID, *, sealer: Sealer) -> Payer:
    """Open name and identity number of who owes an obligation, for a receiver that the law gives them to."""
    row = uow.run(queries.PAYER, (obligation_id,)).fetchone()
    assert row is not None, "an obligation has its obligor"
    obligor_id, key_id, kek_id, wrapped, name, id_no, procedure_code = row
    if wrapped is None:
        return Payer(name=FORGOTTEN_NAME, id_no="", procedure_code=procedure_code)
    key = (key_id, kek_id, wrapped)
    return Payer(
        name=_opened(sealer, obligor_id, key, name, "name"),
        id_no=_opened(sealer, obligor_id, key, id_no, "id_no") if id_no is not None else "",
        procedure_code=procedure_code,
    )


def read_obligor(uow: UnitOfWork, obligor_id: UUID, *, sealer: Sealer) -> ObligorFacts | None:
    """Open everything about one obligor; None when it was forgotten. Only `privacy` calls it, with purpose and audit."""
    row = uow.run(queries.OBLIGOR, (obligor_id,)).fetchone()
    if row is None or row[3] is None:
        return None
    key_id, kek_id, kind, wrapped, name, id_no = row
    key = (key_id, kek_id, wrapped)
    told = {
        column: _opened(sealer, obligor_id, key, sealed, f"field.{column}")
        for column, sealed in uow.run(queries.OBLIGOR_FIELDS, (obligor_id,))
    }
    colour = told.pop(ObligorField.PLATE_COLOUR, None)
    return ObligorFacts(
        name=_opened(sealer, obligor_id, key, name, "name"),
        id_no=_opened(sealer, obligor_id, key, id_no, "id_no") if id_no is not None else None,
        kind=ObligorKind(kind),
        plate_colour=PlateColour(colour) if colour else None,
        **{each.name: told.get(each.name) for each in fields(ObligorFacts) if each.name in _TOLD},
    )


_TOLD: Final = frozenset({"phone", "plate", "licence_no", "insurance_code", "address"})


def _further(facts: ObligorFacts, document_key: str) -> Iterator[tuple[ObligorField, str | None, str | None]]:
    """Field, what is sealed and what is searched by; each row has a number of its own among an obligor's."""
    if facts.phone:
        yield ObligorField.PHONE, facts.phone, None
    if facts.address:
        yield ObligorField.ADDRESS, facts.address, None
    if facts.licence_no:
        yield ObligorField.LICENCE_NO, facts.licence_no, facts.licence_no
    if facts.insurance_code:
        yield ObligorField.INSURANCE_CODE, facts.insurance_code, facts.insurance_code
    if facts.plate:
        keys = plate_keys(facts.plate, facts.plate_colour)
        yield ObligorField.PLATE, facts.plate, keys[0]
        for key in keys[1:]:
            yield ObligorField.PLATE, None, key
    if facts.plate_colour:
        yield ObligorField.PLATE_COLOUR, facts.plate_colour.value, None
    for factor in _factors(facts):
        yield ObligorField.FACTOR, None, f"{document_key}|{factor}"


def _factors(facts: ObligorFacts) -> list[str]:
    """What opens a document of this obligor beside its number: the end of the identity number, or the plate."""
    factors = {f"id:{_plain(facts.id_no)[-_FACTOR_DIGITS:]}"} if facts.id_no else set()
    if facts.plate:
        factors |= {f"plate:{key.partition('/')[0]}" for key in plate_keys(facts.plate)}
    return sorted(factors)


def _plain(text: str) -> str:
    """Letters and digits in capitals: a tax code or a plate is typed with and without its dashes."""
    return re.sub(r"[^0-9A-Z]", "", unicodedata.normalize("NFKC", text).upper().replace("Đ", "D"))


def _opened(
    sealer: Sealer, obligor_id: UUID, key: tuple[UUID, str, bytes], sealed: bytes, column: str
) -> str:
    return sealer.open(sealed, data_key=DataKey(*key), table="obligor", column=column, row=obligor_id)


def _folded(text: str) -> str:
    """Words in capitals without marks, one space between them."""
    plain = strip_accents(unicodedata.normalize("NFKC", text)).upper()
    return " ".join(re.findall(r"[^\W_]+", plain))


def _columns(rows: Sequence[tuple[object, ...]]) -> list[list[object]]:
    return [list(column) for column in zip(*rows, strict=True)]
