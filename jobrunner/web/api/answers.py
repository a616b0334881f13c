"""What the API answers: the library's own models, and one shape for everything that did not go as asked."""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel, ConfigDict
from pydantic_core import PydanticSerializationError
from starlette.responses import Response

from jobrunner.models import ActionResult
from jobrunner.web.api import examples

JSON = "application/json"
_STATUSES = {"done": 200, "requested": 202, "already_requested": 202, "not_found": 404}
_WHY = {
    "not_idempotent": ("it is not idempotent", "If it may run twice, send force: true."),
    "lock_held": (
        "another job holds its lock key",
        "Find that with the same lock key among the active jobs.",
    ),
    "changed": ("it moved on since it was looked at", "Look at it again, and decide anew."),
    "already_terminal": ("it has ended already", None),
    "job_not_found": ("there is no such job", "List the jobs with: GET /api/jobs"),
}


class Problem(BaseModel):
    """What went wrong: a stable code for programs, what happened, how to mend it, and the fields at fault."""

    model_config = ConfigDict(frozen=True)

    code: str
    message: str
    hint: str | None = None
    fields: dict[str, str] = {}


class Refusal(Problem):
    """A verb that a job did not take: why not, and how the job stands now."""

    outcome: str
    job_id: int | None = None
    uuid: str | None = None
    previous_status: str | None = None
    status: str | None = None
    reason_code: str | None = None


class Miscount(Problem):
    """A verb on many jobs that was refused: ``count`` is how many there are."""

    count: int


def answer(model: BaseModel, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Returns a model as JSON."""
    try:
        body = model.model_dump_json().encode()
    except (PydanticSerializationError, UnicodeError):
        # text that somebody forced into a column is shown in escapes
        body = json.dumps(model.model_dump(mode="json")).encode()
    return Response(body, status, headers, media_type=JSON)


def plain(value: Any, status: int = 200) -> Response:
    """Returns a plain value as JSON."""
    return Response(json.dumps(value, separators=(",", ":")), status, media_type=JSON)


def acted(verb: str, job: str, result: ActionResult) -> Response:
    """Returns what became of a verb: 200 done, 202 requested, 404 unknown, 409 for what was refused."""
    status = _STATUSES.get(result.outcome, 409)
    if status < 400:
        return answer(result, status)
    code = result.reason_code or result.outcome
    why, hint = _WHY.get(code, (f"it is {result.status}", "See GET /api/jobs/{job}/explain."))
    facts = result.model_dump(mode="json")
    return answer(
        Refusal(
            code=result.outcome if status == 409 else code,
            message=f"{verb} job {job}: {why}.",
            hint=hint,
            **facts,
        ),
        status,
    )


def problems(*statuses: int, refusal: bool = False) -> dict[int | str, dict[str, Any]]:
    """Returns the answers of OpenAPI for errors; whoever is not known or not allowed is always told so."""
    found: dict[int | str, dict[str, Any]] = {}
    for status in sorted({401, 403, 421, 422, 500, 503, *statuses}):
        refused = refusal and status in examples.REFUSALS
        found[status] = {
            "model": Refusal if refused else Problem, "description": _DESCRIPTIONS[status],
            **examples.of((examples.REFUSALS if refused else examples.PROBLEMS)[status]),
        }  # fmt: skip
        if status in _COME_BACK:
            found[status]["headers"] = _RETRY_AFTER
    return found


_COME_BACK = (429, 503)
_RETRY_AFTER = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}}
_DESCRIPTIONS = {
    400: "The body is not JSON.",
    401: "The request has no token, and no session, that is valid here.",
    403: "Whoever asks may not do this.",
    404: "There is no such thing.",
    409: "Refused as things stand; nothing was changed.",
    413: "The request is too large.",
    415: "The body is not of the type application/json.",
    416: "The range lies outside of the log.",
    421: "This server does not answer to that host name.",
    422: "The request is understood, but not valid; the fields say why.",
    429: "Too many of these at once; Retry-After says when to come back.",
    500: "Something failed that nobody foresaw; the message has the number of the error in the server's own log.",
    503: "The database is away, full, read-only or without tables, or the server is full; Retry-After says when to come back.",
}
WITH_BODY = (400, 413, 415)
