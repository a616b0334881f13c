"""A job's log: a page of lines as JSON, and all of them as text or as NDJSON."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response, StreamingResponse

from jobrunner import durations
from jobrunner.errors import InvalidField
from jobrunner.models import LogPage
from jobrunner.store import loglines
from jobrunner.store.database import Database, Row
from jobrunner.store.loglines import Wanted
from jobrunner.store.views import GREP_LENGTH, LARGEST_ID, NAME_LENGTH
from jobrunner.web.api import examples, finding, names, ranges, text
from jobrunner.web.api.answers import answer, problems
from jobrunner.web.api.jobs import Cursor, JobName, Limit, Tail, readable
from jobrunner.web.api.streams import GZIP, NDJSON, bundled, packed
from jobrunner.web.caller import Reader
from jobrunner.web.expression import Expression
from jobrunner.web.scanning import scan

router = APIRouter(prefix="/api", tags=["logs"], generate_unique_id_function=names.of)
PLAIN = "text/plain"
# seqs at a time; a line has at most 16 KiB
STEP = 2000
MOST_LAST = 100_000
Level = Annotated[
    Literal["debug", "info", "warning", "error"] | None, Query(description="This level and above.")
]
Stream = Annotated[Literal["log", "stdout", "stderr", "system", "response"] | None, Query()]
StepKey = Annotated[str | None, Query(description="Only lines of this step.", max_length=NAME_LENGTH)]
Grep = Annotated[
    str | None,
    Query(description="Only lines that hold this very text, or with regex match it.", max_length=GREP_LENGTH),
]
Regex = Annotated[
    bool,
    Query(
        description="grep is a regular expression as RE2 has them, which takes linear time. It is looked for in what a"
        " line shows: without colours, with control characters as escapes."
    ),
]
Attempt = Annotated[int | None, Query(ge=0, le=2**31 - 1, description="Only lines of this attempt.")]
Last = Annotated[int | None, Query(ge=0, le=MOST_LAST, description="Only the last so many lines.")]
Until = Annotated[int | None, Query(ge=0, le=LARGEST_ID, description="Only up to this seq.")]
_TEXT = {"content": {PLAIN: {"schema": {"type": "string"}}}}


def _lines(
    level: Level = None, stream: Stream = None, step: StepKey = None, attempt: Attempt = None,
    logger: Annotated[str | None, Query(description="Only lines of this logger.", max_length=NAME_LENGTH)] = None,
    grep: Grep = None, icase: Annotated[bool, Query(description="grep minds no case.")] = False, regex: Regex = False,
) -> Wanted:  # fmt: skip
    for name, value in (("step", step), ("logger", logger), ("grep", grep)):
        if value is not None and "\0" in value:
            raise InvalidField(f"{name} holds a NUL character.", fields={name: "holds a NUL character"})
    wanted = Wanted(level or None, stream, step or None, attempt, logger or None, grep or None, icase)
    if not (grep and regex):
        return wanted
    return replace(wanted, regex=True, match=Expression(grep, icase=icase, regex=True).among)


Lines = Annotated[Wanted, Depends(_lines)]


async def _in_turn(request: Request, wanted: Lines) -> AsyncIterator[Wanted]:
    async with scan(request, wanted) as lines:
        yield lines


@router.get(
    "/jobs/{job}/logs", response_model=None, summary="A page of log lines",
    responses={200: {"model": LogPage, **examples.of(examples.LOGS)}, **problems(404)},
)  # fmt: skip
def get_logs(
    request: Request, caller: Reader, job: JobName, wanted: Annotated[Wanted, Depends(_in_turn)],
    after_seq: Cursor = 0, limit: Limit = 200, tail: Tail = None,
    since: Annotated[str | None, Query(description="Produced at or after: 10m ago, or ISO 8601 with a zone.")] = None,
    until_seq: Until = None,
) -> Response:  # fmt: skip
    """Gives lines after a cursor, oldest first; ``last_seq`` is the cursor for the next call.

    With regex a page may hold fewer lines than ``limit`` though more follow: a call looks through 500,000 rows.
    """
    runner, job_id = readable(request, caller, job)
    moment = durations.ago("since", since)
    if wanted.attempt is None and wanted.logger is None and not wanted.icase and wanted.match is None:
        found = runner.logs(
            job_id, after_seq=after_seq, limit=limit, tail=tail, level=wanted.level, stream=wanted.stream,
            step=wanted.step, grep=wanted.grep, since=moment, until_seq=until_seq,
        )  # fmt: skip
        return answer(found)
    wanted = replace(wanted, since=moment)
    return answer(finding.page(runner.database, job_id, wanted, after_seq, until_seq, limit=limit, tail=tail))


@router.get(
    "/jobs/{job}/logs.txt", response_model=None, response_class=StreamingResponse, summary="The log as text",
    responses={
        200: {"description": "The lines, as they are now.", **_TEXT},
        206: {"description": "The part of them that Range asks for.", **_TEXT},
        **problems(404, 416),
    },
)  # fmt: skip
def get_text(
    request: Request, caller: Reader, job: JobName, wanted: Lines, after_seq: Cursor = 0, tail: Last = None,
    until_seq: Until = None,
    raw: Annotated[bool, Query(description="Bare messages, control characters as they are.")] = False,
    download: Annotated[bool, Query(description="As a file to be saved.")] = False,
) -> Response:  # fmt: skip
    """Gives the lines that there are now as ``time level [step] message``, in UTF-8, while they are read.

    Control characters are shown as escapes unless ``raw``. Lines are only ever added, so a broken download goes on
    with ``Range: bytes=N-`` unless the log was pruned meanwhile.
    """
    runner, job_id = readable(request, caller, job)
    pieces = _pieces(
        runner.database, job_id, wanted, after_seq, tail, until_seq, text.raw if raw else text.line
    )  # fmt: skip
    headers = {"Accept-Ranges": "bytes", **_saved(job_id, "txt", download)}
    kind = f"{PLAIN}; charset=utf-8"
    span = ranges.asked(request.headers.get("range"), request.headers.get("if-range"))
    if span is not None:
        return ranges.part(pieces, span, kind, headers)
    return StreamingResponse(pieces(), 200, headers, kind)


@router.get(
    "/jobs/{job}/logs.ndjson", response_model=None, response_class=StreamingResponse, summary="The log as NDJSON",
    responses={
        200: {"description": "One log event a line.", "content": {NDJSON: {"schema": {"type": "string"}}}},
        **problems(404),
    },
)  # fmt: skip
def get_ndjson(
    request: Request, caller: Reader, job: JobName, wanted: Lines, after_seq: Cursor = 0, tail: Last = None,
    until_seq: Until = None, download: Annotated[bool, Query(description="As a file to be saved.")] = False,
) -> Response:  # fmt: skip
    """Gives the lines that there are now, one JSON object each, while they are read."""
    runner, job_id = readable(request, caller, job)
    pieces = _pieces(runner.database, job_id, wanted, after_seq, tail, until_seq, text.ndjson)
    return StreamingResponse(pieces(), 200, _saved(job_id, "ndjson", download), NDJSON)


def _packed(ending: str, show: Callable[[Row], str]) -> Callable[..., Response]:
    def get_packed(
        request: Request, caller: Reader, job: JobName, wanted: Lines, after_seq: Cursor = 0, tail: Last = None,
        until_seq: Until = None,
    ) -> Response:  # fmt: skip
        """Gives the lines that there are now as one gzip file, which is made while they are read."""
        runner, job_id = readable(request, caller, job)
        pieces = _pieces(runner.database, job_id, wanted, after_seq, tail, until_seq, show)
        return StreamingResponse(packed(pieces()), 200, _saved(job_id, f"{ending}.gz", True), GZIP)

    return get_packed


for _ending, _show in (("txt", text.line), ("ndjson", text.ndjson)):
    router.add_api_route(
        f"/jobs/{{job}}/logs.{_ending}.gz", _packed(_ending, _show), methods=["GET"], name=f"get_{_ending}_packed",
        response_model=None, response_class=StreamingResponse, summary=f"The log as {_ending}, packed",
        responses={
            200: {"description": "A gzip file.", "content": {GZIP: {"schema": {"type": "string", "format": "binary"}}}},
            **problems(404),
        },
    )  # fmt: skip


def _pieces(
    database: Database, job_id: int, wanted: Wanted, after_seq: int, tail: int | None, until_seq: int | None,
    show: Callable[[Row], str],
) -> Callable[[], Iterator[bytes]]:  # fmt: skip
    """Returns what reads the wanted lines that there are now, as often as it is called."""
    head = loglines.head(database, job_id)
    last = 0 if head is None else head["last_seq"]
    high = last if until_seq is None else min(last, until_seq)
    low = max(after_seq + 1, 1 if head is None else head["first_seq"])
    if tail is not None:
        seqs = loglines.seqs(database, job_id, low, high, wanted, most=tail, newest=True) if tail else []
        low = seqs[-1] if seqs else high + 1
    return lambda: _steps(database, job_id, wanted, low, high, show)


def _steps(
    database: Database, job_id: int, wanted: Wanted, low: int, high: int, show: Callable[[Row], str]
) -> Iterator[bytes]:
    while low <= high:
        until = min(low + STEP - 1, high)
        seen = loglines.window(database, job_id, low, until, wanted)
        if seen is None:
            return
        yield from bundled(show(row) for kind, row in seen[1] if kind == "log")
        # also where nothing was wanted the server finds out whether somebody is still there
        yield b""
        low = until + 1


def _saved(job_id: int, ending: str, download: bool) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="job-{job_id}.{ending}"'} if download else {}
