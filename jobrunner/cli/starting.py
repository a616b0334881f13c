"""The command ``start``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from jobrunner.cli import given, launching, session
from jobrunner.cli.launching import (
    At,
    Delay,
    DryRun,
    Follow,
    Hold,
    IdempotencyKey,
    Launcher,
    LockKey,
    Priority,
    Queue,
    Request,
    Rows,
    Tags,
    Title,
    Wait,
)  # fmt: skip
from jobrunner.cli.options import Json, Timeout, examples
from jobrunner.errors import InvalidField, JobNotFound

if TYPE_CHECKING:
    from jobrunner.models import JobModel


@examples(
    "jobrunner start shop.import -p shop_id:=7 -p note=tonight",
    "jobrunner start shop.import --params @params.json --follow",
    "jobrunner start shop.import -p shop_id:=7 --wait --timeout 10m --json",
    "jobrunner start shop.import -p shop_id:=7 --delay 2h --lock-key shop:7 --dry-run",
    "jobrunner start --again 7 -p note=today --from-step load",
)
def start(
    type: Annotated[
        str | None,
        typer.Argument(
            metavar="TYPE",
            help="A registered job type; see: jobrunner types. Not with --again.",
            show_default=False,
        ),
    ] = None,
    single: Annotated[
        list[str] | None,
        typer.Option(
            "--param",
            "-p",
            metavar="KEY=VALUE",
            help="A parameter as text, or KEY:=JSON; repeatable, the later wins.",
        ),
    ] = None,
    params: Annotated[
        list[str] | None,
        typer.Option(
            "--params", metavar="JSON", help="Parameters as a JSON object, @FILE, or - for standard input."
        ),
    ] = None,
    again: Annotated[
        str | None,
        typer.Option(
            "--again",
            metavar="ID",
            help="A new job like that one: its type, parameters, title, queue, priority and tags, less what is given"
            " here. It names the earlier one, which stays as it is.",
        ),
    ] = None,
    from_step: Annotated[
        str | None,
        typer.Option(
            "--from-step",
            metavar="KEY",
            help="With --again: resume at this step. Its handler skips what comes before; the type must be declared"
            " resumable.",
        ),
    ] = None,
    lock_key: LockKey = None,
    title: Title = None,
    queue: Queue = None,
    priority: Priority = None,
    delay: Delay = None,
    at: At = None,
    hold: Hold = False,
    idempotency_key: IdempotencyKey = None,
    tag: Tags = None,
    launcher: Launcher = None,
    dry_run: DryRun = False,
    wait: Wait = False,
    follow: Follow = False,
    timeout: Timeout = None,
    as_json: Json = False,
    as_ndjson: Rows = False,
) -> None:
    """Starts a job and prints its id.

    --wait and --follow exit as the job did. Ctrl-C leaves them; the job goes on.
    """
    found = given.parameters(single or (), params or (), session.current.arguments)
    earlier = _earlier(type, again, from_step)
    request = Request(
        *_meant(type, found, earlier), again=earlier, from_step=from_step, lock_key=lock_key, title=title, queue=queue,
        priority=priority, delay=delay, at=at, hold=hold, idempotency_key=idempotency_key, tags=tag, launcher=launcher,
    )  # fmt: skip
    launching.launch(
        request, dry_run=dry_run, wait=wait, follow=follow, timeout=timeout, as_json=as_json, as_ndjson=as_ndjson
    )  # fmt: skip


def _earlier(type: str | None, again: str | None, from_step: str | None) -> JobModel | None:
    """Returns the job that is to be started again, None when a new one is asked for; raises InvalidField, JobNotFound."""
    if (type is None) == (again is None):
        reason = "is missing" if again is None else "goes without --again, which has its own"
        raise InvalidField(
            f"TYPE {reason}.", hint="Name a type, or with --again an earlier job.", fields={"type": reason}
        )
    if again is None:
        if from_step is not None:
            raise InvalidField("--from-step goes with --again.", fields={"from_step": "goes with --again"})
        return None
    job = session.runner().status(again, limit=0).job
    if job is None:
        raise JobNotFound(f"There is no job {again}.")
    return job


def _meant(type: str | None, given: dict[str, Any], earlier: JobModel | None) -> tuple[str, dict[str, Any]]:
    """Returns the type and the parameters that are meant."""
    if earlier is None:
        return type or "", given
    return earlier.type, {**earlier.params, **given}
