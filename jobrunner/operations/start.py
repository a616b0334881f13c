"""Start: checks what is asked, stores the job, and launches it after the commit."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from jobrunner import doorbell, durations, identifiers, jsontext, names, provenance
from jobrunner.durations import Backoff
from jobrunner.errors import (
    BadInput,
    InvalidField,
    InvalidParams,
    LauncherRefused,
    ParamsTooLarge,
    StoreError,
)
from jobrunner.handlers.registry import JobType, priority_fault
from jobrunner.hiding import SecretNames
from jobrunner.models import StartResult
from jobrunner.operations import launch, restart
from jobrunner.operations.acting import refuse
from jobrunner.settings import LAUNCHERS, Settings
from jobrunner.store import jobs
from jobrunner.store.database import Database
from jobrunner.store.jobs import Created, NewJob

_log = logging.getLogger("jobrunner")
_SECRET = "has a name that the setting mask_keys calls secret"
_REFERENCE = "Pass a reference to the secret, and read the secret in the handler."
KEY_BYTES, TITLE_BYTES, QUEUE_BYTES = 191, 255, 64


@dataclass(frozen=True)
class Options:
    """How a job is to be started; what is None comes from its type or the settings."""

    lock_key: str | None = None
    title: str | None = None
    queue: str | None = None
    priority: int | None = None
    delay: str | int | float | None = None
    at: str | datetime | None = None
    hold: bool = False
    idempotency_key: str | None = None
    tags: Mapping[str, str] | None = None
    created_by: str | None = None
    launcher: str | None = None
    actor: str = "starter:python"

    @classmethod
    def of(cls, values: Mapping[str, Any], actor: str = "starter:python") -> Options:
        """Returns options from a mapping; raises InvalidField naming those that are not known."""
        for name in values:
            if name not in _OPTIONS:
                near = names.nearest(name, _OPTIONS)
                raise InvalidField(
                    f"There is no option {name!r}.",
                    hint=f"Did you mean {near}?" if near else None,
                    fields={name: "is not known"},
                )
        return cls(**values, actor=actor)


_OPTIONS = tuple(field.name for field in fields(Options) if field.name != "actor")


def start(
    database: Database,
    settings: Settings,
    job_type: JobType,
    params: Mapping[str, Any] | None,
    options: Options,
) -> StartResult:
    """Stores a job and, when its launcher is detached, starts its worker after the commit."""
    job, token = prepare(settings, job_type, params, options)
    restart.check(database, job_type, job.tags)
    made = jobs.create(database, job)
    _ring(database, [job], [made])
    return _launched(database, settings, job, token, made)


def start_many(
    database: Database, settings: Settings, items: Sequence[tuple[JobType, Mapping[str, Any] | None, Options]]
) -> list[StartResult]:
    """Stores many jobs in one transaction, then launches those that are detached; an invalid item refuses all."""
    prepared = []
    for index, (job_type, params, options) in enumerate(items):
        try:
            job, token = prepare(settings, job_type, params, options)
            restart.check(database, job_type, job.tags)
            prepared.append((job, token))
        except BadInput as error:
            raise of_item(index, error) from None
    created = jobs.create_many(database, [job for job, _ in prepared])
    _ring(database, [job for job, _ in prepared], created)
    return [
        _launched(database, settings, job, token, made)
        for (job, token), made in zip(prepared, created, strict=True)
    ]


def of_item(index: int, error: BadInput) -> BadInput:
    """Returns ``error`` saying which item of many it is about, in its message and its fields."""
    error.fields = {f"{index}.{name}": reason for name, reason in error.fields.items()} or {
        str(index): error.message
    }
    error.message = f"Item {index}: {error.message}"
    error.args = (error.message,)
    return error


def start_in(
    database: Database,
    settings: Settings,
    job_type: JobType,
    params: Mapping[str, Any] | None,
    options: Options,
    session: Any,
) -> StartResult:
    """Stores a job in the caller's transaction; it exists, and is launched, only when that commits."""
    from jobrunner.store import sessions  # whoever has a session has paid for SQLAlchemy's ORM

    job, _ = prepare(settings, job_type, params, options, in_session=True)
    restart.check(database, job_type, job.tags)

    def committed() -> None:
        if job.launcher == "pool" and not job.hold:
            doorbell.ring(database.where)
        if job.launcher != "detached" or job.hold:
            return
        try:
            # a rollback to a savepoint, or an outer transaction that is still open, leaves nothing to be seen here
            launch.launch(database, settings, job.uuid, actor=job.actor)
        except StoreError as error:
            # their commit has happened and must not look as if it had not
            _log.warning("job %s is stored but was not launched: %s", job.uuid, error)

    return _answer(sessions.create_in(database, session, job, committed), launched=False)


def _ring(database: Database, wanted: Sequence[NewJob], created: Sequence[Created]) -> None:
    """Tells the pools of this host once that there is work for them."""
    pairs = zip(wanted, created, strict=True)
    if any(j.launcher == "pool" and m.outcome == "created" and m.row["status"] == "queued" for j, m in pairs):
        doorbell.ring(database.where)


def _launched(
    database: Database, settings: Settings, job: NewJob, token: str | None, made: Created
) -> StartResult:
    if made.outcome != "created" or token is None:
        return _answer(made, launched=False)
    failed = launch.spawn(database, settings, made.row["id"], job.type, token, made.due_in, job.actor)
    return _answer(made, launched=True, failed=failed)


def _answer(made: Created, *, launched: bool, failed: bool = False) -> StartResult:
    row = made.row
    outcome = made.outcome
    if outcome == "created":
        outcome = "launch_failed" if failed else row["status"]
        outcome = "started" if outcome == "queued" and launched else outcome
    return StartResult.model_validate(
        {
            "outcome": outcome,
            "job_id": row["id"],
            "uuid": row["uuid"],
            "type": row["type"],
            "status": "failed" if failed else row["status"],
            "reason_code": "launch_failed" if failed else None,
        }
    )


def prepare(
    settings: Settings,
    job_type: JobType,
    params: Mapping[str, Any] | None,
    options: Options,
    *,
    in_session: bool = False,
) -> tuple[NewJob, str | None]:
    """Returns the job that the request means, and the token of its launch if it is to be launched.

    Raises a BadInput that names the field, before anything is stored.
    """
    launcher = options.launcher or settings.launcher
    if launcher not in LAUNCHERS:
        raise InvalidField(
            f"There is no launcher {launcher!r}.",
            hint="Use detached, pool or inline.",
            fields={"launcher": "is not known"},
        )
    refuse("hold", None if isinstance(options.hold, bool) else "is not a boolean")
    delay, at = _when(options)
    if launcher == "inline" and (delay or at or options.hold or in_session):
        raise LauncherRefused(
            "An inline job runs at once, in the caller: no delay, hold or session goes with it."
        )
    if options.priority is not None:
        refuse("priority", priority_fault(options.priority))
    checked, encoded = _params(settings, job_type, params)
    tags = names.tags("tags", options.tags or {})
    _refuse_secrets(settings, checked, tags)
    own_key = job_type.lock_key_for(checked) if options.lock_key is None else options.lock_key
    backoff = job_type.backoff or Backoff(settings.retry_backoff, cap=settings.retry_backoff_cap)
    token = identifiers.secret() if launcher == "detached" and not options.hold and not in_session else None
    job = NewJob(
        type=job_type.type,
        params=encoded,
        title=names.trimmed("title", job_type.title if options.title is None else options.title, TITLE_BYTES),
        queue=names.trimmed("queue", options.queue, QUEUE_BYTES) or job_type.queue,
        priority=job_type.priority if options.priority is None else options.priority,
        lock_key=names.trimmed("lock_key", own_key, KEY_BYTES),
        idempotency_key=names.trimmed("idempotency_key", options.idempotency_key, KEY_BYTES),
        created_by=names.trimmed("created_by", options.created_by, KEY_BYTES),
        actor=options.actor,
        idempotent=job_type.idempotent,
        launcher=launcher,
        max_attempts=job_type.max_attempts,
        backoff=(backoff.base, backoff.factor, backoff.cap, backoff.jitter),
        timeout=job_type.timeout,
        stall_timeout=job_type.stall_timeout,
        delay=delay,
        at=at,
        hold=options.hold,
        token_hash=None if token is None else identifiers.secret_hash(token),
        tags=tags,
        context=provenance.facts(),
    )
    return job, token


def _params(
    settings: Settings, job_type: JobType, params: Mapping[str, Any] | None
) -> tuple[dict[str, Any], str]:
    checked = job_type.parameters.validate(params)
    encoded = jsontext.dumps(checked)
    size = len(encoded.encode())
    if size > settings.params_max_bytes:
        reason = f"take {size} bytes, {settings.params_max_bytes} are allowed"
        raise ParamsTooLarge(f"The parameters {reason}.", fields={"params": reason})
    return checked, encoded


def _refuse_secrets(settings: Settings, params: Mapping[str, Any], tags: Mapping[str, str]) -> None:
    """Refuses what would be stored in the clear under a name that mask_keys calls secret."""
    if not settings.mask_keys:
        return
    secret = SecretNames(settings.mask_keys)
    named = dict.fromkeys(secret.within(params), _SECRET)
    if named:
        told = ", ".join(named)
        raise InvalidParams(
            f"Parameters are stored in the clear: {told} {_SECRET}.", hint=_REFERENCE, fields=named
        )
    tagged = {f"tags.{name}": _SECRET for name in secret.within(tags)}
    if tagged:
        told = ", ".join(tagged)
        raise InvalidField(f"Tags are stored in the clear: {told} {_SECRET}.", hint=_REFERENCE, fields=tagged)


def _when(options: Options) -> tuple[float, str | None]:
    if options.delay is not None and options.at is not None:
        raise InvalidField(
            "Give delay or at, not both.",
            hint="Leave one of them out: delay counts from now, at is a moment.",
            fields={"delay": "and at exclude each other"},
        )
    if options.at is None:
        return (0.0 if options.delay is None else durations.seconds(options.delay, "delay")), None
    return 0.0, durations.moment("at", options.at)
