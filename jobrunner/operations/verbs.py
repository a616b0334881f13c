"""The verbs of an operator by name: each moves one job, and what made it ready launches it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from jobrunner.errors import InvalidField
from jobrunner.models import ActionResult
from jobrunner.operations import cancel, delete, hold, launch, resolve, retry
from jobrunner.operations.acting import Seen
from jobrunner.settings import Settings
from jobrunner.states import Mode
from jobrunner.store.database import Database

LAUNCHING = ("release", "retry")
_VERBS: dict[str, Callable[..., ActionResult]] = {
    **{mode.value: partial(cancel.cancel, mode=mode) for mode in Mode},
    "hold": hold.hold,
    "release": hold.release,
    "retry": retry.retry,
    "resolve": resolve.resolve,
    "abandon": resolve.abandon,
    "delete": delete.delete,
}
VERBS = tuple(_VERBS)


def give(
    database: Database, settings: Settings, verb: str, job: int | str, *, actor: str, reason: str | None = None,
    seen: Seen | None = None, force: bool = False, as_: str | None = None,
) -> ActionResult:  # fmt: skip
    """Gives one of ``VERBS`` to a job; ``force`` is retry's, ``as_`` is resolve's.

    With ``seen`` a job that does not stand so any more is refused as ``changed``. A verb that made a job ready
    launches it after its commit, by the job's own launcher.
    """
    if verb not in _VERBS:
        raise InvalidField(
            f"There is no verb {verb!r}.", hint=f"Use one of {', '.join(VERBS)}.", fields={"verb": "is not known"}
        )  # fmt: skip
    options: dict[str, dict[str, Any]] = {"retry": {"force": force}, "resolve": {"as_": as_}}
    own = options.get(verb, {})
    done = _VERBS[verb](database, job, actor=actor, reason=reason, seen=seen, **own)
    if verb not in LAUNCHING or done.outcome != "done" or done.job_id is None:
        return done
    launched = launch.launch(database, settings, done.job_id, actor=actor)
    if launched.reason_code != "launch_failed":
        return done
    return done.model_copy(update={"status": "failed", "reason_code": "launch_failed"})
