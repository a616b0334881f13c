"""Every error that the library raises.

JobRunnerError
├── BadInput                the caller asked for something that cannot be (exit 2, HTTP 422)
│   └── InvalidParams, PayloadNotEncodable, ParamsTooLarge, InvalidField, InvalidTime, HandlerNotRegistered,
│       AmbiguousJob, AmbiguousWorker, LauncherRefused, NotOverHttp
├── BadRegistration         a job type is declared wrongly
│   └── InvalidJobType, DuplicateJobType, UnsupportedParameter
├── JobNotFound, TokenNotFound     (exit 3)
├── Unauthorized, Forbidden        (exit 4, HTTP 401 and 403)
├── JobNotFinished, JobFailed, WaitTimeout (also a TimeoutError, exit 124)
├── StoreError              the database does not do what is asked (exit 125)
│   └── InvalidConfiguration, BadDatabaseUrl, DriverMissing, DatabaseUnavailable, DatabaseReadOnly, DatabaseFull,
│       SchemaMissing, SchemaOutdated, StoreFailure, ServerUnavailable, ServerFailure
└── LaunchFailed, IllegalTransition, TransitionConflict, Superseded, NotEncodable

JobCancelled                not an error: the way out of a handler that was asked to end
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class JobRunnerError(Exception):
    """jobrunner could not do what was asked.

    ``code`` is stable and meant for programs, ``message`` says what happened, ``hint`` how to
    mend it, and ``fields`` maps the name of each field at fault to what is wrong with it.
    """

    code = "error"
    default_hint: str | None = None

    def __init__(
        self, message: str | None = None, *, hint: str | None = None, fields: Mapping[str, str] | None = None
    ) -> None:
        self.message = message or (type(self).__doc__ or "").strip().splitlines()[0]
        self.hint = hint or self.default_hint
        self.fields = dict(fields or {})
        super().__init__(self.message)

    def as_dict(self) -> dict[str, Any]:
        """Returns ``{code, message, hint, fields}``, the shape that ``--json`` and HTTP give."""
        return {"code": self.code, "message": self.message, "hint": self.hint, "fields": self.fields}


class JobCancelled(BaseException):
    """The job was asked to end.

    Raised by ``ctx.check_cancelled()``. It is no ``Exception``, as ``asyncio.CancelledError`` is
    none: a handler that goes on after ``except Exception`` must not swallow a cancel.
    """


class BadInput(JobRunnerError):
    """The request is not valid."""

    code = "bad_input"
    default_hint = "Change what the message names and try again."


class InvalidParams(BadInput):
    """The parameters do not fit the job type."""

    code = "invalid_params"
    default_hint = "See what the type takes with: jobrunner types --json"


class PayloadNotEncodable(BadInput):
    """The parameters cannot be written as JSON."""

    code = "payload_not_encodable"
    default_hint = "Use null, booleans, finite numbers, valid text, lists and objects with text keys."


class ParamsTooLarge(BadInput):
    """The parameters are larger than the store accepts."""

    code = "params_too_large"
    default_hint = "Store the data elsewhere and pass a reference, or raise the setting params_max_bytes."


class InvalidField(BadInput):
    """A field of the request is not valid."""

    code = "invalid_field"
    default_hint = "Change the field that is named; jobrunner COMMAND --help says what each takes."


class InvalidTime(BadInput):
    """A time or duration is not understood."""

    code = "invalid_time"
    default_hint = "Give seconds or 90s, 15m, 2h, 1d for durations and ISO 8601 with a zone for times."


class HandlerNotRegistered(BadInput):
    """No handler is registered for this job type."""

    code = "handler_not_registered"
    default_hint = "Name its module in the setting handlers (JOBRUNNER_HANDLERS or --handlers)."


class AmbiguousJob(BadInput):
    """More than one job begins with this."""

    code = "ambiguous_job"
    default_hint = "Give more characters of the uuid, or the id."


class AmbiguousWorker(BadInput):
    """More than one worker begins with this."""

    code = "ambiguous_worker"
    default_hint = "Give more characters of the id; list them with: jobrunner workers"


class LauncherRefused(BadInput):
    """This launcher cannot start such a job."""

    code = "launcher_refused"
    default_hint = "Use the launcher detached or pool."


class NotOverHttp(BadInput):
    """This needs the database itself; it cannot be done over HTTP."""

    code = "not_over_http"
    default_hint = "Do it where the database is, without --url and JOBRUNNER_URL."


class BadRegistration(JobRunnerError):
    """The job type is declared wrongly."""

    code = "bad_registration"
    default_hint = "Change what @job(…) or register(…) is given, or the signature of the handler."


class InvalidJobType(BadRegistration):
    """The declaration of the job type is not valid."""

    code = "invalid_job_type"


class DuplicateJobType(BadRegistration):
    """This job type is registered already."""

    code = "duplicate_job_type"
    default_hint = "Give each handler a type of its own."


class UnsupportedParameter(BadRegistration):
    """A parameter of the handler cannot be stored."""

    code = "unsupported_parameter"
    default_hint = "Take what JSON has, by name: text, numbers, booleans, lists, objects and models of them. Look secrets up in the handler."


class JobNotFound(JobRunnerError):
    """There is no such job."""

    code = "job_not_found"
    default_hint = "List the jobs with: jobrunner list"


class TokenNotFound(JobRunnerError):
    """There is no such token."""

    code = "token_not_found"
    default_hint = "List the tokens with: jobrunner token list"


class Unauthorized(JobRunnerError):
    """The request has no token, and no session, that is valid here."""

    code = "unauthorized"
    default_hint = "Send a token: Authorization: Bearer TOKEN. Make one with: jobrunner token create NAME"


class Forbidden(JobRunnerError):
    """Whoever asks may not do this."""

    code = "forbidden"
    default_hint = "Use a token that may; make one with: jobrunner token create NAME --scope SCOPE"


class JobNotFinished(JobRunnerError):
    """The job has not finished."""

    code = "job_not_finished"
    default_hint = "Wait for it with: jobrunner wait ID"


class JobFailed(JobRunnerError):
    """The job did not succeed.

    ``status`` is how it ended; ``error_class``, ``reason_code`` and ``traceback`` are what its
    process reported.
    """

    code = "job_failed"
    default_hint = "See what it said with: jobrunner logs ID"

    def __init__(
        self, message: str | None = None, *, status: str = "failed", error_class: str | None = None,
        reason_code: str | None = None, traceback: str | None = None,
    ) -> None:  # fmt: skip
        super().__init__(message)
        self.status = status
        self.error_class = error_class
        self.reason_code = reason_code
        self.traceback = traceback

    def __str__(self) -> str:
        return f"{self.message}\n\n{self.traceback}" if self.traceback else self.message


class WaitTimeout(JobRunnerError, TimeoutError):
    """The job was still going on when the time to wait ran out."""

    code = "wait_timeout"
    default_hint = "The job goes on. Wait again, or look at it with: jobrunner status ID"


class StoreError(JobRunnerError):
    """The store cannot be used."""

    code = "store_error"
    default_hint = "See what is wrong with: jobrunner doctor"


class InvalidConfiguration(StoreError):
    """A setting is not valid."""

    code = "invalid_configuration"
    default_hint = "Change it where it is set: a keyword, JOBRUNNER_ and its name, .env, jobrunner.toml or pyproject.toml."


class BadDatabaseUrl(StoreError):
    """The database URL is not understood."""

    code = "bad_database_url"
    default_hint = "Use sqlite:///jobs.db, mysql://user:password@host/database or postgresql://user:password@host/database."


class DriverMissing(StoreError):
    """The driver for this database is not installed."""

    code = "driver_missing"
    default_hint = "Install it with: pip install 'jobrunner-db[postgres]'"


class DatabaseUnavailable(StoreError):
    """The database does not answer."""

    code = "database_unavailable"
    default_hint = "Check that the server runs and that the URL names the right host, user and database."


class DatabaseReadOnly(StoreError):
    """The database cannot be written."""

    code = "database_read_only"
    default_hint = "Check the permissions of the file and its directory, or that the server is the primary."


class DatabaseFull(StoreError):
    """The disk of the database is full."""

    code = "database_full"
    default_hint = "Free space where the database lives; nothing was written."


class SchemaMissing(StoreError):
    """The database has no jobrunner tables."""

    code = "schema_missing"
    default_hint = "Create them with: jobrunner db init"


class SchemaOutdated(StoreError):
    """The tables of the database are not those of this version."""

    code = "schema_outdated"
    default_hint = "See what differs with: jobrunner db check"


class StoreFailure(StoreError):
    """The database refused a statement."""

    code = "store_failure"


class ServerUnavailable(StoreError):
    """The server does not answer."""

    code = "server_unavailable"
    default_hint = "Check that it runs (jobrunner serve) and that the URL names it."


class ServerFailure(StoreError):
    """The server did not answer as jobrunner does."""

    code = "server_failure"
    default_hint = "Check that the URL is that of jobrunner serve, with its prefix if it has one."


class LaunchFailed(JobRunnerError):
    """No worker process could be started."""

    code = "launch_failed"
    default_hint = "Mend the cause and try again; a job that failed by it runs again with: jobrunner retry ID"


class IllegalTransition(JobRunnerError):
    """The state machine has no such edge."""

    code = "illegal_transition"
    default_hint = "See what may be done in each status, and by whom, with: jobrunner machine"


class TransitionConflict(JobRunnerError):
    """The job moved on meanwhile."""

    code = "transition_conflict"
    default_hint = "Look how it stands with: jobrunner status ID, and try again."


class Superseded(JobRunnerError):
    """Another worker holds the job now; nothing was written."""

    code = "superseded"
    default_hint = "Nothing is to be done: the worker that holds the job goes on with it."


class NotEncodable(JobRunnerError):
    """The value cannot be written as JSON."""

    code = "not_encodable"
    default_hint = "Use null, booleans, finite numbers, valid text, lists and objects with text keys."
