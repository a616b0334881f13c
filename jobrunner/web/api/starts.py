"""Many jobs, started at once."""

from __future__ import annotations

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from jobrunner.models import StartResult
from jobrunner.web import verbs
from jobrunner.web.api import examples, names
from jobrunner.web.api.answers import WITH_BODY, answer, problems
from jobrunner.web.api.bodies import Body, Raw, StartBody, read, wanted
from jobrunner.web.api.jobs import NEW
from jobrunner.web.caller import Operator

router = APIRouter(prefix="/api", tags=["jobs"], generate_unique_id_function=names.of)
MOST = 10_000


class StartManyBody(Body):
    """Jobs to be started in one transaction; each takes what a single start takes."""

    items: list[StartBody] = Field(max_length=MOST)


class StartedMany(BaseModel):
    """What became of each, in order."""

    results: list[StartResult]


@router.post(
    "/jobs/many", status_code=201, response_model=None, summary="Start many jobs",
    responses={
        201: {"model": StartedMany, "description": "All exist; at least one of them is new.",
              **examples.of({"results": [examples.STARTED]})},
        200: {"model": StartedMany, "description": "All exist, and none of them is new.",
              **examples.of({"results": [examples.DUPLICATE]})},
        **problems(*WITH_BODY),
    },
    openapi_extra=wanted(StartManyBody, required=True, example={"two": {"items": list(examples.STARTS.values())[:2]}}),
)  # fmt: skip
def start_many(request: Request, caller: Operator, body: Raw) -> Response:
    """Starts up to 10,000 jobs in one transaction; an item that is not valid refuses all of them."""
    items = [item.model_dump(exclude_unset=True) for item in read(StartManyBody, body).items]
    made = verbs.start_many(request, caller, items)
    new = any(result.outcome in NEW for result in made)
    return answer(StartedMany(results=made), 201 if new else 200)
