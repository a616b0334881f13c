"""Jobs: start one, list them, look at one."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Path, Query, Request
from starlette.responses import Response

from jobrunner.errors import InvalidField, JobNotFound
from jobrunner.models import Explanation, History, JobModel, JobPage, StartResult, StatusModel
from jobrunner.operations import filtering
from jobrunner.runner import JobRunner
from jobrunner.store.views import LARGEST_ID
from jobrunner.web import verbs
from jobrunner.web.api import examples, names
from jobrunner.web.api.answers import WITH_BODY, answer, problems
from jobrunner.web.api.bodies import Raw, StartBody, read, wanted
from jobrunner.web.caller import Caller, Operator, Reader, permit
from jobrunner.web.house import house

router = APIRouter(prefix="/api", tags=["jobs"], generate_unique_id_function=names.of)
JobName = Annotated[
    str, Path(description="An id, a uuid, or an unambiguous beginning of one.", examples=["7", "01937f3c"])
]
Cursor = Annotated[int, Query(ge=0, le=LARGEST_ID, description="Only what came after this seq.")]
Limit = Annotated[int, Query(ge=0, le=LARGEST_ID, description="At most so many; 1,000 is the most.")]
Tail = Annotated[int | None, Query(ge=0, le=LARGEST_ID, description="The last so many instead.")]
NEW = (
    "started", "queued", "scheduled", "held", "launch_failed",
)  # fmt: skip


@router.post(
    "/jobs", status_code=201, response_model=None, summary="Start a job",
    responses={
        201: {"model": StartResult, "description": "It exists; Location says where, outcome whether it was launched.",
              **examples.of(examples.STARTED)},
        200: {"model": StartResult, "description": "There is one already: of this lock key, or of this idempotency key.",
              **examples.of(examples.DUPLICATE)},
        **problems(*WITH_BODY),
    },
    openapi_extra=wanted(StartBody, required=True, example=examples.STARTS),
)  # fmt: skip
def start_job(
    request: Request, caller: Operator, body: Raw,
    idempotency_key: Annotated[
        str | None, Header(description="A repeat with the same key answers with the first one's job.")
    ] = None,
) -> Response:  # fmt: skip
    """Starts a job and answers at once; the job exists when this answers."""
    wished = read(StartBody, body)
    if idempotency_key is not None and wished.idempotency_key not in (None, idempotency_key):
        reason = "is another one than that of the header Idempotency-Key"
        raise InvalidField(f"idempotency_key {reason}.", fields={"idempotency_key": reason})
    options = wished.model_dump(exclude={"type", "params"}, exclude_unset=True)
    options["idempotency_key"] = wished.idempotency_key or idempotency_key
    made = verbs.start(request, caller, wished.type, wished.params, options)
    place = f"{request.scope.get('root_path', '')}/api/jobs/{made.job_id}"
    return answer(made, 201 if made.outcome in NEW else 200, {"Location": place})


@router.get(
    "/jobs", response_model=None, summary="List jobs",
    responses={200: {"model": JobPage, **examples.of(examples.LIST)}, **problems()},
)  # fmt: skip
def list_jobs(
    request: Request, caller: Reader,
    status: Annotated[list[str], Query(description="In this status; repeatable, or separated by commas.")] = [],  # noqa: B006
    type: Annotated[str | None, Query(description="Of this type.")] = None,
    queue: Annotated[str | None, Query(description="In this queue.")] = None,
    tag: Annotated[list[str], Query(description="With this tag, name=value; repeatable.")] = [],  # noqa: B006
    created_by: Annotated[str | None, Query(description="Created by this user.")] = None,
    since: Annotated[str | None, Query(description="Created at or after: 2h ago, or ISO 8601 with a zone.")] = None,
    until: Annotated[str | None, Query(description="Created before this moment, written like since.")] = None,
    search: Annotated[str | None, Query(description="Title or type holds this text.")] = None,
    worker: Annotated[str | None, Query(description="Run by the worker of this id or host, at the latest.")] = None,
    param: Annotated[list[str], Query(description="With this value at a dotted path of the parameters, path=value; repeatable.")] = [],  # noqa: B006
    limit: Limit = 50,
    next: Annotated[str | None, Query(description="The page after the one that gave this.")] = None,
) -> Response:  # fmt: skip
    """Gives a page of jobs, newest first, without their parameters; ``next`` asks for the page after it."""
    asked = filtering.spoken(
        status=status, type=type, queue=queue, tag=tag, created_by=created_by, since=since, until=until, search=search,
        worker=worker, param=param,
    )  # fmt: skip
    web = house(request)
    page = web.runner.jobs(**asked, limit=limit, next=next or None)
    may = web.security.authorize
    if may is not None:
        # a page may be shorter than it was asked for; next goes on behind it all the same
        shown = [
            job for job in page.jobs if may(caller.name, "read", JobModel(**job.model_dump(), params={}))
        ]
        page = page.model_copy(update={"jobs": shown})
    return answer(page)


@router.get(
    "/jobs/{job}", response_model=None, summary="Look at a job",
    responses={200: {"model": StatusModel, **examples.of(examples.STATUS)}, **problems(404)},
)  # fmt: skip
def get_job(
    request: Request,
    caller: Reader,
    job: JobName,
    after_seq: Cursor = 0,
    limit: Limit = 200,
    tail: Tail = None,
) -> Response:
    """Gives a job and the rows of its ledger after a cursor; ``last_seq`` is the cursor for the next call."""
    return seen(request, caller, job, after_seq=after_seq, limit=limit, tail=tail)


@router.get(
    "/jobs/{job}/history", response_model=None, summary="A job's transitions",
    responses={200: {"model": History, **examples.of(examples.HISTORY)}, **problems(404)},
)  # fmt: skip
def get_history(request: Request, caller: Reader, job: JobName) -> Response:
    """Gives every transition of a job, oldest first: what happened, who caused it, and why."""
    runner, job_id = readable(request, caller, job)
    return answer(runner.history(job_id))


@router.get(
    "/jobs/{job}/explain", response_model=None, summary="Why a job stands where it stands",
    responses={200: {"model": Explanation, **examples.of(examples.EXPLANATION)}, **problems(404)},
)  # fmt: skip
def explain_job(request: Request, caller: Reader, job: JobName) -> Response:
    """Says why a job is not running, or with whom it runs, and what to do about it."""
    runner, job_id = readable(request, caller, job)
    return answer(runner.explain(job_id))


def seen(
    request: Request, caller: Caller, job: str, *, after_seq: int = 0, limit: int = 200, tail: int | None = None
) -> Response:  # fmt: skip
    """Returns a job and a slice of its ledger; raises JobNotFound, AmbiguousJob, Forbidden."""
    found = house(request).runner.status(job, after_seq=after_seq, limit=limit, tail=tail)
    if found.job is None:
        raise missing(job)
    permit(request, caller, "read", found.job)
    return answer(found)


def readable(request: Request, caller: Caller, job: str) -> tuple[JobRunner, int]:
    """Returns the runner and the id of a job that the caller may read; raises JobNotFound, AmbiguousJob, Forbidden."""
    runner = house(request).runner
    found = runner.status(job, limit=0).job
    if found is None:
        raise missing(job)
    permit(request, caller, "read", found)
    return runner, found.id


def missing(job: str) -> JobNotFound:
    """Returns the error for a job that there is not."""
    return JobNotFound(f"There is no job {job[:100]}.", hint="List the jobs with: GET /api/jobs")
