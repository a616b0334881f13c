"""The first start on a store: somebody has to be able to come in."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from pathlib import Path

from jobrunner.errors import BadDatabaseUrl, DriverMissing, InvalidConfiguration, InvalidField, StoreError
from jobrunner.models import NewToken
from jobrunner.operations import tokens
from jobrunner.processes import login
from jobrunner.store import schema
from jobrunner.store.database import Database
from jobrunner.web import vault

NAME = "admin"
PAUSE = 2.0
# These do not pass by waiting.
_LASTING = (BadDatabaseUrl, DriverMissing, InvalidConfiguration)


class Beginning:
    """Makes the first admin token when there is no token yet, as soon as the database is there.

    It is shown once when a person looks at ``shown``, else left in a file whose path is told.
    """

    def __init__(self, database: Database, state: Path, tell: Callable[[str], None]) -> None:
        self._database, self._state, self._tell = database, state, tell
        self._over = threading.Event()

    def begin(self) -> None:
        """Looks once, tells what is in the way, and goes on trying beside the server when that may pass.

        Raises the StoreError of what waiting cannot mend.
        """
        try:
            self._admit()
        except _LASTING:
            raise
        except StoreError as error:
            self._tell(f"warning: {error.message}")
            self._tell(f"hint: {error.hint or 'Mend it.'} It is tried again until it works.")
            threading.Thread(target=self._wait, name="first-token", daemon=True).start()

    def end(self) -> None:
        """Stops trying."""
        self._over.set()

    def _wait(self) -> None:
        while not self._over.wait(PAUSE):
            try:
                self._admit()
            except StoreError:
                continue
            self._tell("The database is there.")
            return

    def _admit(self) -> None:
        database = schema.ensure(self._database)
        if tokens.exist(database):
            return
        try:
            made = tokens.create(database, NAME, scope="admin", created_by=login())
        except InvalidField:
            return  # another server was faster
        self._hand_over(made)

    def _hand_over(self, made: NewToken) -> None:
        if _is_watched():
            self._tell(f"The first admin token, shown this once:\n\n  {made.token}\n")
            return
        path = self._state / vault.ADMIN
        try:
            vault.keep(path, made.token, replace=True)
        except OSError as error:
            tokens.revoke(self._database, made.name)
            self._tell(f"warning: the first admin token could not be kept in {path}: {error.strerror}.")
            self._tell("hint: Make one with: jobrunner token create NAME --scope admin")
            return
        self._tell(f"The first admin token is in {path}; remove the file once you have it.")


def _is_watched() -> bool:
    return sys.stderr is not None and sys.stderr.isatty()
