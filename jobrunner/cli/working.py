"""The command ``work``."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from jobrunner.cli import session
from jobrunner.cli.options import examples


@examples("jobrunner work --capacity 8", "jobrunner work --queue mail --queue reports --drain-timeout 2m")
def work(
    capacity: Annotated[
        int | None,
        typer.Option("--capacity", metavar="N", min=1, max=10_000, help="How many jobs run at a time."),
    ] = None,
    queue: Annotated[
        list[str] | None,
        typer.Option("--queue", metavar="NAME", help="Only jobs of this queue; may be repeated."),
    ] = None,
    label: Annotated[
        list[str] | None,
        typer.Option(
            "--label", metavar="NAME=VALUE", help="Shown with the worker, as zone=eu; may be repeated."
        ),
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="Run what is due now, then exit.")] = False,
    max_jobs: Annotated[
        int | None, typer.Option("--max-jobs", metavar="N", min=1, help="Exit after that many jobs.")
    ] = None,
    drain_timeout: Annotated[
        str | None,
        typer.Option(
            "--drain-timeout", metavar="DURATION", help="How long jobs may go on after SIGTERM (30, 2m)."
        ),
    ] = None,
    allow_exec: Annotated[
        bool, typer.Option("--allow-exec", help="Also take jobs that run a program (jobrunner exec).")
    ] = False,
) -> None:
    """Claims jobs and runs several at a time, until SIGTERM or SIGINT; higher priority first, then age.

    SIGTERM ends it in order: no new jobs, those in hand may end within the drain timeout, then they are interrupted
    (given back when idempotent, else parked); a second SIGTERM interrupts at once. As a service of systemd it says when
    it is ready and that it lives: see jobrunner systemd. jobrunner drain asks for the same as SIGTERM from any host.
    """
    from jobrunner import durations, names
    from jobrunner.operations import work as operation

    runner = session.local("work")
    settings = runner.settings
    if capacity is not None:
        settings = replace(settings, capacity=capacity)
    if label:
        given = names.tags("label", names.pairs("label", label))
        labels = names.pairs("labels", settings.labels) | given
        settings = replace(settings, labels=tuple(f"{name}={value}" for name, value in labels.items()))
    if drain_timeout is not None:
        settings = replace(settings, drain_timeout=durations.seconds(drain_timeout, "drain_timeout"))
    operation.work(
        runner.database, settings, queues=queue or (), once=once, max_jobs=max_jobs, allow_exec=allow_exec
    )
