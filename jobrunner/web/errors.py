"""Errors as answers: one shape for programs, one page for people, and nothing of the inside for either."""

from __future__ import annotations

import json
import logging
from typing import Any
from urllib.parse import quote

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Match, Route

from jobrunner import errors, identifiers
from jobrunner.errors import InvalidField, JobRunnerError, StoreError, Unauthorized
from jobrunner.web import faults
from jobrunner.web.caller import caller
from jobrunner.web.faults import WebFault
from jobrunner.web.proxies import route
from jobrunner.web.templating import page

COME_BACK = 5
_logger = logging.getLogger("jobrunner.web")
# The first class that fits counts.
_STATUSES: tuple[tuple[type[JobRunnerError], int], ...] = (
    (errors.Unauthorized, 401),
    (errors.Forbidden, 403),
    (errors.BadInput, 422),
    (errors.JobNotFound, 404),
    (errors.TokenNotFound, 404),
    (errors.JobNotFinished, 409),
    (errors.JobFailed, 409),
    (errors.TransitionConflict, 409),
    (errors.IllegalTransition, 409),
    (errors.LaunchFailed, 503),
    (errors.StoreError, 503),
)
_OF_STATUS: dict[int, type[WebFault]] = {
    fault.status: fault
    for fault in (faults.NoSuchPage, faults.MethodNotAllowed, faults.TooLarge, faults.UnsupportedMediaType)
}


def install(app: FastAPI) -> None:
    """Makes every error of the application an answer in the one shape."""

    async def told(request: Request, error: Exception) -> Response:
        found = understood(error)
        if isinstance(found, faults.MethodNotAllowed):
            found.headers["Allow"] = _methods(request)
        return answer(request, found)

    for kind in (JobRunnerError, HTTPException, RequestValidationError):
        app.add_exception_handler(kind, told)


def status_of(error: JobRunnerError) -> int:
    """Returns the HTTP status that an error means."""
    if isinstance(error, WebFault):
        return error.status
    return next((status for kind, status in _STATUSES if isinstance(error, kind)), 500)


def understood(error: Exception) -> JobRunnerError:
    """Returns what an error of the framework, or one that nobody foresaw, is called here."""
    if isinstance(error, JobRunnerError):
        return error
    if isinstance(error, HTTPException):
        kind = _OF_STATUS.get(error.status_code, WebFault)
        told = str(error.detail) if kind is WebFault else None
        return kind(told, status=error.status_code, headers=error.headers)
    if isinstance(error, RequestValidationError):
        return _invalid(error)
    number = identifiers.secret()[:12]
    _logger.error("Error %s: nobody foresaw this.", number, exc_info=error)
    return faults.Internal(
        f"Something failed that nobody foresaw (error {number}).",
        hint="The server's own log tells more under that number.",
    )


def answer(request: Request, error: JobRunnerError) -> Response:
    """Returns the answer that an error is: JSON, or a page for whoever asks for one outside the API."""
    told, headers = _told(error), _headers(error)
    if wants_page(request):
        try:
            return _page(request, error, told, headers)
        except Exception as broken:
            _logger.error("The page for an error failed.", exc_info=broken)
    return Response(json.dumps(told), status_of(error), headers, media_type="application/json")


def wants_page(request: Request) -> bool:
    """True for a request of a browser for a page."""
    path = route(request.scope)
    return not path.startswith("/api/") and "text/html" in request.headers.get("accept", "")


def _page(request: Request, error: JobRunnerError, told: dict[str, Any], headers: dict[str, str]) -> Response:
    if isinstance(error, Unauthorized):
        return RedirectResponse(_login(request), 303)
    status = status_of(error)
    again = status == 503 and request.method == "GET"
    response = page(request, caller(request), "error.html", status=status, error=told, again=again)
    response.headers.update(headers)
    return response


def _told(error: JobRunnerError) -> dict[str, Any]:
    told = error.as_dict()
    if isinstance(error, StoreError):
        # the driver's words name addresses, users and files: they are for the server's log
        _logger.warning("%s", error.message)
        told["message"] = (type(error).__doc__ or "").strip().splitlines()[0]
    return told


def _headers(error: JobRunnerError) -> dict[str, str]:
    if isinstance(error, WebFault):
        return error.headers
    if isinstance(error, Unauthorized):
        return {"WWW-Authenticate": "Bearer"}
    return {"Retry-After": str(COME_BACK)} if status_of(error) == 503 else {}


def _invalid(error: RequestValidationError) -> InvalidField:
    fields: dict[str, str] = {}
    for problem in error.errors():
        where, *names = [str(part) for part in problem["loc"]] or ["request"]
        name = ".".join(names) if names and problem["type"] != "json_invalid" else where
        reason = "is not JSON" if problem["type"] == "json_invalid" else str(problem["msg"])
        fields.setdefault(name, reason.removeprefix("Value error, "))
    told = "; ".join(f"{name}: {reason}" for name, reason in fields.items())
    return InvalidField(f"The request is not valid: {told}.", fields=fields)


def _methods(request: Request) -> str:
    """Returns the methods that an address takes: each has a route of its own, and the framework names those of one."""
    found = {
        method
        for one in request.app.routes
        if isinstance(one, Route) and one.matches(request.scope)[0] is not Match.NONE
        for method in one.methods or ()
    }
    return ", ".join(sorted(found | ({"HEAD"} if "GET" in found else set())))


def _login(request: Request) -> str:
    root = request.scope.get("root_path", "")
    path = request.scope["path"] + (f"?{request.url.query}" if request.url.query else "")
    back = f"?next={quote(path, safe='')}" if request.method == "GET" else ""
    return quote(f"{root}/login", safe="/") + back
