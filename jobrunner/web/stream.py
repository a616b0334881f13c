"""The two streams of Server-Sent Events: one job's ledger as it grows, and a word that anything changed."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from jobrunner.errors import InvalidField
from jobrunner.models import JobModel, StatusModel
from jobrunner.store.views import LARGEST_ID
from jobrunner.web import reading
from jobrunner.web.api import names
from jobrunner.web.api.answers import problems
from jobrunner.web.api.jobs import JobName, missing
from jobrunner.web.caller import Caller, Reader, permit
from jobrunner.web.house import Web, house
from jobrunner.web.hub import Hub
from jobrunner.web.reading import Heart

HEADERS = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
MEDIA_TYPE = "text/event-stream"
_JOB_EXAMPLE = (
    "retry: 2000\n\n"
    'event: progress\ndata: {"status":"running","progress":{"percent":40.0},"last_seq":8}\n\n'
    "id: 7\nevent: transition\n"
    'data: {"seq":7,"kind":"transition","from":"queued","trigger":"claim","to":"running"}\n\n'
    'id: 8\nevent: log\ndata: {"seq":8,"kind":"log","level":"info","stream":"log","message":"Loading."}\n\n'
    'event: end\ndata: {"found":true,"job":{"status":"succeeded"},"result":{"imported":7}}\n\n'
)
_STORE_EXAMPLE = (
    'retry: 2000\n\nevent: change\ndata: {"version":"8c4f","progress":"1b02","counts":{"running":2},'
    '"most":10000,"workers":2,"at":"2026-11-21T23:25:01.123456Z"}\n\n'
)
router = APIRouter(prefix="/api", tags=["stream"], generate_unique_id_function=names.of)


def _described(what: str, example: str) -> dict[str, Any]:
    schema = {"type": "string", "description": what}
    return {"description": what, "content": {MEDIA_TYPE: {"schema": schema, "example": example}}}


class EventStream(StreamingResponse):
    """A stream that counts as open until its last byte was sent, or its reader went."""

    def __init__(self, content: AsyncGenerator[bytes, None], hub: Hub, name: str) -> None:
        super().__init__(content, headers=HEADERS, media_type=MEDIA_TYPE)
        self._events, self._hub, self._name = content, hub, name

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends the stream."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._hub.leave(self._name)
            await self._events.aclose()


@router.get(
    "/jobs/{job}/events",
    response_class=StreamingResponse,
    response_model=None,
    summary="A job's ledger, as it grows",
    responses={
        200: _described(
            "Server-Sent Events. `transition` and `log` are ledger rows, their id is the seq; `progress` is how the job "
            "stands, at the start and when that changes; `pruned` says that lines after the cursor are gone; `end` is the "
            "final status, after which the stream closes for good.",
            _JOB_EXAMPLE,
        ),
        204: {
            "description": "The job is terminal, with a cursor at or past its final seq: do not come back."
        },
        **problems(404, 429),
    },
)
async def events(
    request: Request,
    caller: Reader,
    job: JobName,
    after_seq: Annotated[int, Query(ge=0, le=LARGEST_ID, description="Begin after this seq.")] = 0,
    last_event_id: Annotated[
        str | None, Header(description="What a browser sends when it comes back; it wins over after_seq.")
    ] = None,
) -> Response:
    """Streams a job's ledger: what there is after the cursor, then what comes, no gap and no duplicate.

    A reader that was cut off comes back with `Last-Event-ID` (or `after_seq`), the seq of the last row that it saw. A
    comment comes every 15 seconds when there is nothing else to tell. A parked job keeps the stream open.
    """
    web = house(request)
    cursor = after_seq if not last_event_id else _cursor(last_event_id)
    seen: StatusModel = await run_in_threadpool(web.runner.status, job, limit=0)
    if seen.job is None:
        raise missing(job)
    await run_in_threadpool(permit, request, caller, "read", seen.job)
    if seen.job.final_seq is not None and cursor >= seen.job.final_seq:
        return Response(status_code=204)
    return _open(web, caller, _of_job(web, seen.job, cursor, _heart(web, request, caller, seen.job)))


@router.get(
    "/events",
    response_class=StreamingResponse,
    response_model=None,
    summary="A word whenever anything changed",
    responses={
        200: _described(
            "Server-Sent Events. `change` comes at once and then at most once a second: `version` differs when jobs "
            "appeared, moved or went, `progress` when a running one got on; `counts` by status stop at `most`.",
            _STORE_EXAMPLE,
        ),
        **problems(429),
    },
)
async def changes(request: Request, caller: Reader) -> Response:
    """Streams a word to lists and overviews whenever they have become old."""
    web = house(request)
    await run_in_threadpool(permit, request, caller, "read", None)
    return _open(web, caller, _of_store(web, _heart(web, request, caller, None)))


def _open(web: Web, caller: Caller, content: AsyncGenerator[bytes, None]) -> EventStream:
    web.hub.admit(caller.name)
    return EventStream(content, web.hub, caller.name)


def _heart(web: Web, request: Request, caller: Caller, job: JobModel | None) -> Heart:
    def ask() -> None:
        web.security.identify(request)
        permit(request, caller, "read", job)

    async def allowed() -> bool:
        return await web.hub.standings.holds(request, ask)

    return Heart(web.hub, allowed)


async def _of_job(web: Web, job: JobModel, cursor: int, heart: Heart) -> AsyncGenerator[bytes, None]:
    with web.hub.watch(job.id) as watch:
        async with aclosing(reading.of_job(watch, cursor, heart)) as events:
            async for event in events:
                yield event


async def _of_store(web: Web, heart: Heart) -> AsyncGenerator[bytes, None]:
    with web.hub.feed() as feed:
        async with aclosing(reading.of_store(feed, heart)) as events:
            async for event in events:
                yield event


def _cursor(text: str) -> int:
    number = int(text) if text.isascii() and text.isdecimal() and len(text) < 20 else -1
    if not 0 <= number <= LARGEST_ID:
        raise InvalidField(
            "Last-Event-ID is not the id of an event of this stream.",
            fields={"last_event_id": "is not a seq"},
        )
    return number
