"""The verbs, one address each: 200 done, 202 requested, 409 refused with how the job stands."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from jobrunner.models import ActionResult
from jobrunner.web import verbs
from jobrunner.web.api import examples, names
from jobrunner.web.api.answers import WITH_BODY, acted, problems
from jobrunner.web.api.bodies import Raw, ResolveBody, RetryBody, VerbBody, read, wanted
from jobrunner.web.api.jobs import JobName
from jobrunner.web.caller import Admin, Caller, Operator

router = APIRouter(prefix="/api", tags=["verbs"], generate_unique_id_function=names.of)
_DONE: dict[int | str, dict[str, Any]] = {
    200: {"model": ActionResult, "description": "Done.", **examples.of(examples.DONE)},
    **problems(404, 409, *WITH_BODY, refusal=True),
}
_ASKED: dict[int | str, dict[str, Any]] = _DONE | {
    202: {
        "model": ActionResult,
        "description": "Requested, or requested before.",
        **examples.of(examples.REQUESTED),
    }
}
_BODY = wanted(VerbBody, required=False, example=examples.REASON)


@router.post(
    "/jobs/{job}/cancel", response_model=None, responses=_ASKED, openapi_extra=_BODY, summary="Cancel"
)
def cancel(request: Request, caller: Operator, job: JobName, body: Raw) -> Response:
    """Asks a job to end by itself; one that does not run is cancelled at once."""
    return _give(request, caller, "cancel", job, read(VerbBody, body))


@router.post("/jobs/{job}/stop", response_model=None, responses=_ASKED, openapi_extra=_BODY, summary="Stop")
def stop(request: Request, caller: Operator, job: JobName, body: Raw) -> Response:
    """Has a job ended by TERM and, after the setting stop_grace, KILL."""
    return _give(request, caller, "stop", job, read(VerbBody, body))


@router.post("/jobs/{job}/kill", response_model=None, responses=_ASKED, openapi_extra=_BODY, summary="Kill")
def kill(request: Request, caller: Operator, job: JobName, body: Raw) -> Response:
    """Has a job ended by KILL; its work may be half done."""
    return _give(request, caller, "kill", job, read(VerbBody, body))


@router.post("/jobs/{job}/hold", response_model=None, responses=_DONE, openapi_extra=_BODY, summary="Hold")
def hold(request: Request, caller: Operator, job: JobName, body: Raw) -> Response:
    """Puts a waiting job aside until it is released."""
    return _give(request, caller, "hold", job, read(VerbBody, body))


@router.post(
    "/jobs/{job}/release", response_model=None, responses=_DONE, openapi_extra=_BODY, summary="Release"
)
def release(request: Request, caller: Operator, job: JobName, body: Raw) -> Response:
    """Gives a held job back and launches it."""
    return _give(request, caller, "release", job, read(VerbBody, body))


@router.post(
    "/jobs/{job}/abandon", response_model=None, responses=_DONE, openapi_extra=_BODY, summary="Abandon"
)
def abandon(request: Request, caller: Operator, job: JobName, body: Raw) -> Response:
    """Closes a failed, stopped, cancelled or parked job for good."""
    return _give(request, caller, "abandon", job, read(VerbBody, body))


@router.post(
    "/jobs/{job}/retry", response_model=None, responses=_DONE, summary="Retry",
    openapi_extra=wanted(RetryBody, required=False, example=examples.RETRY),
)  # fmt: skip
def retry(request: Request, caller: Operator, job: JobName, body: Raw) -> Response:
    """Has a failed, stopped, cancelled or parked job run again; ``force`` for one that is not idempotent."""
    wished = read(RetryBody, body)
    return _give(request, caller, "retry", job, wished, force=wished.force)


@router.post(
    "/jobs/{job}/resolve", response_model=None, responses=_DONE, summary="Resolve",
    openapi_extra=wanted(ResolveBody, required=True, example=examples.RESOLVE),
)  # fmt: skip
def resolve(request: Request, caller: Admin, job: JobName, body: Raw) -> Response:
    """Closes a parked job as succeeded or failed, by somebody who looked at what it did."""
    wished = read(ResolveBody, body)
    return _give(request, caller, "resolve", job, wished, as_=wished.as_)


@router.delete("/jobs/{job}", response_model=None, responses=_DONE, openapi_extra=_BODY, summary="Delete")
def delete(
    request: Request, caller: Admin, job: JobName, body: Raw,
    reason: Annotated[str | None, Query(description="The same as in the body.")] = None,
) -> Response:  # fmt: skip
    """Deletes a held or finished job with its ledger; a tombstone with the reason stays."""
    wished = read(VerbBody, body)
    if wished.reason is None:
        wished = wished.model_copy(update={"reason": reason})
    return _give(request, caller, "delete", job, wished)


def _give(
    request: Request, caller: Caller, verb: str, job: str, wished: VerbBody, *, force: bool = False,
    as_: str | None = None,
) -> Response:  # fmt: skip
    seen = None if wished.seen is None else (wished.seen.status, wished.seen.attempt)
    result = verbs.give(request, caller, verb, job, reason=wished.reason, seen=seen, force=force, as_=as_)
    return acted(verb, job[:100], result)
