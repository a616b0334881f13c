"""The shape of a table, as the entities say it and as a database has it, in terms that can be compared."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Inspector, UniqueConstraint, inspect, text
from sqlalchemy.engine import Connection, Dialect
from sqlalchemy.schema import Column, Table


class Reference(NamedTuple):
    """A foreign key; ``options`` is empty unless it cascades."""

    columns: tuple[str, ...]
    table: str
    targets: tuple[str, ...]
    options: str = ""


@dataclass(frozen=True)
class Shape:
    """A table without what its rows do not depend on: the order of columns, and names of unique and foreign keys."""

    columns: dict[str, dict[str, Any]]
    primary_key: tuple[str, ...]
    unique: frozenset[tuple[str, ...]]
    foreign: frozenset[Reference]
    indexes: dict[str, tuple[str, ...]]
    checks: dict[str, tuple[str, ...]]


def expected(table: Table, dialect: Dialect) -> Shape:
    """Returns the shape that the entities give a table on ``dialect``."""
    kinds = table.constraints
    return Shape(
        columns={column.name: _column(column, dialect) for column in table.columns},
        primary_key=tuple(column.name for column in table.primary_key.columns),
        unique=frozenset(_names(c.columns) for c in kinds if isinstance(c, UniqueConstraint)),
        foreign=frozenset(
            Reference(
                tuple(c.column_keys),
                c.elements[0].column.table.name,
                tuple(e.column.name for e in c.elements),
            )
            for c in kinds
            if isinstance(c, ForeignKeyConstraint)
        ),
        indexes={
            str(index.name): tuple(_key_part(str(getattr(item, "name", item))) for item in index.expressions)
            for index in table.indexes
        },
        checks={str(c.name): _words(str(c.sqltext)) for c in kinds if isinstance(c, CheckConstraint)},
    )


def actual(connection: Connection, name: str) -> Shape:
    """Returns the shape that a table of the database has."""
    inspector = inspect(connection)
    indexes, foreign = inspector.get_indexes(name), inspector.get_foreign_keys(name)
    references = frozenset(
        Reference(
            tuple(key["constrained_columns"]), key["referred_table"], tuple(key["referred_columns"]),
            _actions(key.get("options", {})),
        )
        for key in foreign
    )  # fmt: skip
    unique = {tuple(key["column_names"]) for key in inspector.get_unique_constraints(name)}
    unique |= {tuple(map(str, index["column_names"])) for index in indexes if index["unique"]}
    # MySQL and MariaDB index the columns of a foreign key by themselves
    own = {reference.columns for reference in references} if connection.dialect.name == "mysql" else set()
    return Shape(
        columns=_columns(connection, inspector, name),
        primary_key=tuple(inspector.get_pk_constraint(name)["constrained_columns"]),
        unique=frozenset(unique),
        foreign=references,
        indexes={
            str(index["name"]): parts
            for index in indexes
            if (parts := tuple(_key_part(str(part)) for part in _parts(index))) not in own
            and not index["unique"]
        },
        checks={
            str(check["name"]): _words(check["sqltext"]) for check in inspector.get_check_constraints(name)
        },
    )


def _parts(index: Any) -> list[Any]:
    return [
        expression or column
        for column, expression in zip(
            index["column_names"], index.get("expressions", index["column_names"]), strict=True
        )
    ]


def _column(column: Column[Any], dialect: Dialect) -> dict[str, Any]:
    kind = column.type.dialect_impl(dialect)
    table = column.table
    own = column.autoincrement is True and table.autoincrement_column is column
    return {
        "type": _type(column.type, dialect),
        "nullability": "NULL" if column.nullable else "NOT NULL",
        "collation": _collation(kind, dialect),
        "formula": _words(str(column.computed.sqltext)) if column.computed is not None else (),
        "numbering": "by itself" if own else None,
    }


def _columns(connection: Connection, inspector: Inspector, name: str) -> dict[str, dict[str, Any]]:
    dialect = connection.dialect
    collations: dict[str, Any] = {}
    numbered = ""
    if dialect.name == "mysql":
        collations = {row[0]: row[1] for row in connection.execute(_COLLATIONS, {"name": name})}
    elif dialect.name == "sqlite":
        numbered = str(connection.execute(_MADE_BY, {"name": name}).scalar())
    found = {}
    for column in inspector.get_columns(name):
        own = bool(column.get("autoincrement")) and column["autoincrement"] is True
        if dialect.name == "sqlite":
            own = bool(column.get("primary_key")) and "AUTOINCREMENT" in numbered.upper()
        elif dialect.name == "postgresql":
            own = "nextval(" in str(column.get("default") or "") or column.get("identity") is not None
        computed = column.get("computed")
        found[column["name"]] = {
            "type": _type(column["type"], dialect),
            "nullability": "NULL" if column["nullable"] else "NOT NULL",
            "collation": collations.get(column["name"]),
            "formula": _words(computed["sqltext"]) if computed else (),
            "numbering": "by itself" if own else None,
        }
    return found


def _type(kind: Any, dialect: Dialect) -> str:
    """Returns a type without character set and collation, which are looked at apart, and without display widths."""
    text_form = str(kind.compile(dialect=dialect)).upper()
    text_form = re.sub(r' (CHARACTER SET|COLLATE) "?\w+"?', "", text_form)
    return re.sub(r"\b((?:SMALL|BIG|TINY)?INT(?:EGER)?)\(\d+\)", r"\1", text_form)


def _collation(kind: Any, dialect: Dialect) -> str | None:
    if dialect.name != "mysql" or not hasattr(kind, "collation"):
        return None
    return str(kind.collation or "utf8mb4_bin")


def _actions(options: dict[str, Any]) -> str:
    found = {name: str(options.get(name) or "NO ACTION").upper() for name in ("ondelete", "onupdate")}
    return " ".join(
        f"{name} {action}" for name, action in found.items() if action not in ("NO ACTION", "RESTRICT")
    )


def _names(columns: Any) -> tuple[str, ...]:
    return tuple(str(column.name) for column in columns)


def _key_part(expression: str) -> str:
    return expression.split(maxsplit=1)[0].strip('"`')


# what the servers add when they write an expression in their own way
_NOISE = {
    "in",
    "any",
    "array",
    "text",
    "character",
    "varying",
    "bigint",
    "case",
    "when",
    "then",
    "else",
    "end",
    "_utf8mb4",
}


def _words(expression: str) -> tuple[str, ...]:
    """Returns the columns, literals and comparisons of an expression, in order."""
    found = re.findall(r"'[^']*'|\d+|\w+|<>|!=|>=|<=|[<>]", expression.lower())
    return tuple("<>" if word == "!=" else word for word in found if word not in _NOISE)


_COLLATIONS = text(
    "SELECT column_name, collation_name FROM information_schema.columns"
    " WHERE table_schema = DATABASE() AND table_name = :name"
)
_MADE_BY = text("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = :name")
