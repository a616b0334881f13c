"""Client: what JobRunner does, done by a server over HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NoReturn, TypeVar

from pydantic import BaseModel

from jobrunner import durations, follower, jsontext, models, names
from jobrunner.client.audit import RemoteAudit
from jobrunner.client.events import Stream
from jobrunner.client.orders import Handler, Order
from jobrunner.client.wire import Answer, Wire, refusal
from jobrunner.errors import InvalidField, JobNotFound, JobRunnerError
from jobrunner.follower import Follower
from jobrunner.handlers.discovery import ImportFailure
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
from jobrunner.names import Named, listed, named
from jobrunner.verbs import Job, Verbs, check, check_end
from jobrunner.version import READ_MODEL_VERSION

Model = TypeVar("Model", bound=BaseModel)
TIMEOUT = 30.0


class Client(Verbs):
    """A server that ``jobrunner serve`` runs, with the methods, answers and errors of JobRunner.

    Thread-safe, and safe to use after a fork. ``token`` is what ``jobrunner token create`` gave; the ledger names its
    user, so no ``actor`` can be given. Reads are repeated while the server is away for a moment, and so are starts:
    each bears an idempotency key, so that a lost answer makes no second job. A verb whose answer is lost raises
    ServerUnavailable: it may have been done. What needs the database itself raises NotOverHttp.
    """

    def __init__(self, url: str, token: str | None = None, *, timeout: float = TIMEOUT) -> None:
        self._wire = Wire(url, token, timeout)

    def close(self) -> None:
        """Closes this thread's connection; the client can be used again."""
        self._wire.close()

    def start(
        self, type: Handler, params: Mapping[str, Any] | None = None, *, lock_key: str | None = None,
        title: str | None = None, queue: str | None = None, priority: int | None = None,
        delay: str | float | None = None, at: str | datetime | None = None, hold: bool = False,
        idempotency_key: str | None = None, tags: Mapping[str, str] | None = None, created_by: str | None = None,
        launcher: str | None = None, session: Any = None, actor: str | None = None,
    ) -> StartResult:  # fmt: skip
        """Starts a job on the server's side and returns at once; as ``JobRunner.start``, less ``session``."""
        if session is not None:
            raise refusal("start within a transaction of your own (session=)")
        _no_actor(actor)
        options = {
            "lock_key": lock_key, "title": title, "queue": queue, "priority": priority, "delay": delay, "at": at,
            "hold": hold, "idempotency_key": idempotency_key, "tags": tags, "created_by": created_by,
            "launcher": launcher,
        }  # fmt: skip
        order = Order(type, params, options)
        return order.own(self._started("/jobs", order.body))

    def start_many(self, items: Sequence[Any], *, actor: str | None = None) -> list[StartResult]:
        """Starts many jobs in one transaction; an invalid item refuses all. As ``JobRunner.start_many``."""
        _no_actor(actor)
        orders = [Order.of_item(number, item) for number, item in enumerate(items)]
        found = self._started("/jobs/many", {"items": [order.body for order in orders]})["results"]
        return [order.own(result) for order, result in zip(orders, found, strict=True)]

    def launch(self, job: Job) -> NoReturn:
        """Cannot go over HTTP: the server launches what it starts."""
        raise refusal("launch")

    def run(self, job: Job) -> NoReturn:
        """Cannot go over HTTP: it would run the job here."""
        raise refusal("run")

    def status(
        self, job: Job, *, after_seq: int = 0, limit: int = 200, tail: int | None = None
    ) -> StatusModel:
        """Returns the read model of a job: its row and the ledger rows after a cursor."""
        query = {"after_seq": after_seq, "limit": limit, "tail": tail}
        _whole(query)
        none = StatusModel(schema_version=READ_MODEL_VERSION, found=False, last_seq=after_seq)
        return self._read(StatusModel, _path(job), query, none)

    def history(self, job: Job) -> History:
        """Returns every transition of a job, oldest first; none for a job that does not exist."""
        return self._read(History, _path(job, "/history"), {}, History(transitions=[]))

    def logs(
        self, job: Job, *, after_seq: int = 0, limit: int = 200, tail: int | None = None, level: str | None = None,
        stream: str | None = None, step: str | None = None, grep: str | None = None,
        since: str | datetime | None = None, until_seq: int | None = None,
    ) -> LogPage:  # fmt: skip
        """Returns the lines of a job after a cursor, up to ``until_seq`` and including it."""
        query = {
            "after_seq": after_seq, "limit": limit, "tail": tail, "level": level, "stream": stream, "step": step,
            "grep": grep, "since": _moment("since", since), "until_seq": until_seq,
        }  # fmt: skip
        _whole(query)
        _texts(level=level, stream=stream, step=step, grep=grep)
        none = LogPage(lines=[], last_seq=after_seq, has_more=False)
        return self._read(LogPage, _path(job, "/logs"), query, none)

    def events(self, job: Job, after_seq: int = 0) -> Iterator[dict[str, Any]]:
        """Yields the ledger rows of a job as they are committed, until it is terminal and complete, or parked."""
        _whole({"after_seq": after_seq})
        return Stream(self._wire, _path(job, "/events"), after_seq).rows()

    def follower(self, job: Job, after_seq: int = 0, *, limit: int = follower.LIMIT) -> Follower:
        """Returns what looks at a job again and again; the caller waits ``pause`` seconds between two looks."""
        return Follower(
            lambda cursor, count: self.status(job, after_seq=cursor, limit=count), job, after_seq,
            limit=limit, known=lambda: self._wire.reached, source="server",
        )  # fmt: skip

    def wait(self, job: Job, timeout: str | float | None = None) -> StatusModel:
        """Returns the status once the job is terminal or parked; raises WaitTimeout, JobNotFound or InvalidTime.

        ``timeout`` is in seconds (or "90s", "2h").
        """
        return follower.wait(self.follower(job, limit=0), timeout)

    def result(self, job: Job) -> Any:
        """Returns the result of a succeeded job; raises JobFailed, JobNotFinished or JobNotFound."""
        seen = self.status(job, limit=0)
        if seen.job is None:
            raise JobNotFound(f"There is no job {job}.")
        return follower.outcome(job, seen.job.id, seen.job.type, seen.job.status, seen.result, seen.error)

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
        statuses, tags = list(listed("status", status)), named("tag", tag)
        _texts(type=type, queue=queue, created_by=created_by, search=search, worker=worker, next=next)
        for one in tags.values():
            _texts(tag=one)
        for one in statuses:
            _texts(status=one)
            # in an address nothing, and a comma, would mean something else
            names.refuse("status", "is not known" if not one or "," in one else None)
        names.refuse("next", "is not what a page gave" if next == "" else None)
        _whole({"limit": limit})
        query = {
            "status": statuses, "type": type, "queue": queue,
            "tag": [f"{name}={value}" for name, value in tags.items()], "created_by": created_by,
            "since": _moment("since", since), "until": _moment("until", until), "search": search, "worker": worker,
            "param": [f"{path}={jsontext.shown(value)}" for path, value in named("param", param).items()], "limit": limit, "next": next,
        }  # fmt: skip
        return self._read(JobPage, "/jobs", query)

    def act(
        self, verb: str, job: Job, *, reason: str | None = None, actor: str | None = None,
        seen: tuple[str, int] | None = None, force: bool = False, as_: str | None = None,
    ) -> ActionResult:  # fmt: skip
        """Gives the verb of this name to a job; as ``JobRunner.act``."""
        _no_actor(actor)
        check(verb)
        body: dict[str, Any] = {"reason": reason}
        if verb == "retry":
            body["force"] = force
        if verb == "resolve":
            check_end(as_)
            body["as"] = as_
        if seen is not None:
            body["seen"] = {"status": seen[0], "attempt": seen[1]}
        if verb == "delete":
            return _acted(ActionResult, self._wire.ask("DELETE", _path(job), None, body))
        return _acted(ActionResult, self._wire.ask("POST", _path(job, f"/{verb}"), None, body))

    def types(self) -> list[TypeModel]:
        """Returns the job types that are registered on the server, sorted by name."""
        return [TypeModel.model_validate(one, extra="ignore") for one in self._get("/types")["types"]]

    def import_failures(self) -> list[ImportFailure]:
        """Returns the modules of handlers that the server could not import."""
        return [ImportFailure(**one, traceback="") for one in self._get("/types")["import_failures"]]

    def workers(self) -> list[dict[str, Any]]:
        """Returns the workers that have not ended, newest first, each with its state, its labels and what it uses."""
        found: list[dict[str, Any]] = self._get("/workers")["workers"]
        return found

    def drain(self, worker: str, *, reason: str | None = None, actor: str | None = None) -> DrainResult:
        """Asks a pool, on whatever host, to end as SIGTERM would; as ``JobRunner.drain``."""
        _no_actor(actor)
        answer = self._wire.ask("POST", f"/workers/{_name(worker)}/drain", None, {"reason": reason})
        return _acted(DrainResult, answer)

    def explain(self, job: Job) -> models.Explanation:
        """Returns why a job stands where it stands, what to do about it, and which late writes were refused."""
        none = models.Explanation(found=False, reason_code="job_not_found", reason="There is no such job.")
        return self._read(models.Explanation, _path(job, "/explain"), {}, none)

    def stats(self) -> dict[str, Any]:
        """Returns ``{jobs: {status: count}}``."""
        return {"jobs": self._get("/stats")["jobs"]}

    @property
    def audit(self) -> RemoteAudit:
        """The check of the ledger: ``verify`` and ``export``."""
        return RemoteAudit(self._wire)

    def prune(self, *_: Any, **__: Any) -> NoReturn:
        """Cannot go over HTTP."""
        raise refusal("prune")

    def reaper(self) -> NoReturn:
        """Cannot go over HTTP."""
        raise refusal("reaper")

    def init_db(self) -> NoReturn:
        """Cannot go over HTTP."""
        raise refusal("init_db")

    def check_db(self) -> NoReturn:
        """Cannot go over HTTP."""
        raise refusal("check_db")

    def _started(self, path: str, body: Any) -> Any:
        # every order bears a key, so the same one twice makes one job
        return self._wire.ask("POST", path, None, body, repeatable=True).document

    def _get(self, path: str) -> Any:
        return self._wire.ask("GET", path).document

    def _read(
        self, kind: type[Model], path: str, query: Mapping[str, object], none: Model | None = None
    ) -> Model:
        """Returns a model that the server answers; ``none`` for a job that does not exist."""
        try:
            return kind.model_validate(self._wire.ask("GET", path, query).document, extra="ignore")
        except JobNotFound:
            if none is None:
                raise
            return none


def _acted(kind: type[Model], answer: Answer) -> Model:
    """Returns what became of a verb; what was refused is told as an error with the result in it."""
    try:
        document = answer.document
    except JobRunnerError:
        document = json.loads(answer.body) if answer.status in (404, 409) else {}
        if "outcome" not in document:
            raise
    return kind.model_validate(document, extra="ignore")


def _path(job: Job, more: str = "") -> str:
    """Returns the path of a job."""
    return f"/jobs/{_name(job)}{more}"


def _name(given: int | str) -> str:
    """Returns a name for a path; what can be none is asked for as one that nothing has."""
    name = str(given).strip()
    return name if name and set(name) <= _OF_NAMES else "-"


def _whole(query: Mapping[str, object]) -> None:
    for name in ("after_seq", "limit"):
        if name in query:
            names.whole(name, query[name])
    for name in ("tail", "until_seq"):
        if query.get(name) is not None:
            names.whole(name, query[name])


def _texts(**given: object) -> None:
    for name, value in given.items():
        names.refuse(name, None if value is None or isinstance(value, str) else names.NOT_TEXT)


def _moment(name: str, value: str | datetime | None) -> str | None:
    return None if value is None else durations.moment(name, value)


def _no_actor(actor: str | None) -> None:
    if actor is not None:
        reason = "is whoever the token belongs to"
        raise InvalidField(f"Over HTTP the actor {reason}.", fields={"actor": reason})


_OF_NAMES = frozenset("0123456789abcdefABCDEF-")
