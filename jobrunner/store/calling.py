"""PostgreSQL's NOTIFY: a word to the pools of all hosts that there is a job, heard when its transaction commits.

It is a hint, as the local doorbell is: pools look by themselves too. The payload is the queue. The other databases have
nothing of the kind, and nothing is said there.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from jobrunner.errors import StoreError
from jobrunner.states import Status
from jobrunner.store.database import Database, Row

CHANNEL = "jobrunner"
LISTENER = "jobrunner-listener"
_CALL = text(f"SELECT pg_notify('{CHANNEL}', :queue)")


def call(connection: Connection, rows: Iterable[Row]) -> None:
    """Tells the pools, once the caller's transaction commits, in which queues these job rows wait for one of them.

    A detached job is its own worker's first; for it nothing is said.
    """
    if connection.dialect.name != "postgresql":
        return
    waiting = {
        row["queue"] for row in rows if row["status"] == Status.QUEUED and row["launcher"] != "detached"
    }
    for queue in sorted(waiting):
        connection.execute(_CALL, {"queue": queue})


class Ear:
    """Hears the calls on one connection of its own, which is made anew by the next ``hear`` when it was lost."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._driver: Any = None

    @staticmethod
    def is_of_use(database: Database) -> bool:
        """True for databases that call."""
        return database.dialect.name == "postgresql"

    def hear(self, seconds: float) -> list[str] | None:
        """Returns the queues that were called within ``seconds``, as soon as there are some.

        None when the connection is new: what was called before it is not known. Raises a StoreError when there is
        no connection.
        """
        try:
            if self._driver is None:
                self._driver = self._listen()
                return None
            return [call.payload for call in self._driver.notifies(timeout=seconds, stop_after=1)]
        except StoreError:
            raise
        except SQLAlchemyError as error:
            raise self._database.told(error) from error
        except Exception as error:  # the driver's own: it is not imported where another database is used
            self.close()
            raise StoreError(f"{self._database.where} is not heard any more: {error}") from error

    def close(self) -> None:
        """Lets go of the connection."""
        driver, self._driver = self._driver, None
        if driver is not None:
            driver.close()

    def _listen(self) -> Any:
        borrowed = self._database.engine().raw_connection()
        driver: Any = borrowed.driver_connection
        borrowed.detach()  # it listens for as long as it lives, so nobody else is to get it
        driver.autocommit = True
        driver.execute(f"SET application_name = '{LISTENER}'")
        driver.execute(f"LISTEN {CHANNEL}")
        return driver
