"""A verb on many jobs: those that are named, or those that a filter finds; never on more than were counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from starlette.requests import Request

from jobrunner import identifiers
from jobrunner.errors import BadInput, InvalidField, JobRunnerError, StoreError
from jobrunner.models import ActionResult, JobModel, JobSummary
from jobrunner.operations.verbs import VERBS
from jobrunner.runner import JobRunner
from jobrunner.web import verbs
from jobrunner.web.caller import Caller
from jobrunner.web.faults import WebFault
from jobrunner.web.house import house

MOST, PAGE = 10_000, 1000
Seen = tuple[int, str, int]


class CountDiffers(WebFault):
    """There are not as many jobs as were expected; none was touched."""

    code = "count_differs"
    status = 409
    default_hint = "Look again at what is meant, and expect the number that is given here."

    def __init__(self, expected: int, count: int) -> None:
        told = f"{expected} jobs were expected, but there are {count}; none was touched."
        super().__init__(told, fields={"expect": f"is {expected}, but there are {count}"})
        self.count = count


class TooManyJobs(InvalidField):
    """A filter or a list of names means more jobs than one request may move."""

    default_hint = "Narrow it, or go in several steps."

    def __init__(self, name: str) -> None:
        reason = f"means more than {MOST:,} jobs, the most in one request"
        super().__init__(f"{name} {reason}.", fields={name: reason})


@dataclass(frozen=True)
class Chosen:
    """The jobs that are meant, as they stand: (id, status, attempt) each; names that mean none; and uuids by id."""

    jobs: tuple[Seen, ...] = ()
    unknown: tuple[str, ...] = ()
    uuids: Mapping[int, str] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """Returns how many there are."""
        return len(self.jobs) + len(self.unknown)


@dataclass(frozen=True)
class Done:
    """What became of a verb on many jobs, job by job in the order in which they were chosen.

    ``batch`` is a UUID that the context of each of its transitions bears; all of them are older than the id ``ended``.
    """

    verb: str
    batch: str
    ended: str
    results: tuple[ActionResult, ...] = field(default=())

    @property
    def outcomes(self) -> dict[str, int]:
        """Returns how many jobs there are of each outcome."""
        return dict(Counter(result.outcome for result in self.results))


def choose(
    runner: JobRunner, *, ids: Sequence[int | str] | None = None, filter: Mapping[str, Any] | None = None
) -> Chosen:
    """Returns the jobs that ids or a filter (as ``JobRunner.jobs`` takes it) mean, each once, newest first.

    Raises InvalidField unless exactly one of the two is given, and TooManyJobs.
    """
    if (ids is None) == (filter is None):
        raise InvalidField(
            "Give ids or a filter, and not both.", fields={"ids": "and filter exclude each other"}
        )
    if ids is not None:
        return _named(runner, ids)
    found: list[Seen] = []
    uuids: dict[int, str] = {}
    for jobs in _pages(runner, filter or {}):
        found += [(job.id, job.status, job.attempt) for job in jobs]
        uuids |= {job.id: job.uuid for job in jobs}
        if len(found) > MOST:
            raise TooManyJobs("filter")
    return Chosen(tuple(found), uuids=uuids)


def run(
    request: Request, caller: Caller, verb: str, *, ids: Sequence[int | str] | None = None,
    filter: Mapping[str, Any] | None = None, expect: int, reason: str | None = None, force: bool = False,
    as_: str | None = None, standing: Mapping[int, Seen] = MappingProxyType({}),
) -> Done:  # fmt: skip
    """Gives a verb to every job that is meant, one transaction and one ledger row each.

    Raises CountDiffers, having done nothing, unless there are ``expect`` of them, and TooManyJobs if there are. A job
    that moved on after it was counted is skipped, and so is one that does not stand as in ``standing``, which is how
    the caller saw jobs by id when they decided; one that the caller may not touch is refused as ``forbidden``.
    When the database goes away the rest is refused with the code of that error, so that what was done is told.
    """
    if verb not in VERBS:
        raise InvalidField(f"There is no verb {verb!r}.", fields={"verb": f"is none of {', '.join(VERBS)}"})
    verbs.check_scope(caller, verb)
    runner = house(request).runner
    try:
        chosen = choose(runner, ids=ids, filter=filter)
    except TooManyJobs:
        if filter is not None:
            _check_count(expect, sum(map(len, _pages(runner, filter))))
        raise
    _check_count(expect, chosen.count)
    results: list[ActionResult] = []
    away: StoreError | None = None
    # made before the first transition of the batch, whose op_ids are therefore between the two
    batch = identifiers.uuid7()
    with verbs.through(request, batch=batch):
        for seen in (standing.get(one[0], one) for one in chosen.jobs):
            if away is not None:
                results.append(_refused(seen, chosen.uuids[seen[0]], away.code))
                continue
            try:
                results.append(_one(request, caller, runner, verb, seen, reason=reason, force=force, as_=as_))
            except BadInput:
                raise  # the reason or the verb's own option: nothing can have been done
            except JobRunnerError as error:
                away = error if isinstance(error, StoreError) else None
                results.append(_refused(seen, chosen.uuids[seen[0]], error.code))
    return Done(verb, batch, identifiers.uuid7(), (*results, *map(_missing, chosen.unknown)))


def _one(
    request: Request, caller: Caller, runner: JobRunner, verb: str, seen: Seen, *, reason: str | None, force: bool,
    as_: str | None,
) -> ActionResult:  # fmt: skip
    job_id, status, attempt = seen
    job = runner.status(job_id, limit=0).job if _looks_at_it(request, verb) else None
    if job is not None:
        verbs.check(request, caller, verb, job)
    done = runner.act(
        verb, job_id, reason=reason, actor=caller.actor, seen=(status, attempt), force=force, as_=as_
    )
    if done.reason_code != "changed":
        return done
    return done.model_copy(update={"outcome": "skipped", "previous_status": status})


def _looks_at_it(request: Request, verb: str) -> bool:
    return verb in verbs.BEGINNING or house(request).security.authorize is not None


def _check_count(expect: int, count: int) -> None:
    if count != expect:
        raise CountDiffers(expect, count)


def _pages(runner: JobRunner, filter: Mapping[str, Any]) -> Iterator[list[JobSummary]]:
    """Yields every job that a filter means, newest first, so many at a time."""
    cursor: str | None = None
    while True:
        page = runner.jobs(**filter, limit=PAGE, next=cursor)
        yield page.jobs
        cursor = page.next
        if cursor is None:
            return


def _named(runner: JobRunner, ids: Sequence[int | str]) -> Chosen:
    if len(ids) > MOST:
        raise TooManyJobs("ids")
    jobs: dict[int, Seen] = {}
    uuids: dict[int, str] = {}
    unknown: dict[str, None] = {}
    for one in ids:
        job: JobModel | None = runner.status(one, limit=0).job
        if job is None:
            unknown[str(one).strip().lower()] = None
        else:
            jobs[job.id], uuids[job.id] = (job.id, job.status, job.attempt), job.uuid
    return Chosen(tuple(jobs.values()), tuple(unknown), uuids)


def _refused(seen: Seen, uuid: str, code: str) -> ActionResult:
    job_id, status, _ = seen
    return ActionResult(
        outcome="refused", job_id=job_id, uuid=uuid, previous_status=status, status=status, reason_code=code
    )


def _missing(name: str) -> ActionResult:
    number = int(name) if name.isascii() and name.isdecimal() and len(name) < 20 else None
    return verbs.NOT_FOUND.model_copy(update={"job_id": number, "uuid": name if number is None else None})
