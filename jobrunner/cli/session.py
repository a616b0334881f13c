"""What every command shares: the global options, the runner that they make, and who gives the command."""

from __future__ import annotations

import os
import sys
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from jobrunner.processes import login

if TYPE_CHECKING:
    from jobrunner.client import Client
    from jobrunner.runner import JobRunner

URL, TOKEN, TOKEN_FILE = "JOBRUNNER_URL", "JOBRUNNER_TOKEN", "JOBRUNNER_TOKEN_FILE"


@dataclass
class Session:
    """One call of the command line; ``arguments`` is everything that was typed after the program's name."""

    database_url: str | None = None
    url: str | None = None
    handlers: str | None = None
    arguments: list[str] = field(default_factory=list)


current = Session()


def server() -> str | None:
    """Returns the address of the server that does everything, if one was named: a database that was typed wins."""
    if current.url is None and current.database_url is not None:
        return None
    return current.url or os.environ.get(URL) or None


def runner(*, handlers: bool = False) -> JobRunner:
    """Returns a runner of the global options, with its handlers imported when asked for.

    Under ``--url`` it is a Client, which has a runner's methods, less what needs the database: for that
    there is ``local``. What a handler's module prints while it is imported is talk.
    """
    url = server()
    return local("this", handlers=handlers) if url is None else cast("JobRunner", _client(url))


def needs_database(command: str) -> None:
    """Raises NotOverHttp, naming the command, under ``--url``."""
    if server() is not None:
        from jobrunner.errors import NotOverHttp

        raise NotOverHttp(f"jobrunner {command} needs the database: it does not go over HTTP.")


def local(command: str, *, handlers: bool = False) -> JobRunner:
    """Returns a runner on the database itself; raises NotOverHttp, naming the command, under ``--url``."""
    needs_database(command)
    from jobrunner.runner import JobRunner

    given = (
        None if current.handlers is None else [name for name in current.handlers.split(",") if name.strip()]
    )
    made = JobRunner(database_url=current.database_url, handlers=given)
    if not sys.flags.safe_path and "" not in sys.path:
        _import_from_here()
    if handlers:
        with redirect_stdout(sys.stderr):
            made.import_failures()
    return made


def _import_from_here() -> None:
    """Makes the working directory count as it does for ``python -m``, here and in the workers that are started."""
    try:
        here = os.getcwd()
    except OSError:
        return  # it is gone; whoever starts a worker in it is told
    if here not in sys.path:
        sys.path.insert(0, here)


def _client(url: str) -> Client:
    from jobrunner.client import Client
    from jobrunner.errors import InvalidField

    if current.database_url is not None:
        reason = "goes with no --database-url"
        raise InvalidField(f"--url {reason}.", hint="Leave one of them out.", fields={"url": reason})
    return Client(url, _token())


def _token() -> str | None:
    """Returns the token of the environment; it is never an argument, which every process may read."""
    path = os.environ.get(TOKEN_FILE)
    if os.environ.get(TOKEN) or not path:
        return os.environ.get(TOKEN) or None
    from jobrunner.errors import InvalidConfiguration

    try:
        with open(path, encoding="utf-8") as file:
            return file.read().strip()
    except (OSError, UnicodeError) as error:
        reason = f"cannot be read ({getattr(error, 'strerror', None) or 'it is not UTF-8'})"
        hint = f"Name a file with a token in it, or put the token into {TOKEN}."
        raise InvalidConfiguration(f"{TOKEN_FILE} {reason}.", hint=hint, fields={"token": reason}) from None


def operator() -> str | None:
    """Returns the actor of an operator's verb; None under ``--url``, where the server knows who it is."""
    return None if server() is not None else f"operator:{login()}"
