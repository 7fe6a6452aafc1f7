"""The declarative base and the column types every model uses; naming convention of every constraint lives here."""

from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from sqlalchemy import (
    CHAR,
    BigInteger,
    CheckConstraint,
    Date,
    DateTime,
    Dialect,
    LargeBinary,
    MetaData,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.dialects.postgresql.base import ischema_names
from sqlalchemy.orm import DeclarativeBase, mapped_column
from sqlalchemy.types import TypeDecorator, UserDefinedType

AMOUNT_LIMIT = 10**15


class UtcDateTime(TypeDecorator[datetime]):
    """`timestamptz` that refuses naive datetimes and always answers in UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is not None and value.tzinfo is None:
            raise ValueError("a naive datetime reached the database")
        return value

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:
        return value.astimezone(UTC) if value is not None else None


class Xid8(UserDefinedType[int]):
    """PostgreSQL's 64-bit transaction id, which never wraps."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "xid8"


# Lets the comparison of models and migrations recognise the column when it reads the schema back.
ischema_names["xid8"] = Xid8

uuid_pk = Annotated[UUID, mapped_column(Uuid, primary_key=True)]
text_pk = Annotated[str, mapped_column(Text, primary_key=True)]
amount = Annotated[int, mapped_column(BigInteger)]
currency = Annotated[str, mapped_column(CHAR(3))]
utc = Annotated[datetime, mapped_column(UtcDateTime)]
day = Annotated[date, mapped_column(Date)]
blob = Annotated[bytes, mapped_column(LargeBinary)]
json_object = Annotated[dict[str, Any], mapped_column(JSONB)]
xid8 = Annotated[int, mapped_column(Xid8, server_default=text("pg_current_xact_id()"))]
text_list = Annotated[list[str], mapped_column(ARRAY(Text))]


class Base(DeclarativeBase):
    """Base of every model: text for strings, `timestamptz` for datetimes, a name for every constraint."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {str: Text, datetime: UtcDateTime, bytes: LargeBinary}  # noqa: RUF012


def one_of(column: str, values: type[StrEnum]) -> CheckConstraint:
    """A CHECK that a text column holds a member of an enumeration."""
    members = ", ".join(f"'{member.value}'" for member in values)
    return CheckConstraint(f"{column} IN ({members})", name=f"{column}_known")


def positive_amount(column: str = "amount") -> CheckConstraint:
    """A CHECK that an amount is positive and within the limit of RELIABILITY INV-30."""
    return CheckConstraint(f"{column} > 0 AND {column} <= {AMOUNT_LIMIT}", name=f"{column}_in_range")


def amount_from_zero(column: str = "amount") -> CheckConstraint:
    """A CHECK for an amount that may be nothing, such as that of an exemption."""
    return CheckConstraint(f"{column} >= 0 AND {column} <= {AMOUNT_LIMIT}", name=f"{column}_in_range")
