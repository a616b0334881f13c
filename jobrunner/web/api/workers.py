"""Who runs the jobs: the workers as they stand, and the request to one to end in order."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from jobrunner.models import DrainResult
from jobrunner.web.api import examples, names
from jobrunner.web.api.answers import WITH_BODY, Problem, answer, plain, problems
from jobrunner.web.api.bodies import Body, Raw, read, wanted
from jobrunner.web.caller import Operator, Reader, permit
from jobrunner.web.house import house

router = APIRouter(prefix="/api", tags=["fleet"], generate_unique_id_function=names.of)
_STATUSES = {"requested": 202, "already_requested": 202, "not_found": 404}


class DrainModel(BaseModel):
    """A request to end in order: when it was made, by whom and why."""

    at: str
    by: str
    reason: str | None


class WorkerModel(BaseModel):
    """A worker that has not ended.

    It is live, draining (asked to end in order), stale (its lease has expired) or dead (its process is gone).
    """

    id: str
    kind: str
    host: str
    pid: int
    scope: str
    version: str
    queues: str | None = None
    capacity: int
    jobs: int
    started_at: str
    heartbeat_at: str | None
    lease_until: str | None
    memory_bytes: int | None = Field(
        description="Resident memory of it and all that runs for it; pages that processes share count in each."
    )
    cpu_percent: float | None = Field(
        description="Of one core, by it and all that runs for it, between its last two heartbeats."
    )
    state: str
    lease_age: float | None
    labels: dict[str, str]
    drain: DrainModel | None = None


class WorkerList(BaseModel):
    """The workers that have not ended, newest first."""

    workers: list[WorkerModel]


class DrainBody(Body):
    """Why a worker is to end."""

    reason: str | None = Field(None, description="Why; it is kept with the worker, which says it as it ends.")


class DrainRefusal(Problem):
    """A worker that was not asked to drain: why not, and how it stands now."""

    outcome: str
    worker_id: str | None = None
    host: str | None = None
    pid: int | None = None
    state: str | None = None
    reason_code: str | None = None


@router.get(
    "/workers", response_model=None, summary="List workers",
    responses={200: {"model": WorkerList, **examples.of(examples.WORKERS)}, **problems()},
)  # fmt: skip
def list_workers(request: Request, _caller: Reader) -> Response:
    """Gives the workers that have not ended, newest first, and whether they live."""
    return plain({"workers": house(request).runner.workers()})


_DRAINED: dict[int | str, dict[str, Any]] = {
    202: {
        "model": DrainResult, "description": "Requested, or requested before.", **examples.of(examples.DRAINING)
    },
    **problems(404, 409, *WITH_BODY),
}  # fmt: skip
for _refused in (404, 409):
    _DRAINED[_refused] |= {"model": DrainRefusal, **examples.of(examples.NOT_DRAINED)}


@router.post(
    "/workers/{worker}/drain", response_model=None, status_code=202, responses=_DRAINED, summary="Drain a pool",
    openapi_extra=wanted(DrainBody, required=False, example=examples.NEW_KERNEL),
)  # fmt: skip
def drain(
    request: Request, caller: Operator, body: Raw,
    worker: Annotated[
        str,
        Path(
            description="An id, or at least 6 characters of the beginning of one that has not ended.",
            examples=["01937f3c-8b00-7000-8000-000000000001"],
        ),
    ],
) -> Response:  # fmt: skip
    """Asks a pool to end in order, as SIGTERM would; it is told with its next heartbeat.

    It claims no more jobs, those in hand may end within its drain time-out, then they are interrupted.
    """
    wished = read(DrainBody, body)
    permit(request, caller, "drain", None)
    return _told(worker[:100], house(request).runner.drain(worker, reason=wished.reason, actor=caller.actor))


def _told(worker: str, result: DrainResult) -> Response:
    status = _STATUSES.get(result.outcome, 409)
    if status == 202:
        return answer(result, status)
    why, hint = result.refusal
    code = "refused" if status == 409 else str(result.reason_code)
    facts = result.model_dump(mode="json")
    return answer(
        DrainRefusal(code=code, message=f"drain worker {worker}: {why}.", hint=hint, **facts), status
    )
