"""One verb on one job, or one start, for somebody who came over HTTP: what they may, and what nobody may from here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

from starlette.requests import Request

from jobrunner import provenance
from jobrunner.errors import BadInput, Forbidden, LauncherRefused
from jobrunner.handlers.exec import TYPE as EXEC
from jobrunner.models import ActionResult, JobModel, Scope, StartResult
from jobrunner.operations.acting import checked_reason
from jobrunner.operations.start import of_item
from jobrunner.web.caller import Caller, permit
from jobrunner.web.house import house
from jobrunner.web.proxies import route

# the verbs that decide what a job's end was, or that it never was
FOR_ADMINS = ("resolve", "delete")
# what runs a program is begun at a command line only
BEGINNING = ("retry", "release")
NOT_FOUND = ActionResult(outcome="not_found", reason_code="job_not_found")


class CommandLineOnly(Forbidden):
    """This is done at a command line only."""

    code = "command_line_only"


def through(request: Request, **facts: str) -> AbstractContextManager[None]:
    """Has the ledger say of what is done in the block that it came by the API, or by a form of a page; and ``facts``."""
    return provenance.noted(channel="api" if route(request.scope).startswith("/api/") else "ui", **facts)


def scope_of(verb: str) -> Scope:
    """Returns what a caller must be allowed to give this verb."""
    return "admin" if verb in FOR_ADMINS else "operate"


def check_scope(caller: Caller, verb: str) -> None:
    """Raises Forbidden for a caller whose scope is too little for a verb."""
    scope = scope_of(verb)
    if not caller.may(scope):
        raise Forbidden(
            f"{caller.name} may {caller.scope}; {verb} needs {scope}.",
            hint=f"Use a token that was made with --scope {scope}.",
        )


def check(request: Request, caller: Caller, verb: str, job: JobModel) -> None:
    """Raises Forbidden when the caller may not give this verb to this job, or nobody may over HTTP."""
    check_scope(caller, verb)
    permit(request, caller, verb, job)
    if verb in BEGINNING and job.type == EXEC:
        raise CommandLineOnly(
            f"A job of the type {EXEC} is not begun over HTTP: {verb} it at a command line."
        )


def give(
    request: Request, caller: Caller, verb: str, job: int | str, *, reason: str | None = None,
    seen: tuple[str, int] | None = None, force: bool = False, as_: str | None = None,
) -> ActionResult:  # fmt: skip
    """Gives a verb to a job in the caller's name; raises Forbidden, and BadInput for what cannot be."""
    check_scope(caller, verb)
    runner = house(request).runner
    # as in the library: told whether or not there is such a job
    checked_reason(runner.database, reason)
    found = runner.status(job, limit=0).job
    if found is None:
        return NOT_FOUND
    check(request, caller, verb, found)
    with through(request):
        return runner.act(verb, found.id, reason=reason, actor=caller.actor, seen=seen, force=force, as_=as_)


def start(
    request: Request, caller: Caller, type: str, params: Mapping[str, Any] | None, options: Mapping[str, Any]
) -> StartResult:
    """Starts a job in the caller's name; ``options`` are those of ``JobRunner.start``.

    ``created_by`` may name somebody on whose behalf the caller starts it; the ledger names the caller.
    """
    permit(request, caller, "start", None)
    given = _ordered(request, caller, type, options)
    with through(request):
        return house(request).runner.start(type, params, actor=caller.starter, **given)


def start_many(request: Request, caller: Caller, items: Sequence[Mapping[str, Any]]) -> list[StartResult]:
    """Starts many jobs in the caller's name, in one transaction; an item is type, params and options by name."""
    permit(request, caller, "start", None)
    orders = []
    for number, item in enumerate(items):
        options = {name: value for name, value in item.items() if name not in ("type", "params")}
        try:
            given = _ordered(request, caller, item["type"], options)
        except BadInput as error:
            raise of_item(number, error) from None
        orders.append((item["type"], item.get("params"), given))
    with through(request):
        return house(request).runner.start_many(orders, actor=caller.starter)


def _ordered(request: Request, caller: Caller, type: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the options of a start over HTTP; raises CommandLineOnly and LauncherRefused."""
    runner = house(request).runner
    if type == EXEC:
        raise CommandLineOnly(f"A job of the type {EXEC} is started at a command line only: jobrunner exec.")
    if (options.get("launcher") or runner.settings.launcher) == "inline":
        raise LauncherRefused(
            "An inline job runs in its caller, and over HTTP that would be this server.",
            hint="Use the launcher detached or pool.",
            fields={"launcher": "is inline"},
        )
    given = {name: value for name, value in options.items() if value is not None}
    return given | {"created_by": given.get("created_by") or caller.name}
