"""Parameters and results as files."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Request
from starlette.responses import Response

from jobrunner.web.caller import Reader
from jobrunner.web.faults import NoSuchPage
from jobrunner.web.pages import values
from jobrunner.web.pages.allowed import readable

router = APIRouter(include_in_schema=False)
Name = Literal["params", "result"]


@router.get("/jobs/{job}/{name}.json")
def payload(request: Request, caller: Reader, job: str, name: Name) -> Response:
    """Gives a job's parameters or result as a JSON file, whole."""
    seen, found = readable(request, caller, job)
    value = found.params if name == "params" else seen.result
    if value is None:
        raise NoSuchPage(f"Job {found.id} has no {name}.")
    headers = {"Content-Disposition": f'attachment; filename="job-{found.id}-{name}.json"'}
    return Response(values.laid_out(value) + "\n", 200, headers, media_type="application/json")
