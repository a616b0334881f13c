"""The job types, and the form by which a job of one of them is started."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from jobrunner.errors import BadInput, HandlerNotRegistered
from jobrunner.handlers.registry import JobType
from jobrunner.models import TypeModel
from jobrunner.web import verbs
from jobrunner.web.caller import Caller, Operator, Reader
from jobrunner.web.faults import NoSuchPage
from jobrunner.web.house import house
from jobrunner.web.pages import asking, filling
from jobrunner.web.pages.allowed import readable
from jobrunner.web.pages.controls import elsewhere
from jobrunner.web.pages.fields import fields
from jobrunner.web.pages.sent import Sent
from jobrunner.web.pages.starting import Starting, fresh, sent, shows
from jobrunner.web.pages.telling import code
from jobrunner.web.pages.values import laid_out
from jobrunner.web.templating import page, url

router = APIRouter(include_in_schema=False)


@router.get("/types")
def types(request: Request, caller: Reader) -> Response:
    """Shows what can be started here."""
    runner = house(request).runner
    return page(request, caller, "types.html", types=runner.types(), failures=runner.import_failures())


@router.get("/types/{type:path}")
def form(request: Request, caller: Reader, type: str) -> Response:
    """Shows a job type, with a form that starts one; ``from`` fills it with the parameters of an earlier job.

    ``step`` has the new job resume at that step of the earlier one.
    """
    earlier = asking.text(request.query_params, "from")
    job = readable(request, caller, earlier)[1] if earlier else None
    return _page(request, caller, _type(request, type), fresh(job, asking.text(request.query_params, "step")))


@router.post("/types/{type:path}")
def start(request: Request, caller: Operator, type: str, given: Sent) -> Response:
    """Starts a job from the form, or shows the form again: with an item more, as JSON, or with what is wrong."""
    kind = _type(request, type)
    starting = sent(given, fields(kind.parameters.schema()))
    if asking.text(given, "do", "start") != "start":
        return _page(request, caller, kind, starting)
    try:
        starting.check_read()
        done = verbs.start(request, caller, kind.type, starting.params, starting.arguments())
    except BadInput as error:
        starting.refuse(error)
        starting.check_each(kind, house(request).runner.settings)
        return _page(request, caller, kind, starting, 422)
    told = code("start", done.outcome, done.reason_code)
    return RedirectResponse(url(request, f"/jobs/{done.job_id}", told=told), 303)


def _type(request: Request, name: str) -> JobType:
    try:
        return house(request).runner.type(name)
    except HandlerNotRegistered as error:
        raise NoSuchPage(error.message, hint=error.hint) from None


def _page(
    request: Request, caller: Caller, job_type: JobType, starting: Starting, status: int = 200
) -> Response:
    kind = TypeModel.model_validate(job_type.describe())
    known = fields(kind.parameters)
    if starting.mode == "form" and not shows(starting.params, known):
        starting.mode = "json"
        starting.text = starting.text or laid_out(starting.params)
    return page(
        request, caller, "type.html", status=status, kind=kind, fields=known, form=starting, fill=filling,
        elsewhere=elsewhere(kind.type), extras=kind.parameters.get("additionalProperties", True) is not False,
    )  # fmt: skip
