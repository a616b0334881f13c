"""A verb on many jobs."""

from __future__ import annotations

from fastapi import APIRouter, Request
from pydantic import BaseModel
from starlette.responses import Response

from jobrunner.models import ActionResult
from jobrunner.names import refuse
from jobrunner.web import bulk
from jobrunner.web.api import examples, names
from jobrunner.web.api.answers import WITH_BODY, Miscount, answer, problems
from jobrunner.web.api.bodies import BulkBody, Raw, read, wanted
from jobrunner.web.caller import Operator

router = APIRouter(prefix="/api", tags=["verbs"], generate_unique_id_function=names.of)


class BulkResult(BaseModel):
    """What became of a verb on many jobs; ``outcomes`` counts the results by outcome.

    ``batch`` stands in the context of each of its transitions, and the audit can be filtered by it.
    """

    batch: str
    verb: str
    count: int
    outcomes: dict[str, int]
    results: list[ActionResult]


@router.post(
    "/jobs/bulk", response_model=None, summary="Give a verb to many jobs",
    responses={
        200: {"model": BulkResult, **examples.of(examples.BULK_DONE)},
        **problems(*WITH_BODY),
        409: {
            "model": Miscount, "description": "There are not as many jobs as were expected; none was touched.",
            **examples.of(examples.MISCOUNT),
        },
    },
    openapi_extra=wanted(BulkBody, required=True, example=examples.BULK),
)  # fmt: skip
def act_on_many(request: Request, caller: Operator, body: Raw) -> Response:
    """Gives a verb to every job that is meant, one transaction and one ledger row each, at most 10,000 of them.

    Nothing is done unless there are as many as ``expect`` says. A job that moved on meanwhile is
    ``skipped``, not forced.
    """
    wished = read(BulkBody, body)
    for name, given, verb in (("force", wished.force, "retry"), ("as", wished.as_, "resolve")):
        refuse(name, f"is for {verb}" if given and wished.verb != verb else None)
    try:
        done = bulk.run(
            request, caller, wished.verb, ids=wished.ids, filter=wished.filter.spoken() if wished.filter else None,
            expect=wished.expect, reason=wished.reason, force=wished.force, as_=wished.as_,
        )  # fmt: skip
    except bulk.CountDiffers as error:
        return answer(Miscount(**error.as_dict(), count=error.count), error.status)
    return answer(
        BulkResult(
            batch=done.batch, verb=done.verb, count=len(done.results), outcomes=done.outcomes,
            results=list(done.results),
        )
    )  # fmt: skip
