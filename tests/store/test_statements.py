"""The prebuilt statements of the store fit the tables that the entities make."""

from __future__ import annotations

import pkgutil
from importlib import import_module
from typing import Any

import pytest
from sqlalchemy import TextClause, text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import OperationalError

from jobrunner import store
from jobrunner.store.ddl import empty_engine


def prebuilt() -> dict[str, TextClause]:
    found: dict[str, TextClause] = {}
    for module in pkgutil.iter_modules(store.__path__, "jobrunner.store."):
        for name, value in vars(import_module(module.name)).items():
            values = value.values() if isinstance(value, dict) else [value]
            ours = [
                v
                for v in values
                if isinstance(v, TextClause) and " jobrunner_" in v.text and "_schema." not in v.text
            ]
            found |= {f"{module.name}.{name}.{i}": statement for i, statement in enumerate(ours)}
    return found


def test_every_prebuilt_statement_names_only_tables_and_columns_that_there_are():
    def explain(connection: Connection, statement: TextClause) -> None:
        values: dict[str, Any] = dict.fromkeys(statement.compile().params, None)
        values = {name: ["x"] if name == "uuids" else value for name, value in values.items()}
        planned = text(f"EXPLAIN {statement.text}").bindparams(*statement._bindparams.values())
        connection.execute(planned, values)

    with empty_engine().connect() as connection:
        statements = prebuilt()
        for statement in statements.values():
            explain(connection, statement)
    assert len(statements) > 25


def test_the_check_above_sees_a_column_that_is_not_there():
    with empty_engine().connect() as connection, pytest.raises(OperationalError, match="nothing"):
        connection.execute(text("EXPLAIN SELECT nothing FROM jobrunner_job"))
