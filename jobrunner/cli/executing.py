"""The command ``exec``: any program as a job."""

from __future__ import annotations

import shlex
from typing import Annotated

import typer

from jobrunner.cli import exits, launching, session
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
from jobrunner.launcher import directory

TYPE = "jobrunner.exec"
_TITLE_BYTES = 255


@examples(
    "jobrunner exec -- rsync -a /srv/in /srv/out",
    "jobrunner exec --follow --lock-key backup -- ./backup.sh --full",
    "jobrunner exec --wait --timeout 1h -- make test",
)
def execute(
    argv: Annotated[
        list[str], typer.Argument(metavar="CMD", help="The program and its arguments, after --; no shell.")
    ],
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
    """Starts any program as a job, in the working directory, without a shell; prints the job's id.

    Its output becomes the job's log. With --wait or --follow the exit code is the program's.
    """
    session.needs_database("exec")
    request = Request(
        TYPE, {"argv": argv, "cwd": directory()}, lock_key=lock_key, title=title or _title(argv), queue=queue,
        priority=priority, delay=delay, at=at, hold=hold, idempotency_key=idempotency_key, tags=tag, launcher=launcher,
    )  # fmt: skip
    launching.launch(
        request,
        dry_run=dry_run,
        wait=wait,
        follow=follow,
        timeout=timeout,
        as_json=as_json,
        as_ndjson=as_ndjson,
        exit_of=exits.of_program,
    )


# Options after the program are the program's.
execute.__dict__["settings"] = {"allow_interspersed_args": False}


def _title(argv: list[str]) -> str | None:
    """The command line, as far as a title may hold it."""
    told = "".join(character if character.isprintable() else " " for character in shlex.join(argv))
    return told.encode("utf-8", "replace")[:_TITLE_BYTES].decode("utf-8", "ignore").strip() or None
