"""What ``start`` and ``exec`` share: the options of a job, starting it, and staying with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jobrunner.cli import exits, following, lines, output, session
from jobrunner.cli.options import pairs, refuse_document, timeout_seconds
from jobrunner.errors import InvalidField
from jobrunner.processes import login

if TYPE_CHECKING:
    from jobrunner.models import JobModel, StartResult, StatusModel
    from jobrunner.runner import JobRunner

LockKey = Annotated[
    str | None, typer.Option("--lock-key", metavar="KEY", help="One unfinished job at a time has this key.")
]
Title = Annotated[str | None, typer.Option("--title", metavar="TEXT", help="A title for people.")]
Queue = Annotated[
    str | None, typer.Option("--queue", metavar="NAME", help="The queue; by default the type's.")
]
Priority = Annotated[int | None, typer.Option("--priority", metavar="N", help="Higher runs first.")]
Delay = Annotated[
    str | None, typer.Option("--delay", metavar="DURATION", help="Not before this long from now (90s, 2h).")
]
At = Annotated[
    str | None, typer.Option("--at", metavar="TIME", help="Not before this time, ISO 8601 with a zone.")
]
Hold = Annotated[bool, typer.Option("--hold", help="Put it aside until it is released.")]
IdempotencyKey = Annotated[
    str | None,
    typer.Option(
        "--idempotency-key", metavar="KEY", help="A second start with this key answers the first job."
    ),
]
Tags = Annotated[list[str] | None, typer.Option("--tag", metavar="NAME=VALUE", help="A tag; repeatable.")]
Launcher = Annotated[
    str | None,
    typer.Option("--launcher", metavar="HOW", help="detached (a process of its own), pool or inline."),
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Check everything and print the job as JSON; store nothing.")
]
Wait = Annotated[bool, typer.Option("--wait", help="Wait for its end and exit as it did.")]
Follow = Annotated[bool, typer.Option("--follow", help="Print its log until its end and exit as it did.")]
Rows = Annotated[
    bool, typer.Option("--ndjson", help="With --follow: every row of its ledger, one JSON object per line.")
]


_NO_OPTIONS = ("type", "params", "again", "from_step")


@dataclass(frozen=True)
class Request:
    """The job that was asked for, as it was typed; ``again`` is the earlier job that it is to be like."""

    type: str
    params: dict[str, Any]
    again: JobModel | None = None
    from_step: str | None = None
    lock_key: str | None = None
    title: str | None = None
    queue: str | None = None
    priority: int | None = None
    delay: str | None = None
    at: str | None = None
    hold: bool = False
    idempotency_key: str | None = None
    tags: list[str] | None = None
    launcher: str | None = None

    def options(self) -> dict[str, Any]:
        """Returns the options of ``JobRunner.start``: those that were typed, else those of the job to start again."""
        kept = {name: value for name, value in vars(self).items() if name not in _NO_OPTIONS}
        # a server names whoever the token belongs to
        starter = login() if session.server() is None else None
        tags = pairs("tag", self.tags)
        if self.again is not None:
            from jobrunner import restart

            earlier = restart.options(self.again)
            tags = {**earlier.pop("tags"), **tags, **restart.links(self.again.uuid, self.from_step)}
            kept |= {name: value for name, value in earlier.items() if kept[name] is None}
        return kept | {"tags": tags, "created_by": starter}


def launch(
    request: Request, *, dry_run: bool, wait: bool, follow: bool, timeout: str | None, as_json: bool, as_ndjson: bool,
    exit_of: Callable[[StatusModel], int] = exits.of_job,
) -> None:  # fmt: skip
    """Starts a job, says so, stays with it when asked to, and ends with its exit code."""
    seconds = timeout_seconds(timeout)
    refuse_document(as_json and as_ndjson)
    if as_ndjson and not follow:
        raise InvalidField("--ndjson goes with --follow.", fields={"ndjson": "goes with --follow"})
    if dry_run:
        return output.document(_preview(session.local("start --dry-run", handlers=True), request))
    runner = session.runner(handlers=True)
    result = runner.start(request.type, request.params, **request.options())
    if not as_json:
        _tell(result, follow=follow)
    elif not wait and not follow:
        output.document(result)
    # for a program a job that never began has ended as any other
    told = as_json or as_ndjson or result.outcome != "launch_failed"
    if not (wait or follow) or not told:
        raise typer.Exit(exits.of_result(result))
    output.flush()
    job = result.job_id
    with following.detachable([job], f"logs {job} -f" if follow else f"wait {job}"):
        try:
            seen = _stay(runner, job, follow=follow, timeout=seconds, as_json=as_json, as_ndjson=as_ndjson)
        finally:
            if as_json:
                output.document(runner.status(job))
    if not as_json:
        output.say(following.ended(seen))
    raise typer.Exit(exit_of(seen))


def _tell(result: StartResult, *, follow: bool) -> None:
    told = {
        "already_active": "holds the lock key already",
        "duplicate": "has this idempotency key already",
        "launch_failed": "could not be launched; see: jobrunner status {id}",
        "held": "is held; release it with: jobrunner release {id}",
    }
    note = told.get(result.outcome, result.outcome).format(id=result.job_id)
    if not follow:
        output.put(str(result.job_id))
        output.flush()
    if follow or result.outcome in told:
        output.say(f"Job {result.job_id} ({result.uuid}) {note}.")


def _stay(
    runner: JobRunner, job: int, *, follow: bool, timeout: float | None, as_json: bool, as_ndjson: bool
) -> StatusModel:
    """Waits for the end of a job; its log is data, or talk when the data is one JSON document."""
    put = output.say if as_json else output.put

    def show(event: dict[str, Any]) -> None:
        if event["kind"] == "log":
            put(lines.text(event))

    if follow:
        shown = lines.ndjson if as_ndjson else show
        return following.follow(runner, job, shown, timeout=timeout, fresh=True)
    [seen] = following.settle(runner, [job], timeout=timeout, first=False, fresh=True)
    assert seen is not None
    return seen


def _preview(runner: JobRunner, request: Request) -> dict[str, Any]:
    from jobrunner import jsontext
    from jobrunner.operations import restart, start

    options = start.Options.of(request.options(), f"starter:{login()}")
    job, _ = start.prepare(runner.settings, runner.type(request.type), request.params, options)
    restart.check(runner.database, runner.type(request.type), job.tags)
    hidden = ("token_hash", "uuid", "op_id", "params", "backoff", "context")
    return {"type": job.type, "params": jsontext.loads(job.params)} | {
        name: value for name, value in vars(job).items() if name not in hidden
    }
