"""The verbs of an operator, one command each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jobrunner.cli import exits, following, output, session
from jobrunner.cli.options import Jobs, Json, Reason, Timeout, examples, timeout_seconds
from jobrunner.errors import BadInput, Forbidden, JobRunnerError

if TYPE_CHECKING:
    from jobrunner.models import ActionResult, StatusModel
    from jobrunner.runner import JobRunner

Wait = Annotated[
    bool, typer.Option("--wait", help="Wait until the jobs have ended; exit 0 if they ended as asked.")
]
_ENDS = {"cancel": ("cancelled",), "stop": ("stopped", "cancelled"), "kill": ("stopped", "cancelled")}
_WHY = {
    "not_idempotent": ("it is not idempotent", "If it may run twice, use --force."),
    "lock_held": (
        "another job holds its lock key",
        "Find it with: jobrunner list --status running,queued,held",
    ),
    "job_not_found": ("there is no such job", "List the jobs with: jobrunner list"),
    "launch_failed": (
        "no worker process could be started, and it is failed now",
        "See why with: jobrunner status ID",
    ),
}


class Refused(JobRunnerError):
    """The job was left as it is."""

    code = "refused"
    default_hint = "See why with: jobrunner explain ID"


@examples("jobrunner cancel 7", "jobrunner cancel 7 8 --reason 'wrong feed' --wait")
def cancel(
    jobs: Jobs, reason: Reason = None, wait: Wait = False, timeout: Timeout = None, as_json: Json = False
) -> None:
    """Asks jobs to end by themselves; one that does not run is cancelled at once."""
    _act("cancel", jobs, reason, wait, timeout, as_json)


@examples("jobrunner stop 7", "jobrunner stop 7 --wait --timeout 30")
def stop(
    jobs: Jobs, reason: Reason = None, wait: Wait = False, timeout: Timeout = None, as_json: Json = False
) -> None:
    """Ends jobs by TERM and, after the setting stop_grace, KILL."""
    _act("stop", jobs, reason, wait, timeout, as_json)


@examples("jobrunner kill 7", "jobrunner kill 7 --reason 'eats all memory' --wait")
def kill(
    jobs: Jobs, reason: Reason = None, wait: Wait = False, timeout: Timeout = None, as_json: Json = False
) -> None:
    """Ends jobs by KILL; their work may be half done."""
    _act("kill", jobs, reason, wait, timeout, as_json)


@examples("jobrunner hold 7", "jobrunner hold 7 8 9 --reason 'after the holidays'")
def hold(
    jobs: Jobs, reason: Reason = None, wait: Wait = False, timeout: Timeout = None, as_json: Json = False
) -> None:
    """Puts waiting jobs aside until they are released."""
    _act("hold", jobs, reason, wait, timeout, as_json)


@examples("jobrunner release 7", "jobrunner release 7 --wait")
def release(
    jobs: Jobs, reason: Reason = None, wait: Wait = False, timeout: Timeout = None, as_json: Json = False
) -> None:
    """Gives held jobs back and launches them; --wait exits as they did."""
    _act("release", jobs, reason, wait, timeout, as_json)


@examples("jobrunner retry 7", "jobrunner retry 7 --force --wait --reason 'the disk has room again'")
def retry(
    jobs: Jobs,
    force: Annotated[bool, typer.Option("--force", help="Also when the job is not idempotent.")] = False,
    reason: Reason = None,
    wait: Wait = False,
    timeout: Timeout = None,
    as_json: Json = False,
) -> None:
    """Runs failed, stopped, cancelled or parked jobs again; --wait exits as they did."""
    _act("retry", jobs, reason, wait, timeout, as_json, force=force)


@examples(
    "jobrunner resolve 7 --as succeeded --reason 'the import is complete'", "jobrunner resolve 7 --as failed"
)
def resolve(
    jobs: Jobs,
    as_: Annotated[str, typer.Option("--as", metavar="HOW", help="succeeded or failed.")],
    reason: Reason = None,
    wait: Wait = False,
    timeout: Timeout = None,
    as_json: Json = False,
) -> None:
    """Closes parked jobs as succeeded or failed, by somebody who looked at what they did."""
    _act("resolve", jobs, reason, wait, timeout, as_json, as_=as_)


@examples("jobrunner abandon 7", "jobrunner abandon 7 --reason 'replaced by 9'")
def abandon(
    jobs: Jobs, reason: Reason = None, wait: Wait = False, timeout: Timeout = None, as_json: Json = False
) -> None:
    """Closes failed, stopped, cancelled or parked jobs for good."""
    _act("abandon", jobs, reason, wait, timeout, as_json)


@examples("jobrunner delete 7", "jobrunner list --status abandoned -q | xargs jobrunner delete")
def delete(
    jobs: Jobs, reason: Reason = None, wait: Wait = False, timeout: Timeout = None, as_json: Json = False
) -> None:
    """Deletes held or finished jobs; a tombstone of each stays."""
    _act("delete", jobs, reason, wait, timeout, as_json)


def _act(
    verb: str,
    jobs: Sequence[str],
    reason: str | None,
    wait: bool,
    timeout: str | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Gives the verb to every job, answers for each, and ends with the first exit code that is not 0."""
    seconds = timeout_seconds(timeout)
    runner = session.runner()
    call: Callable[..., ActionResult] = getattr(runner, verb)
    answers: list[Any] = []
    codes: list[int] = []
    for job in jobs:
        try:
            result = call(job, reason=reason, actor=session.operator(), **options)
        except (BadInput, Forbidden) as error:
            if len(jobs) == 1:
                raise
            # one that cannot be read or may not be touched does not keep the verb from the others
            answers.append(error.as_dict())
            codes.append(exits.of_error(error))
            output.report(error, as_json=as_json)
            continue
        answers.append(result)
        codes.append(exits.of_result(result))
        if not as_json:
            _tell(verb, job, result)
    try:
        if wait:
            _wait(runner, verb, answers, codes, seconds)
    finally:
        if as_json:
            output.results(answers)
    raise typer.Exit(exits.first_of(codes))


def _tell(verb: str, job: str, result: ActionResult) -> None:
    code = exits.of_result(result)
    if code == exits.DONE:
        output.put(f"{result.job_id}\t{result.outcome}\t{result.status or 'deleted'}")
        return
    why, hint = _WHY.get(
        result.reason_code or "", (f"it is {result.status}", "See what may follow with: jobrunner machine")
    )
    output.report(Refused(f"{verb} job {output.one_line(job)}: {why}.", hint=hint), as_json=False)


def _wait(runner: JobRunner, verb: str, answers: list[Any], codes: list[int], timeout: float | None) -> None:
    """Waits for the end of every job that took the verb, and puts how it ended into its answer and its code."""
    taken = [
        place for place, code in enumerate(codes) if code == exits.DONE and answers[place].status is not None
    ]
    if not taken or verb in ("hold", "delete"):
        return
    ids = [answers[place].job_id for place in taken]
    output.flush()
    with following.detachable(ids, f"wait {' '.join(map(str, ids))}"):
        ends = following.settle(runner, ids, timeout=timeout, first=False, fresh=True)
    for place, seen in zip(taken, ends, strict=True):
        if seen is None or seen.job is None:
            continue
        answers[place] = answers[place].model_copy(update={"status": seen.job.status})
        codes[place] = _code_of_end(verb, seen)
        if codes[place] != exits.DONE:
            output.say(following.ended(seen))


def _code_of_end(verb: str, seen: StatusModel) -> int:
    status = seen.job.status if seen.job is not None else ""
    if verb in ("resolve", "abandon") or status in _ENDS.get(verb, ()):
        return exits.DONE
    code = exits.of_job(seen)
    return exits.REFUSED if verb in _ENDS and code == exits.DONE else code
