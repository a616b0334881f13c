"""What the tests of guards share: a second worker, and databases that lose a reply or a transaction."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sqlalchemy.engine import Connection
from sqlalchemy.exc import OperationalError

from jobrunner import identifiers
from jobrunner.operations import recovery
from jobrunner.operations.recovery import Evidence
from jobrunner.store import claims, journal, views
from jobrunner.store.database import Database, T
from jobrunner.store.journal import Move
from jobrunner.store.picking import Appetite
from jobrunner.store.retrying import TryAgain
from tests.store.driving import WORKER

ANY = Appetite(("t.noop",), (), launch_grace=30.0)


OTHER = replace(WORKER, id=identifiers.uuid7(), pid=4712)


class Forgetful(Database):
    """Loses the reply of the first COMMIT, and lets something happen before it is asked again."""

    def __init__(self, url: str, meanwhile: Callable[[], object] = lambda: None) -> None:
        super().__init__(url)
        self._meanwhile, self._lost = meanwhile, False

    def _once(self, work: Callable[[Connection], T], *, write: bool) -> T:
        answer = super()._once(work, write=write)
        if write and not self._lost:
            self._lost = True
            self._meanwhile()
            raise TryAgain(OperationalError("COMMIT", None, Exception("no reply")))
        return answer


class Undone(Database):
    """Has the first transaction that writes thrown away when all of it is done, as a deadlock does."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._undone = False

    def _once(self, work: Callable[[Connection], T], *, write: bool) -> T:
        if not write or self._undone:
            return super()._once(work, write=write)
        self._undone = True

        def undone(connection: Connection) -> T:
            work(connection)
            raise TryAgain(OperationalError("COMMIT", None, Exception("deadlock")))

        return super()._once(undone, write=write)


def lose(database: Database, job: int, worker: str = WORKER.id) -> None:
    """Takes a job away from its worker, as a reaper does."""
    evidence = Evidence(worker, "It was lost.", {})
    journal.move(database, job, lambda row: recovery.judge(row, evidence, "reaper:h:1", 3600))


def take(
    database: Database, job: int, token: str | None = None, grace: float = 30.0, worker: Any = WORKER
) -> Any:
    return claims.claim(database, job, worker, token=token, launch_grace=grace, lease=30)


def triggers(database: Database, job: int) -> list[str]:
    return [row["trigger_name"] for row in views.history(database, job)]


def launched(database: Database, job: int) -> str:
    """Launches a job and returns the token."""
    token = identifiers.secret()
    assert claims.new_launch(database, job, identifiers.secret_hash(token)) is not None
    return token


def as_told(moves: list[Move], _row: dict[str, Any]) -> list[Move]:
    return moves


def row_of(database: Database, job: int) -> dict[str, Any]:
    row = database.read(lambda c: journal.lock(database, c, job, for_update=False))
    assert row is not None
    return row
