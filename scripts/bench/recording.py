"""The statements that an operation runs, taken down, to be run again through the raw driver."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import event

from jobrunner import identifiers
from jobrunner.store.database import Database

_MARK = r"(?:\?|%s)"
_NAMED = r"%\((\w+)\)s"


@dataclass(frozen=True)
class Statement:
    """One writing statement for the raw driver, its marks in order, and the value of each."""

    text: str
    names: tuple[str, ...]
    values: dict[str, Any]

    @property
    def table(self) -> str:
        """The table that is written."""
        found = re.search(r"jobrunner_\w+", self.text)
        assert found is not None
        return found.group()

    def bound(self, **changes: Any) -> tuple[Any, ...]:
        """Returns the parameters, with some values changed; names that it does not have are left out."""
        values = self.values | changes
        return tuple(values[name] for name in self.names)


@contextlib.contextmanager
def recorded(database: Database) -> Iterator[list[Statement]]:
    """Gives the list into which every INSERT and UPDATE of a job or its ledger goes."""
    found: list[Statement] = []

    def take_down(_c: Any, _cursor: Any, text: str, values: Any, _context: Any, many: bool) -> None:
        if text.startswith(("INSERT INTO jobrunner_job", "UPDATE jobrunner_job")):
            found.append(_statement(text, values[0] if many else values))

    engine = database.engine()
    event.listen(engine, "before_cursor_execute", take_down)
    try:
        yield found
    finally:
        event.remove(engine, "before_cursor_execute", take_down)


def _statement(text: str, values: Any) -> Statement:
    if isinstance(values, dict):
        names = tuple(re.findall(_NAMED, text))
        return Statement(re.sub(_NAMED, "%s", text), names, dict(values))
    if text.startswith("INSERT"):
        names = tuple(re.split(r",\s*", text[text.index("(") + 1 : text.index(")")]))
    else:
        names = _assigned(text)
    return Statement(text, names, dict(zip(names, values, strict=True)))


def _assigned(text: str) -> tuple[str, ...]:
    """The columns of an UPDATE in the order of its marks; those of its guard begin with a low line."""
    head, _, guard = text.partition(" WHERE ")
    guards = [f"_{name}" for name in re.findall(rf"(\w+) = {_MARK}", guard)]
    return (*re.findall(rf"(\w+) = {_MARK}", head), *guards)


def births(statements: list[Statement]) -> tuple[Statement, Statement]:
    """Returns the two inserts of a start: of the job and of its first transition."""
    job = next(s for s in statements if s.table == "jobrunner_job")
    transition = next(s for s in statements if s.table == "jobrunner_job_transition")
    return job, transition


def fresh_rows(
    job: Statement, transition: Statement, count: int
) -> list[tuple[tuple[Any, ...], tuple[Any, ...]]]:
    """Returns parameters for ``count`` more births; the transitions still bear the recorded job's id."""
    return [
        (job.bound(uuid=identifiers.uuid7()), transition.bound(op_id=identifiers.uuid7()))
        for _ in range(count)
    ]
