"""The evidence: does the ledger hold, and all of it to keep elsewhere."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from itertools import islice
from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel
from starlette.responses import Response, StreamingResponse

from jobrunner.web.api import examples, names
from jobrunner.web.api.answers import answer, problems
from jobrunner.web.api.streams import NDJSON, bundled
from jobrunner.web.caller import Reader, permit
from jobrunner.web.faults import TooMany
from jobrunner.web.house import house

router = APIRouter(prefix="/api/audit", tags=["audit"], generate_unique_id_function=names.of)
MOST_FINDINGS = 1000
# each reads the whole ledger, and pages shall still be answered meanwhile
_places = threading.BoundedSemaphore(2)


class FindingModel(BaseModel):
    """One place where the evidence does not hold."""

    job_id: int | None
    kind: str
    where: str
    message: str


class Verdict(BaseModel):
    """Whether the ledger holds; ``has_more`` when there are more findings than are shown."""

    ok: bool
    findings: list[FindingModel]
    has_more: bool = False


@router.get(
    "/verify", response_model=None, summary="Verify the ledger",
    responses={200: {"model": Verdict, **examples.of(examples.VERDICT)}, **problems(404, 429)},
)  # fmt: skip
def verify(
    request: Request, caller: Reader,
    job: Annotated[str | None, Query(description="One job; by default all.")] = None,
) -> Response:  # fmt: skip
    """Recomputes the ledger and names every row that was changed, removed or inserted; at most 1,000 findings.

    Of all jobs it takes as long as reading every row. It compares the store with itself: what was printed by
    ``jobrunner audit head`` earlier and is kept elsewhere shows more.
    """
    runner = house(request).runner
    # a job whose row is gone may have left others behind, which the audit names
    one = None if job is None else runner.status(job, limit=0).job
    permit(request, caller, "read", one)
    if not _places.acquire(blocking=False):
        raise TooMany("Two audits are going on already.", retry_after=5)
    try:
        found = list(islice(runner.audit.verify(job if one is None else one.id), MOST_FINDINGS + 1))
    finally:
        _places.release()
    shown = [FindingModel(**finding.as_dict()) for finding in found[:MOST_FINDINGS]]
    return answer(Verdict(ok=not found, findings=shown, has_more=len(found) > MOST_FINDINGS))


@router.get(
    "/export", response_model=None, response_class=StreamingResponse, summary="Export the ledger",
    responses={
        200: {"description": "One JSON object a line.", "content": {NDJSON: {"schema": {"type": "string"}}}},
        **problems(),
    },
)  # fmt: skip
def export(request: Request, caller: Reader) -> Response:
    """Gives the whole ledger as NDJSON, which ``jobrunner audit verify --file`` checks without a database.

    An export without its last line, of the kind ``end``, was broken off.
    """
    permit(request, caller, "read", None)
    lines = house(request).runner.audit.export()
    first = next(lines)  # a database that is away is told as an error, not as an empty file
    name = 'attachment; filename="jobrunner-ledger.ndjson"'
    return StreamingResponse(
        bundled(_again(first, lines)), media_type=NDJSON, headers={"Content-Disposition": name}
    )


def _again(first: str, lines: Iterator[str]) -> Iterator[str]:
    yield first + "\n"
    for line in lines:
        yield line + "\n"
