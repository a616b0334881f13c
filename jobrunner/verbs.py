"""The verbs of an operator as methods, one for each, of whoever can give a verb to a job."""

from __future__ import annotations

from abc import ABC, abstractmethod

from jobrunner.errors import InvalidField
from jobrunner.models import ActionResult

Job = int | str
NAMES = ("cancel", "stop", "kill", "hold", "release", "retry", "resolve", "abandon", "delete")
ENDS = ("succeeded", "failed")


def check_end(as_: object) -> None:
    """Raises InvalidField for what no parked job can be resolved as."""
    if as_ not in ENDS:
        raise InvalidField(
            "Resolve as succeeded or failed.", fields={"as": "is neither succeeded nor failed"}
        )


def check(verb: str) -> None:
    """Raises InvalidField for what is no verb."""
    if verb not in NAMES:
        hint = f"Use one of {', '.join(NAMES)}."
        raise InvalidField(f"There is no verb {verb!r}.", hint=hint, fields={"verb": "is not known"})


class Verbs(ABC):
    """Gives verbs to jobs: in a database, or by a server."""

    @abstractmethod
    def act(
        self, verb: str, job: Job, *, reason: str | None = None, actor: str | None = None,
        seen: tuple[str, int] | None = None, force: bool = False, as_: str | None = None,
    ) -> ActionResult:  # fmt: skip
        """Gives the verb of this name to a job; a job that does not stand as it was ``seen`` is refused."""

    def cancel(self, job: Job, *, reason: str | None = None, actor: str | None = None) -> ActionResult:
        """Asks a job to end by itself; one that does not run is cancelled at once."""
        return self.act("cancel", job, reason=reason, actor=actor)

    def stop(self, job: Job, *, reason: str | None = None, actor: str | None = None) -> ActionResult:
        """Has a job ended by TERM and, ``stop_grace`` seconds later, KILL."""
        return self.act("stop", job, reason=reason, actor=actor)

    def kill(self, job: Job, *, reason: str | None = None, actor: str | None = None) -> ActionResult:
        """Has a job ended by KILL."""
        return self.act("kill", job, reason=reason, actor=actor)

    def hold(self, job: Job, *, reason: str | None = None, actor: str | None = None) -> ActionResult:
        """Puts a waiting job aside until it is released."""
        return self.act("hold", job, reason=reason, actor=actor)

    def release(self, job: Job, *, reason: str | None = None, actor: str | None = None) -> ActionResult:
        """Gives a held job back and launches it."""
        return self.act("release", job, reason=reason, actor=actor)

    def retry(
        self, job: Job, *, reason: str | None = None, actor: str | None = None, force: bool = False
    ) -> ActionResult:
        """Has a failed, stopped, cancelled or parked job run again; ``force`` for one that is not idempotent."""
        return self.act("retry", job, reason=reason, actor=actor, force=force)

    def resolve(
        self, job: Job, as_: str, *, reason: str | None = None, actor: str | None = None
    ) -> ActionResult:
        """Closes a parked job as ``succeeded`` or ``failed``."""
        return self.act("resolve", job, reason=reason, actor=actor, as_=as_)

    def abandon(self, job: Job, *, reason: str | None = None, actor: str | None = None) -> ActionResult:
        """Closes a job for good."""
        return self.act("abandon", job, reason=reason, actor=actor)

    def delete(self, job: Job, *, reason: str | None = None, actor: str | None = None) -> ActionResult:
        """Deletes a held or finished job; a tombstone stays."""
        return self.act("delete", job, reason=reason, actor=actor)
