"""What all tables of schema `connections` share: their base class and its conventions."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, DateTime, Enum, MetaData, Text
from sqlalchemy.orm import DeclarativeBase

SCHEMA = "connections"


class Base(DeclarativeBase):
    """Base of the tables; constraint names are fixed, so that migrations can name them."""

    metadata = MetaData(
        schema=SCHEMA,
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        },
    )
    type_annotation_map = {  # noqa: RUF012 (SQLAlchemy reads it from the class)
        datetime: DateTime(timezone=True),
        str: Text,
        int: BigInteger,
    }


def enum_words(enum: type[StrEnum], name: str) -> Enum:
    """A text column that takes the enum's values only.

    Not Postgres's own enum type: adding a value to that cannot be rolled back in a transaction.
    """
    return Enum(
        enum,
        name=name,
        native_enum=False,
        create_constraint=True,
        length=16,
        values_callable=lambda members: [member.value for member in members],
    )
