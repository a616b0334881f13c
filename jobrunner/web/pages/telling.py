"""What became of the last thing somebody did, told on the page that follows: by words of our own only."""

from __future__ import annotations

from dataclasses import dataclass

_DONE = {
    "cancel": "The job is cancelled.", "stop": "The job is cancelled.", "kill": "The job is cancelled.",
    "hold": "The job is held until it is released.", "release": "The job is released.",
    "retry": "The job is queued again.", "abandon": "The job is closed for good.", "resolve": "The job is resolved.",
    "delete": "The job is deleted; a tombstone is kept.", "start": "The job is started.",
}  # fmt: skip
_REQUESTED = {
    "cancel": "A cancel was asked for.", "stop": "A stop was asked for: TERM, then KILL.",
    "kill": "A kill was asked for.", "drain": "The worker was asked to drain; it is told with its next heartbeat.",
}  # fmt: skip
_STARTED = {
    "started": "The job is started.", "queued": "The job is queued; a pool worker takes it.",
    "scheduled": "The job is scheduled.", "held": "The job is created and held.",
    "already_active": "Nothing was started: this job holds the lock key.",
    "duplicate": "Nothing more was started: this is the job that the form made already.",
    "launch_failed": "The job was created, but no worker process could be started for it.",
}  # fmt: skip
_REFUSED = {
    "changed": "Nothing was done: the job moved on after the page was loaded. This is how it stands now.",
    "not_idempotent": "Nothing was done: running this job again may do its work twice; that has to be forced.",
    "lock_held": "Nothing was done: another job holds the lock key.",
    "already_terminal": "Nothing was done: the job has ended already.",
    "already_requested": "Nothing was done: that, or more, was asked for already.",
    "job_not_found": "There is no such job any more.", "worker_not_found": "There is no such worker any more.",
    "worker_ended": "Nothing was done: the worker has ended already.",
    "worker_dead": "Nothing was done: the worker's process is gone.",
    "not_a_pool": "Nothing was done: that worker is no pool, and ends with its job.",
}  # fmt: skip


@dataclass(frozen=True)
class Told:
    """A message on top of a page; ``kind`` is good, bad or plain."""

    kind: str
    text: str
    hint: str = ""


def code(verb: str, outcome: str, reason_code: str | None) -> str:
    """Returns what an address carries of an answer: words that ``told`` knows."""
    return ".".join((verb, outcome, reason_code or ""))


def told(text: str) -> Told | None:
    """Returns the message that such a code means; None for one that is not ours."""
    verb, _, rest = text.partition(".")
    outcome, _, reason = rest.partition(".")
    if reason == "launch_failed" or outcome == "launch_failed":
        return Told("bad", _STARTED["launch_failed"])
    if verb == "start":
        message = _STARTED.get(outcome)
        kind = "plain" if outcome in ("already_active", "duplicate") else "good"
        return None if message is None else Told(kind, message)
    if outcome == "done":
        message = _DONE.get(verb)
        return None if message is None else Told("good", message)
    if outcome == "requested":
        message = _REQUESTED.get(verb)
        return None if message is None else Told("plain", message)
    if verb not in _DONE and verb not in _REQUESTED:
        return None
    if reason.startswith("is_"):
        state = reason[3:].replace("_", " ")
        return (
            Told("bad", f"Nothing was done: a job that is {state} does not take that.")
            if state.replace(" ", "").isalpha()
            else None
        )
    message = _REFUSED.get(reason) or _REFUSED.get(outcome)
    return None if message is None else Told("plain" if outcome.startswith("already") else "bad", message)


def refusal(reason_code: str | None) -> str:
    """Returns why a verb did nothing, in a few words; empty for one that did."""
    if reason_code is None:
        return ""
    return _REFUSED.get(reason_code, reason_code.replace("_", " ")).removeprefix("Nothing was done: ")
