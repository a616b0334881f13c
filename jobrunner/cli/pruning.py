"""The command ``prune``."""

from __future__ import annotations

from typing import Annotated

import typer

from jobrunner.cli import output, session
from jobrunner.cli.options import Json, examples


@examples("jobrunner prune --older-than 30d --dry-run", "jobrunner prune --older-than 7d --status succeeded")
def prune(
    older_than: Annotated[
        str,
        typer.Option(
            "--older-than", metavar="DURATION", help="Jobs that ended longer ago than this (30d, 12h)."
        ),
    ] = "30d",
    status: Annotated[
        list[str] | None,
        typer.Option(
            "--status", metavar="STATUS", help="That ended so; repeatable; by default all that ended."
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count them.")] = False,
    as_json: Json = False,
) -> None:
    """Deletes old jobs that have ended; a tombstone of each stays, and what is active is never touched."""
    wanted = [name for text in status or () for name in text.split(",")]
    done = session.local("prune").prune(older_than, status=wanted, dry_run=dry_run, actor=session.operator())
    if as_json:
        return output.document(done)
    output.table(("status", "jobs"), sorted(done.jobs.items()), colour_of=0)
    verb = "would be deleted" if dry_run else "deleted"
    return output.say(f"{sum(done.jobs.values())} jobs that ended before {done.before} {verb}.")
