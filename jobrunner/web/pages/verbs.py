"""The verbs by forms: a page that says what will happen and asks, and the form that does it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from jobrunner.errors import InvalidField
from jobrunner.models import JobModel
from jobrunner.web import verbs
from jobrunner.web.caller import Caller, Operator
from jobrunner.web.house import house
from jobrunner.web.pages import asking
from jobrunner.web.pages.allowed import readable
from jobrunner.web.pages.controls import VERBS, Control, control
from jobrunner.web.pages.sent import Sent
from jobrunner.web.pages.telling import code, refusal
from jobrunner.web.templating import page, url

router = APIRouter(include_in_schema=False)


def _asking(verb: str) -> Callable[..., Response]:
    def ask(request: Request, caller: Operator, job: str) -> Response:
        """Says what the verb will do to the job as it stands, and asks."""
        _, found = readable(request, caller, job)
        verbs.check_scope(caller, verb)
        return _ask(request, caller, found, verb)

    return ask


def _giving(verb: str) -> Callable[..., Response]:
    def give(request: Request, caller: Operator, job: str, sent: Sent) -> Response:
        """Gives the verb to the job, if it still stands as it stood on the page."""
        _, found = readable(request, caller, job)
        verbs.check_scope(caller, verb)
        if asking.text(sent, "confirm") != "yes":
            return _ask(request, caller, found, verb, reason=asking.text(sent, "reason"))
        wanted = control(found, house(request).runner.settings, verb)
        if wanted is not None and wanted.typed and asking.text(sent, "typed") != wanted.typed:
            return _ask(
                request, caller, found, verb, reason=asking.text(sent, "reason"), refused=f"Type {wanted.typed} to go on."
            )  # fmt: skip
        try:
            done = verbs.give(
                request, caller, verb, found.id, reason=asking.text(sent, "reason") or None, seen=_seen(sent),
                force=wanted is not None and wanted.force, as_=asking.text(sent, "as") or None,
            )  # fmt: skip
        except InvalidField as error:
            return _ask(
                request, caller, found, verb, reason=asking.text(sent, "reason"), refused=error.message
            )
        gone = verb == "delete" and done.outcome == "done"
        words = code(verb, done.outcome, done.reason_code)
        return RedirectResponse(url(request, "/jobs" if gone else f"/jobs/{found.id}", told=words), 303)

    return give


for _verb in VERBS:
    router.add_api_route(f"/jobs/{{job}}/{_verb}", _asking(_verb), methods=["GET"], name=f"ask {_verb}")
    router.add_api_route(f"/jobs/{{job}}/{_verb}", _giving(_verb), methods=["POST"], name=f"give {_verb}")


def _seen(sent: Any) -> tuple[str, int]:
    attempt = asking.text(sent, "attempt")
    return asking.text(sent, "status"), int(attempt) if attempt.isdecimal() and len(attempt) < 10 else -1


def _ask(
    request: Request, caller: Caller, job: JobModel, verb: str, *, reason: str = "", refused: str = ""
) -> Response:
    found: Control | None = control(job, house(request).runner.settings, verb)
    status = 409 if found is None else 422 if refused else 200
    return page(
        request, caller, "verb.html", status=status, job=job, verb=verb, control=found, reason=reason, refused=refused,
        refusal=refusal(f"is_{job.status}"),
    )  # fmt: skip
