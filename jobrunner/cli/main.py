"""The entry of the command line: global options, and errors into exit codes."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from typing import Annotated, Any, NoReturn

import typer

from jobrunner import provenance
from jobrunner.cli import exits, output, session
from jobrunner.cli.commands import COMMANDS
from jobrunner.cli.groups import build
from jobrunner.errors import JobRunnerError
from jobrunner.failpoints import failpoint
from jobrunner.version import __version__

DEBUG = "JOBRUNNER_DEBUG"
SUMMARY = (
    "Runs long jobs outside the request that started them; every move and line is a row in your database."
)
EPILOG = """\b
Begin with:
  jobrunner demo
  jobrunner start TYPE -p name=value --follow
  jobrunner COMMAND --help

Exit codes: 0 done or succeeded, 1 failed, 2 usage, 3 not found, 5 refused, 6 parked, 124 timeout,
125 jobrunner itself failed, 130 cancelled, 137 killed, 143 stopped.
"""
# typer carries click inside or beside it, by its version; this is the error of a wrong command line in both
_USAGE_ERROR: Any = typer.BadParameter.__mro__[1]


class UsageFault(JobRunnerError):
    """The command line is not valid."""

    code = "usage"
    default_hint = "See what there is with: jobrunner --help"


class InternalFault(JobRunnerError):
    """jobrunner failed in a way that nobody foresaw."""

    code = "internal"
    default_hint = f"See where it happened: set {DEBUG}=1 and try again."


def _print_version(asked: bool) -> None:
    if asked:
        output.put(__version__)
        raise typer.Exit


def _globals(
    database_url: Annotated[
        str | None,
        typer.Option("--database-url", metavar="URL", help="The database (JOBRUNNER_DATABASE_URL)."),
    ] = None,
    url: Annotated[
        str | None,
        typer.Option(
            "--url", metavar="HTTP_URL", help="A jobrunner serve instead of a database (JOBRUNNER_URL)."
        ),
    ] = None,
    handlers: Annotated[
        str | None,
        typer.Option("--handlers", metavar="MOD,...", help="Modules with handlers (JOBRUNNER_HANDLERS)."),
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    session.current.database_url, session.current.url = database_url, url
    session.current.handlers = handlers


def application() -> Any:
    """Returns the whole command line."""
    return build("jobrunner", SUMMARY, COMMANDS, _globals, EPILOG)


def run() -> NoReturn:
    """Runs the command line of this process and ends it with the exit code; never shows a traceback."""
    output.prepare_streams()
    try:
        code = call(sys.argv[1:])
    except KeyboardInterrupt:
        _end_by(signal.SIGINT)
    except BrokenPipeError:
        _end_by(signal.SIGPIPE)
    sys.exit(code)


def call(arguments: Sequence[str]) -> int:
    """Runs one command line and returns its exit code; errors are told on standard error."""
    typed = list(arguments)
    session.current = session.Session(arguments=typed)
    as_json = wants_json(typed)
    try:
        code = _invoke(typed)
        output.flush()
        return code
    except output.OutputFailed as error:
        output.forget()
        return _failed(error, exits.BROKEN, as_json)
    except JobRunnerError as error:
        return _failed(error, exits.of_error(error), as_json)
    except _USAGE_ERROR as error:
        return _misused(error, as_json)
    except BrokenPipeError:
        raise
    except Exception as error:
        if os.environ.get(DEBUG):
            raise
        return _failed(InternalFault(f"{type(error).__name__}: {error}"), exits.BROKEN, as_json)


def _invoke(typed: list[str]) -> int:
    app = application()
    try:
        with provenance.noted(channel="cli"), app.make_context("jobrunner", list(typed)) as context:
            app.invoke(context)
    except typer.Exit as end:
        return end.exit_code
    return exits.DONE


def wants_json(arguments: list[str]) -> bool:
    """True when the command was asked for JSON, so that its errors are JSON too."""
    own = arguments[: arguments.index("--")] if "--" in arguments else arguments
    return "--json" in own or "--ndjson" in own


def _misused(error: Any, as_json: bool) -> int:
    if type(error).__name__ == "NoArgsIsHelpError":
        output.say(error.format_message())
        return exits.USAGE
    path = error.ctx.command_path if error.ctx is not None else "jobrunner"
    message = str(error.format_message()).replace("\n\t", " ")
    return _failed(UsageFault(message, hint=f"See what it takes with: {path} --help"), exits.USAGE, as_json)


def _failed(error: JobRunnerError, code: int, as_json: bool) -> int:
    output.report(error, as_json=as_json)
    return code


def _end_by(number: signal.Signals) -> NoReturn:
    """Ends this process as the signal would have, so that its parent sees why."""
    output.forget()
    signal.signal(number, signal.SIG_DFL)
    failpoint("signal.oneself.before")
    os.kill(os.getpid(), number)
    raise SystemExit(128 + number)
