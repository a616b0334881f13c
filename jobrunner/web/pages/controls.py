"""What can be done with a job as it stands: every legal verb, only the legal ones, and what each of them will do."""

from __future__ import annotations

from dataclasses import dataclass

from jobrunner.handlers.exec import TYPE as EXEC
from jobrunner.models import JobModel
from jobrunner.operations.delete import DELETABLE
from jobrunner.settings import Settings
from jobrunner.states import IN_HAND, Mode, Status, Trigger, edge
from jobrunner.web.caller import Caller
from jobrunner.web.verbs import BEGINNING, scope_of

_TRIGGERS = {
    "cancel": (Trigger.CANCEL,), "stop": (Trigger.STOP,), "kill": (Trigger.KILL,), "hold": (Trigger.HOLD,),
    "release": (Trigger.RELEASE,), "retry": (Trigger.RETRY,), "resolve": (Trigger.RESOLVE_SUCCEEDED,),
    "abandon": (Trigger.ABANDON,),
}  # fmt: skip
VERBS = (*_TRIGGERS, "delete")
_HARSH = ("stop", "kill", "abandon", "delete")


@dataclass(frozen=True)
class Control:
    """A verb, what it will do, and what has to be typed for it; ``refusal`` says why it cannot be given here."""

    verb: str
    effect: str
    harsh: bool = False
    typed: str = ""
    force: bool = False
    refusal: str = ""

    @property
    def label(self) -> str:
        """The verb as a button says it."""
        return f"{self.verb.capitalize()} by force" if self.force else self.verb.capitalize()


def controls(job: JobModel, settings: Settings, caller: Caller) -> list[Control]:
    """Returns what the caller can do with a job now."""
    return [
        _control(job, settings, verb) for verb in VERBS if legal(job, verb) and caller.may(scope_of(verb))
    ]


def control(job: JobModel, settings: Settings, verb: str) -> Control | None:
    """Returns one verb for a job, or None when it is not legal as the job stands."""
    return _control(job, settings, verb) if legal(job, verb) else None


def legal(job: JobModel, verb: str) -> bool:
    """True when the state machine takes the verb, as the job stands."""
    if verb == "delete":
        return job.status in DELETABLE
    if job.status == Status.CANCEL_REQUESTED and job.cancel_mode is not None and verb in list(Mode):
        return Mode(verb).strength > Mode(job.cancel_mode).strength
    return any(edge(job.status, trigger) is not None for trigger in _TRIGGERS[verb])


def elsewhere(type: str, command: str = "exec -- COMMAND ARGUMENT…") -> str:
    """Returns why no page begins a job of this type, with the command that does; empty where pages do."""
    return f"A program is begun at a command line only: jobrunner {command}" if type == EXEC else ""


def _control(job: JobModel, settings: Settings, verb: str) -> Control:
    force = verb == "retry" and not job.idempotent
    refusal = ""
    if verb in BEGINNING:
        refusal = elsewhere(job.type, f"{verb} {job.id}{' --force' if force else ''}")
    elif job.is_stale and verb in list(Mode):
        # said, not refused: a sweep ends it as it was asked to
        return Control(
            verb, f"{_effect(job, settings, verb)} Its worker looks dead: a sweep will do it.", verb in _HARSH
        )
    typed = str(job.id) if force or verb == "delete" else ""
    return Control(verb, _effect(job, settings, verb), verb in _HARSH or force, typed, force, refusal)


def _effect(job: JobModel, settings: Settings, verb: str) -> str:
    if verb in list(Mode):
        return _ending(job, settings, Mode(verb))
    if verb == "retry":
        budget = "one attempt" if job.max_attempts == 1 else f"{job.max_attempts} attempts"
        if job.idempotent:
            return f"Runs it again from its beginning, with {budget}. Its result and error are cleared; its history stays."
        return "Runs all of it again, though it is not idempotent: whatever it did may be done twice."
    return {
        "hold": "Puts it aside. Nobody runs it until it is released.",
        "release": "Gives it back: it runs as soon as it is due.",
        "resolve": "Closes it as succeeded or failed, because somebody looked at what it did.",
        "abandon": "Closes it for good: no retry after that.",
        "delete": "Removes the job with its log and history. A tombstone with its last digest is kept.",
    }[verb]


def _ending(job: JobModel, settings: Settings, mode: Mode) -> str:
    if job.status not in IN_HAND:
        closed = "Closes it as cancelled." if job.status == Status.PARKED else "Ends it before it runs."
        return (
            closed if mode is Mode.CANCEL else f"{closed} It has no process, so this is the same as cancel."
        )
    return {
        Mode.CANCEL: "Asks the handler to end by itself, where it looks for that. One that never looks goes on.",
        Mode.STOP: f"SIGTERM to all of its processes, SIGKILL after {settings.stop_grace:g} s. Work may be half done.",
        Mode.KILL: "SIGKILL to all of its processes, now. Nothing is cleaned up.",
    }[mode]
