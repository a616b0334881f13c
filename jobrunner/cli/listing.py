"""The commands that show many jobs: ``list`` and ``stats``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from jobrunner.cli import output, session
from jobrunner.cli.options import Json, Since, examples, moment, pairs

if TYPE_CHECKING:
    from jobrunner.models import JobPage, JobSummary

PAGE = 1000


@examples(
    "jobrunner list --status running --status queued",
    "jobrunner list --type shop.import --since 2h --param shop_id=7",
    "jobrunner list --status failed -q | xargs jobrunner retry --force",
)
def list_jobs(
    status: Annotated[
        list[str] | None, typer.Option("--status", metavar="STATUS", help="In this status; repeatable.")
    ] = None,
    type: Annotated[str | None, typer.Option("--type", metavar="TYPE", help="Of this type.")] = None,
    queue: Annotated[str | None, typer.Option("--queue", metavar="QUEUE", help="In this queue.")] = None,
    tag: Annotated[
        list[str] | None, typer.Option("--tag", metavar="NAME=VALUE", help="With this tag; repeatable.")
    ] = None,
    created_by: Annotated[
        str | None, typer.Option("--created-by", metavar="NAME", help="Created by this user.")
    ] = None,
    since: Since = None,
    until: Annotated[
        str | None,
        typer.Option("--until", metavar="TIME", help="Created before this moment, written like --since."),
    ] = None,
    search: Annotated[
        str | None, typer.Option("--search", metavar="TEXT", help="Title or type holds this text.")
    ] = None,
    worker: Annotated[
        str | None,
        typer.Option(
            "--worker", metavar="WORKER", help="Run by the worker of this id or host, at the latest."
        ),
    ] = None,
    param: Annotated[
        list[str] | None,
        typer.Option(
            "--param",
            metavar="PATH=VALUE",
            help="With this value at a dotted path of the parameters; repeatable.",
        ),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=0, help="At most N jobs.")] = 50,
    cursor: Annotated[
        str | None, typer.Option("--next", metavar="CURSOR", help="The page after the one that said this.")
    ] = None,
    only_ids: Annotated[bool, typer.Option("--quiet", "-q", help="Print the ids only, one a line.")] = False,
    as_json: Json = False,
) -> None:
    """Lists jobs, newest first."""
    from jobrunner.models import JobPage

    wanted = [name for text in status or () for name in text.split(",")]
    runner = session.runner()
    found: list[JobSummary] = []
    while True:
        page: JobPage = runner.jobs(
            status=wanted, type=type, queue=queue, tag=pairs("tag", tag), created_by=created_by, search=search,
            worker=worker, param=pairs("param", param),
            since=moment("since", since), until=moment("until", until), limit=min(limit - len(found), PAGE), next=cursor,
        )  # fmt: skip
        found += page.jobs
        cursor = page.next
        if cursor is None or len(found) >= limit:
            break
    if as_json:
        return output.document(JobPage(jobs=found, next=cursor))
    _show(found, only_ids=only_ids)
    if cursor is not None:
        output.say(f"More: --next {cursor}")
    return None


def _show(found: list[JobSummary], *, only_ids: bool) -> None:
    if only_ids:
        for job in found:
            output.put(str(job.id))
        return
    rows = [
        (
            job.id,
            f"{job.status} (stale)" if job.is_stale else job.status,
            job.type,
            job.created_at[:19] + "Z",
            None if job.progress.percent is None else f"{job.progress.percent:.0f} %",
            job.attempt,
            job.queue,
            job.title,
        )
        for job in found
    ]
    output.table(("id", "status", "type", "created", "done", "attempt", "queue", "title"), rows, colour_of=1)


@examples("jobrunner stats", "jobrunner stats --json")
def stats(as_json: Json = False) -> None:
    """Counts the jobs of each status."""
    found = session.runner().stats()
    if as_json:
        return output.document(found)
    output.table(("status", "jobs"), sorted(found["jobs"].items()), colour_of=0)
    return None
