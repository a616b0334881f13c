"""JobRunner: everything that a program does with jobs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from importlib import import_module
from typing import Any

from jobrunner import durations, explorer, follower, items, models, provenance
from jobrunner.auditor import Audit
from jobrunner.configuration import load
from jobrunner.errors import BadInput, HandlerNotRegistered
from jobrunner.follower import Follower
from jobrunner.handlers import discovery, registry
from jobrunner.handlers.discovery import ImportFailure
from jobrunner.handlers.registry import JobType
from jobrunner.launcher import foreground
from jobrunner.models import (
    ActionResult,
    DrainResult,
    History,
    JobPage,
    LogPage,
    StartResult,
    StatusModel,
    TypeModel,
)
from jobrunner.names import Named
from jobrunner.operations import acting, drain, explain, filtering, fleet, launch, prune, start, verbs
from jobrunner.processes import login
from jobrunner.settings import Settings
from jobrunner.store import lists, schema, views
from jobrunner.store.database import Database
from jobrunner.verbs import Verbs

Job = int | str
Handler = str | Callable[..., Any]


class JobRunner(Verbs):
    """One store and the settings to use it with. Thread-safe, and safe to use after a fork.

    Settings come from the keywords, then the environment (``JOBRUNNER_*``), ``.env``, ``jobrunner.toml`` or
    ``[tool.jobrunner]`` in ``pyproject.toml``, then the defaults. A ``job`` argument is an id, a uuid,
    or an unambiguous prefix of at least 6 characters of one. Every method raises a StoreError when
    the database cannot be used.
    """

    def __init__(self, *, actor: str | None = None, **settings: Any) -> None:
        self.settings: Settings = load(**settings)
        self._actor = actor
        self._store: Database | None = None
        self._guard = threading.RLock()
        self._failures: list[ImportFailure] | None = None

    @property
    def database(self) -> Database:
        """The store; nothing is opened before it is used."""
        if self._store is None:
            with self._guard:
                self._store = self._store or schema.open_store(self.settings.database_url)
        return self._store

    def close(self) -> None:
        """Closes the connections that are not in use; the runner can be used again."""
        if self._store is not None:
            self._store.close()

    def start(
        self, type: Handler, params: Mapping[str, Any] | None = None, *, lock_key: str | None = None,
        title: str | None = None, queue: str | None = None, priority: int | None = None,
        delay: str | float | None = None, at: str | datetime | None = None, hold: bool = False,
        idempotency_key: str | None = None, tags: Mapping[str, str] | None = None, created_by: str | None = None,
        launcher: str | None = None, session: Any = None, actor: str | None = None,
    ) -> StartResult:  # fmt: skip
        """Starts a job and returns at once; the job exists when this returns.

        ``delay`` is in seconds (or "90s", "2h"), ``at`` a moment with a zone. With ``session``, a SQLAlchemy
        or SQLModel session on the same database, the job exists only if that transaction commits. ``actor`` is
        who the ledger names, by default ``created_by``.
        Raises a BadInput that names the fields at fault, before any row exists.
        """
        options = {
            "lock_key": lock_key, "title": title, "queue": queue, "priority": priority, "delay": delay, "at": at,
            "hold": hold, "idempotency_key": idempotency_key, "tags": tags, "created_by": created_by,
            "launcher": launcher,
        }  # fmt: skip
        job_type, prepared = self.type(type), start.Options.of(options, self._starter(created_by, actor))
        if session is not None:
            return start.start_in(self._writable, self.settings, job_type, params, prepared, session)
        return self._inline(start.start(self._writable, self.settings, job_type, params, prepared), prepared)

    def start_many(self, items: Sequence[Any], *, actor: str | None = None) -> list[StartResult]:
        """Starts many jobs in one transaction; an invalid item refuses all.

        An item is ``(type, params)``, ``(type, params, options)`` or a mapping with type, params and the options
        of ``start`` (without session). Returns one outcome per item, in order.
        """
        prepared = [self._item(index, item, actor) for index, item in enumerate(items)]
        results = start.start_many(self._writable, self.settings, prepared)
        return [self._inline(result, item[2]) for result, item in zip(results, prepared, strict=True)]

    def launch(self, job: Job) -> ActionResult:
        """Starts a worker process for a detached job that waits; any launch before it is voided."""
        return launch.launch(self._readable, self.settings, job, actor=self._starter(None))

    def run(self, job: Job) -> int:
        """Runs one due job in the foreground, in a worker process of its own, and returns the worker's exit code.

        0 when it succeeded or was cancelled, 1 for any other end and when it cannot be claimed.
        """
        job_id = views.resolve(self._readable, job)
        if job_id is None:
            return 1
        row = views.ended(self.database, job_id)
        order = launch.order(self.settings, job_id, str(row["type"]) if row else "", None)
        self.database.close()
        return foreground(order)

    def status(
        self, job: Job, *, after_seq: int = 0, limit: int = 200, tail: int | None = None
    ) -> StatusModel:
        """Returns the read model of a job: its row and the ledger rows after a cursor; never writes."""
        return explorer.status(self._readable, job, after_seq=after_seq, limit=limit, tail=tail)

    def history(self, job: Job) -> History:
        """Returns every transition of a job, oldest first; none for a job that does not exist."""
        return explorer.history(self._readable, job) or History(transitions=[])

    def logs(
        self, job: Job, *, after_seq: int = 0, limit: int = 200, tail: int | None = None, level: str | None = None,
        stream: str | None = None, step: str | None = None, grep: str | None = None,
        since: str | datetime | None = None, until_seq: int | None = None,
    ) -> LogPage:  # fmt: skip
        """Returns the lines of a job after a cursor, up to ``until_seq`` and including it.

        ``level`` means that and above, ``grep`` is literal, ``tail`` gives the last that many.
        """
        moment = None if since is None else durations.moment("since", since)
        found = explorer.logs(
            self._readable, job, after_seq=after_seq, limit=limit, tail=tail, level=level, stream=stream, step=step,
            grep=grep, since=moment, until_seq=until_seq,
        )  # fmt: skip
        return found or LogPage(lines=[], last_seq=after_seq, has_more=False)

    def events(self, job: Job, after_seq: int = 0) -> Iterator[dict[str, Any]]:
        """Yields the ledger rows of a job as they are committed, until it is terminal and complete, or parked."""
        return follower.follow(self.follower(job, after_seq))

    def follower(self, job: Job, after_seq: int = 0, *, limit: int = follower.LIMIT) -> Follower:
        """Returns what looks at a job again and again; the caller waits ``pause`` seconds between two looks."""
        return explorer.follower(self._readable, job, after_seq, limit=limit)

    def wait(self, job: Job, timeout: str | float | None = None) -> StatusModel:
        """Returns the status once the job is terminal or parked; raises WaitTimeout, JobNotFound or InvalidTime.

        ``timeout`` is in seconds (or "90s", "2h").
        """
        return follower.wait(self.follower(job, limit=0), timeout)

    def result(self, job: Job) -> Any:
        """Returns the result of a succeeded job; raises JobFailed, JobNotFinished or JobNotFound."""
        return explorer.result(self._readable, job)

    def jobs(
        self, *, status: str | Sequence[str] = (), type: str | None = None, queue: str | None = None,
        tag: Named | None = None, created_by: str | None = None, since: str | datetime | None = None,
        until: str | datetime | None = None, search: str | None = None, worker: str | None = None,
        param: Named | None = None, limit: int = 50, next: str | None = None,
    ) -> JobPage:  # fmt: skip
        """Returns a page of jobs, newest first; ``next`` is what the page before gave.

        ``worker`` is the id or host of the latest one; ``param`` maps dotted paths into the parameters to values. It
        and ``tag`` may be texts like ``name=value``, too.
        """
        wanted = filtering.wanted(
            status=status, type=type, queue=queue, tag=tag, created_by=created_by, since=since, until=until,
            search=search, worker=worker, param=param, next=next,
        )  # fmt: skip
        return explorer.jobs(self._readable, wanted, limit)

    def act(
        self, verb: str, job: Job, *, reason: str | None = None, actor: str | None = None,
        seen: tuple[str, int] | None = None, force: bool = False, as_: str | None = None,
    ) -> ActionResult:  # fmt: skip
        """Gives the verb of this name to a job.

        ``seen`` is (status, attempt) as the caller knows them; a job that moved on since is refused as ``changed``.
        """
        return verbs.give(
            self._readable, self.settings, verb, job, actor=self._operator(actor), reason=reason,
            seen=None if seen is None else acting.Seen(*seen), force=force, as_=as_,
        )  # fmt: skip

    def types(self) -> list[TypeModel]:
        """Returns the job types that are registered here, sorted by name, with the schema of their parameters."""
        self.import_failures()
        return [TypeModel.model_validate(job_type.describe()) for job_type in registry.all_types()]

    def workers(self) -> list[dict[str, Any]]:
        """Returns the workers that have not ended, newest first, each with its state, its labels and what it uses."""
        return fleet.workers(self._readable)

    def drain(self, worker: str, *, reason: str | None = None, actor: str | None = None) -> DrainResult:
        """Asks a pool, on whatever host, to end as SIGTERM would; it is told with its next heartbeat.

        It claims no more jobs, those in hand may end within its drain time-out, then they are interrupted. ``worker``
        is an id, or at least 6 characters of the beginning of one that has not ended; raises AmbiguousWorker.
        """
        return drain.drain(self._readable, worker, actor=self._operator(actor), reason=reason)

    def explain(self, job: Job) -> models.Explanation:
        """Returns why a job stands where it stands, what to do about it, and which late writes were refused."""
        return explain.explain(self._readable, self.settings, job)

    def prune(
        self, older_than: str | float, *, status: Sequence[str] = (), dry_run: bool = False, actor: str | None = None
    ) -> models.Pruned:  # fmt: skip
        """Deletes jobs that ended that long ago (seconds, or "30d"), of these statuses or of all terminal ones."""
        age = durations.seconds(older_than, "older_than")
        return prune.prune(self._readable, age, status, actor=self._operator(actor), dry_run=dry_run)

    def reaper(self) -> Any:
        """Returns a ``worker.reaper.Reaper`` that launches as this runner would."""
        return import_module("jobrunner.worker.reaper").Reaper(
            self._readable, self.settings, launch.spawning(self.settings), self.knows
        )

    def knows(self, type: str) -> bool:
        """True when a job type of this name is registered here."""
        self.import_failures()
        return registry.is_known(type)

    def stats(self) -> dict[str, Any]:
        """Returns ``{jobs: {status: count}}``."""
        return {"jobs": lists.counts(self._readable)}

    def init_db(self) -> None:
        """Creates the tables and loads the seeds; what is there already stays as it is.

        Raises SchemaOutdated when the tables have another version's shape: they would pass for this one's afterwards.
        """
        found = schema.version(self.database)
        if found is not None:
            schema.check(found, self.database.where)
        import_module("jobrunner.store.ddl").create(self.database)

    def check_db(self) -> list[str]:
        """Returns every difference between the tables and what this version expects; empty when there is none."""
        found: list[str] = import_module("jobrunner.store.checking").differences(self.database)
        return found

    @property
    def audit(self) -> Audit:
        """The check of the ledger: ``verify``, ``head``, ``export`` and ``verify_file``."""
        return Audit(self.database)

    def type(self, type: Handler) -> JobType:
        """Returns the registered job type that a name or a decorated function means; raises HandlerNotRegistered."""
        own = getattr(type, "job_type", None)
        if isinstance(own, JobType):
            return own
        if not isinstance(type, str):
            raise HandlerNotRegistered(f"{type!r} is no job type and no function with @job.")
        return discovery.find(type, self.import_failures())

    def import_failures(self) -> list[ImportFailure]:
        """Imports the handler modules once, and returns those that could not be imported."""
        with self._guard:
            if self._failures is None:
                self._failures = discovery.discover(self.settings.handlers)
            return self._failures

    @property
    def _readable(self) -> Database:
        return schema.readable(self.database)

    @property
    def _writable(self) -> Database:
        return schema.ensure(self.database)

    def _inline(self, result: StartResult, options: Any) -> StartResult:
        if (options.launcher or self.settings.launcher) != "inline" or result.outcome != "queued":
            return result
        # what the handler starts comes from the handler, not from whoever started it
        with provenance.noted(channel="python"):
            import_module("jobrunner.worker.inline").run(self.database, self.settings, result.job_id)
        ended = explorer.status(self._readable, result.job_id, limit=0).job
        return result.model_copy(update={"outcome": "started", "status": ended and ended.status})

    def _item(
        self, index: int, item: Any, actor: str | None
    ) -> tuple[JobType, Mapping[str, Any] | None, Any]:
        kind, params, options = items.parts(index, item)
        try:
            starter = self._starter(options.get("created_by"), actor)
            return self.type(kind), params, start.Options.of(options, starter)
        except BadInput as error:
            raise start.of_item(index, error) from None

    def _operator(self, actor: str | None) -> str:
        return acting.checked_actor(actor or self._actor or login(), "operator")

    def _starter(self, created_by: object, actor: str | None = None) -> str:
        if actor or self._actor:
            return acting.checked_actor(actor or self._actor or "", "starter")
        name = created_by.strip() if isinstance(created_by, str) else ""
        return f"starter:{name or login()}"


_default: JobRunner | None = None


def default() -> JobRunner:
    """Returns the runner that ``handler.start(…)`` uses: the one that was set, else one made of the settings."""
    global _default
    if _default is None:
        _default = JobRunner()
    return _default


def set_default(runner: JobRunner | None) -> None:
    """Makes ``runner`` the one that ``handler.start(…)`` uses; None forgets it."""
    global _default
    _default = runner
