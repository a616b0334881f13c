"""The log viewer's routes: its data, and the plain page for who has no script."""

from __future__ import annotations

import json
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from jobrunner.errors import JobNotFound
from jobrunner.runner import JobRunner
from jobrunner.store import views
from jobrunner.store.views import LARGEST_ID
from jobrunner.web.caller import Caller, Reader, permit
from jobrunner.web.house import house
from jobrunner.web.log import census as census_of
from jobrunner.web.log import copying, searching, windows
from jobrunner.web.log import page as plain_page
from jobrunner.web.log.wanted import WantedLines, asking, sought, whole
from jobrunner.web.templating import page

# The viewer's own data comes in the shape of the page that draws it; programs have /api/jobs/{job}/logs.
router = APIRouter(include_in_schema=False)


@router.get("/api/jobs/{job}/log/rows")
def rows(
    request: Request, caller: Reader, job: str, wanted: WantedLines, from_seq: str = "1", to_seq: str = "",
    mark: str = "", mark_icase: str = "", mark_regex: str = "",
) -> Response:  # fmt: skip
    """Gives a window of the log by seq; where ``mark`` is found in its messages is told with each row."""
    runner, job_id = _readable(request, caller, job)
    low = whole("from_seq", from_seq) or 1
    high = whole("to_seq", to_seq) or low + windows.BLOCK - 1
    marked = sought("mark", mark, mark_icase, mark_regex)
    return _answer(windows.window(runner.database, job_id, low, high, wanted, marked))


@router.get("/api/jobs/{job}/log/counts")
def counts(
    request: Request, caller: Reader, job: str, wanted: WantedLines, block: str = "", size: str = ""
) -> Response:
    """Gives how many lines are wanted in each block of the log, a bounded part per request."""
    runner, job_id = _readable(request, caller, job)
    return _answer(searching.counts(runner.database, job_id, _block(block), wanted, _size(size)))


@router.get("/api/jobs/{job}/log/census")
def census(request: Request, caller: Reader, job: str, block: str = "", unit: str = "") -> Response:
    """Gives what there is in the log: kinds, warnings, errors, steps; a bounded part per request."""
    runner, job_id = _readable(request, caller, job)
    return _answer(census_of.census(runner.database, job_id, _block(block), _size(unit)))


@router.get("/api/jobs/{job}/log/find")
def find(
    request: Request, caller: Reader, job: str, wanted: WantedLines,
    start: str = "1", stop: str = "", newest: str = "", most: str = "1",
) -> Response:  # fmt: skip
    """Gives the wanted lines next to a seq, in a bounded part of the log."""
    runner, job_id = _readable(request, caller, job)
    found = searching.find(
        runner.database, job_id, whole("start", start) or 1, whole("stop", stop), wanted,
        newest=newest == "1", most=whole("most", most) or 1,
    )  # fmt: skip
    return _answer(found)


@router.get("/api/jobs/{job}/log/text")
def text(
    request: Request, caller: Reader, job: str, wanted: WantedLines,
    from_seq: str = "1", to_seq: str = "", timed: str = "", levels: str = "1", ansi: str = "",
) -> Response:  # fmt: skip
    """Gives the lines between two seqs as text to copy; ``X-Lines`` says how many, and whether these are all."""
    runner, job_id = _readable(request, caller, job)
    high = whole("to_seq", to_seq) or LARGEST_ID
    lines, all_of_them = copying.lines(
        runner.database, job_id, whole("from_seq", from_seq) or 1, high, wanted, ansi=ansi == "1"
    )
    said = "".join(windows.spoken(line, timed=timed == "1", levels=levels == "1") for line in lines)
    headers = {"X-Lines": str(len(lines)), "X-Complete": "1" if all_of_them else "0"}
    return Response(said, media_type="text/plain; charset=utf-8", headers=headers)


@router.get("/jobs/{job}/log")
def lines(
    request: Request, caller: Reader, job: str, wanted: WantedLines,
    after_seq: str = "", before_seq: str = "", limit: str = "",
) -> Response:  # fmt: skip
    """Shows a page of lines, with links to the next and the previous one."""
    runner, job_id = _readable(request, caller, job)
    most = min(whole("limit", limit) or plain_page.LINES, plain_page.MOST_LINES)
    cursor = whole("before_seq", before_seq)
    if cursor is not None:
        found = plain_page.before(runner.database, job_id, cursor, wanted, most)
    else:
        found = plain_page.after(runner.database, job_id, whole("after_seq", after_seq) or 0, wanted, most)
    here: dict[str, Any] = asking(wanted) | ({} if most == plain_page.LINES else {"limit": most})
    ways = {"first": here, "last": here | {"before_seq": found.head["last_seq"] + 1}}
    if found.before is not None:
        ways["previous"] = here | {"before_seq": found.before}
    if found.after is not None:
        ways["next"] = here | {"after_seq": found.after}
    return page(
        request, caller, "log_page.html", found=found, job_id=job_id, wanted=wanted, ways=ways, asking=asking(wanted),
        levels=views.LEVELS, streams=views.STREAMS,
    )  # fmt: skip


def _readable(request: Request, caller: Caller, job: str) -> tuple[JobRunner, int]:
    """Returns the runner and the id of a job that the caller may read; raises JobNotFound, Forbidden."""
    web = house(request)
    job_id = views.resolve(web.runner.database, job)
    if job_id is None:
        raise JobNotFound(f"There is no job {job}.")
    asks = web.security.authorize is not None
    permit(request, caller, "read", web.runner.status(job_id, limit=0).job if asks else None)
    return web.runner, job_id


def _block(value: str) -> int:
    return whole("block", value, LARGEST_ID // windows.BLOCK - 1) or 0


def _size(value: str) -> int:
    size = whole("size", value, windows.BLOCK) or windows.BLOCK
    return min(known for known in searching.SIZES if known >= size)


def _answer(value: Any) -> Response:
    # plain ASCII: a lone surrogate in some context cannot break the encoding
    return Response(json.dumps(value, separators=(",", ":")), media_type="application/json")
