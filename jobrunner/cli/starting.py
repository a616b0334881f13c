"""The command ``start``."""

from __future__ import annotations

from typing import Annotated

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


@examples(
    "jobrunner start shop.import -p shop_id:=7 -p note=tonight",
    "jobrunner start shop.import --params @params.json --follow",
    "jobrunner start shop.import -p shop_id:=7 --wait --timeout 10m --json",
    "jobrunner start shop.import -p shop_id:=7 --delay 2h --lock-key shop:7 --dry-run",
)
def start(
    type: Annotated[str, typer.Argument(metavar="TYPE", help="A registered job type; see: jobrunner types.")],
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
    request = Request(
        type, found, lock_key=lock_key, title=title, queue=queue, priority=priority, delay=delay, at=at, hold=hold,
        idempotency_key=idempotency_key, tags=tag, launcher=launcher,
    )  # fmt: skip
    launching.launch(
        request, dry_run=dry_run, wait=wait, follow=follow, timeout=timeout, as_json=as_json, as_ndjson=as_ndjson
    )  # fmt: skip
