"""A verb on many jobs by forms: count, ask, do, and say job by job what became of it."""

from __future__ import annotations

import re
from typing import Any

from fastapi import APIRouter, Request
from starlette.datastructures import FormData
from starlette.responses import Response

from jobrunner.errors import InvalidField
from jobrunner.operations.verbs import VERBS
from jobrunner.web import bulk, verbs
from jobrunner.web.caller import Operator
from jobrunner.web.house import house
from jobrunner.web.pages import asking
from jobrunner.web.pages.sent import Sent
from jobrunner.web.pages.telling import refusal
from jobrunner.web.templating import page

router = APIRouter(include_in_schema=False)
FEWEST_TYPED = "delete"
_SEEN = re.compile(r"(\d{1,18}):([a-z_]{1,24}):(\d{1,9})", re.ASCII)


@router.post("/jobs/bulk")
def many(request: Request, caller: Operator, sent: Sent) -> Response:
    """Asks about a verb on many jobs; with ``confirm`` gives it."""
    verb = asking.text(sent, "verb")
    if verb not in VERBS or verb == "resolve":
        raise InvalidField(f"There is no verb {verb!r} for many jobs.", fields={"verb": "is not known"})
    verbs.check_scope(caller, verb)
    meant = _meant(sent)
    if asking.text(sent, "confirm") != "yes":
        return _ask(request, caller, verb, sent, meant)
    expect = asking.text(sent, "expect")
    typed = asking.text(sent, "typed")
    if verb == FEWEST_TYPED and typed != expect:
        return _ask(request, caller, verb, sent, meant, f"Type {expect} to delete that many jobs.")
    try:
        done = bulk.run(
            request, caller, verb, **meant, expect=int(expect) if expect.isdecimal() and len(expect) < 9 else -1,
            reason=asking.text(sent, "reason") or None, force=asking.text(sent, "force") == "yes",
            standing=_standing(sent),
        )  # fmt: skip
    except bulk.CountDiffers as error:
        return _ask(request, caller, verb, sent, meant, f"{error.message} Look again, and say so once more.")
    return page(
        request, caller, "bulk_done.html", verb=verb, done=done, refusal=refusal,
        back=asking.asked(sent).query if "filter" in meant else "",
    )  # fmt: skip


def _meant(sent: FormData) -> dict[str, Any]:
    if asking.text(sent, "which") == "all":
        return {"filter": asking.asked(sent).spoken()}
    return {"ids": [one for one in sent.getlist("ids") if isinstance(one, str)]}


def _ask(
    request: Request, caller: Any, verb: str, sent: FormData, meant: dict[str, Any], refused: str = ""
) -> Response:  # fmt: skip
    chosen = bulk.choose(house(request).runner, **meant)
    return page(
        request, caller, "bulk.html", status=409 if refused else 200, verb=verb, wanted=asking.asked(sent),
        which=asking.text(sent, "which"), ids=meant.get("ids", ()), count=chosen.count, refused=refused,
        by_status=_by_status(chosen),
        standing=[f"{job_id}:{status}:{attempt}" for job_id, status, attempt in chosen.jobs] if "ids" in meant else (),
        reason=asking.text(sent, "reason"),
    )  # fmt: skip


def _standing(sent: FormData) -> dict[int, bulk.Seen]:
    """Returns how the jobs stood on the page that asked, as that page sent it."""
    found: dict[int, bulk.Seen] = {}
    for one in sent.getlist("seen"):
        parts = _SEEN.fullmatch(one) if isinstance(one, str) else None
        if parts is not None:
            found[int(parts[1])] = (int(parts[1]), parts[2], int(parts[3]))
    return found


def _by_status(chosen: bulk.Chosen) -> dict[str, int]:
    found: dict[str, int] = {}
    for _, status, _ in chosen.jobs:
        found[status] = found.get(status, 0) + 1
    return dict(sorted(found.items()))
