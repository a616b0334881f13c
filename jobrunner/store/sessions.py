"""Starting a job inside a caller's own SQLAlchemy or SQLModel session."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import event
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, SessionTransaction, scoped_session

from jobrunner.errors import InvalidField
from jobrunner.store import jobs
from jobrunner.store.database import Database

_WAITING = "jobrunner.committed"


def create_in(
    database: Database, session: Any, job: jobs.NewJob, committed: Callable[[], None]
) -> jobs.Created:
    """Stores ``job`` in the transaction of ``session``; calls ``committed`` after its outermost commit.

    ``committed`` has to look: after a rollback to a savepoint, or when the session is part of somebody else's
    open transaction, the job does not exist.
    """
    own = session() if isinstance(session, scoped_session) else session
    if not isinstance(own, Session):
        _refuse("is no SQLAlchemy or SQLModel session; of an AsyncSession pass what run_sync gives")
    try:
        connection = own.connection()
        dialect = "mysql" if connection.dialect.name == "mariadb" else connection.dialect.name
        if dialect != database.dialect.name:
            _refuse(f"is on another database: {connection.dialect.name}, not {database.dialect.name}")
        created = jobs.create_in(database, dialect, connection, job)
    except SQLAlchemyError as error:
        raise database.told(error) from error
    if created.outcome == "created":
        _after_commit_of(own, committed)
    return created


def _refuse(reason: str) -> None:
    raise InvalidField(f"session {reason}.", fields={"session": reason})


def _after_commit_of(session: Session, committed: Callable[[], None]) -> None:
    if not event.contains(session, "after_commit", _committed):
        event.listen(session, "after_commit", _committed)
        event.listen(session, "after_transaction_end", _ended)
    session.info.setdefault(_WAITING, []).append(committed)


def _committed(session: Session) -> None:
    # it is called for the release of a savepoint, too
    if not session.in_nested_transaction():
        for committed in session.info.pop(_WAITING, ()):
            committed()


def _ended(session: Session, transaction: SessionTransaction) -> None:
    if transaction.parent is None:
        session.info.pop(_WAITING, None)
