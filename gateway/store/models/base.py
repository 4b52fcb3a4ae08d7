"""What all tables share: types, names of constraints, and the words that columns may hold."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, BigInteger, CheckConstraint, MetaData, String
from sqlalchemy.orm import DeclarativeBase

Json = dict[str, Any]
Micros = int


def one_of(column: str, *values: str) -> CheckConstraint:
    """A constraint: the column holds one of these words."""
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=column)


class Base(DeclarativeBase):
    """All tables of the record."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {
        str: String,
        int: BigInteger,
        Json: JSON(none_as_null=True),
        list[Json]: JSON(none_as_null=True),
    }
