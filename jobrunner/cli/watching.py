"""The commands that stay with jobs: ``watch`` and ``wait``."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from jobrunner.cli import bars, exits, following, output, session
from jobrunner.cli.options import Jobs, Json, Ndjson, Timeout, examples, refuse_document, timeout_seconds

if TYPE_CHECKING:
    from jobrunner.follower import Follower
    from jobrunner.models import StatusModel
    from jobrunner.runner import JobRunner


@examples("jobrunner wait 7", "jobrunner wait 7 8 9 --timeout 1h", "jobrunner wait 7 8 --any --json")
def wait(
    jobs: Jobs,
    first: Annotated[bool, typer.Option("--any", help="Return when one of them has ended.")] = False,
    timeout: Timeout = None,
    as_json: Json = False,
) -> None:
    """Waits until jobs are terminal or parked, and exits as they did.

    Of several the first exit code that is not 0 counts; 3 for one that is not there. Ctrl-C leaves; the jobs go on.
    """
    seconds = timeout_seconds(timeout)
    runner = session.runner()
    with following.detachable(jobs, f"wait {' '.join(jobs)}"):
        found = following.settle(runner, jobs, timeout=seconds, first=first)
    ended = [seen for seen in found if seen is not None]
    if as_json:
        results = _whole(runner, ended)
        output.results(results) if len(jobs) == 1 else output.document({"results": results})
    else:
        for job in filter(None, (seen.job for seen in ended)):
            output.put(f"{job.id}\t{job.status}")
    raise typer.Exit(exits.first_of([exits.of_job(seen) for seen in ended]))


@examples("jobrunner watch 7", "jobrunner watch 7 8 9", "jobrunner watch 7 8 --ndjson")
def watch(jobs: Jobs, timeout: Timeout = None, as_json: Json = False, as_ndjson: Ndjson = False) -> None:
    """Shows jobs with live progress and their log lines until they end, and exits as they did.

    Elsewhere than on a terminal it prints a plain line per event; with --ndjson every row of the ledger, and of
    several jobs its job_id. Ctrl-C leaves; the jobs go on.
    """
    seconds = timeout_seconds(timeout)
    refuse_document(as_json and as_ndjson)
    runner = session.runner()
    # the position of each job's first look; what was said before is what logs is for
    starts = [0 if as_ndjson else _begin(runner.status(job, limit=0)) for job in jobs]
    followers = [runner.follower(job, start) for job, start in zip(jobs, starts, strict=True)]
    view = bars.view(len(jobs), silent=as_json, rows=as_ndjson, live=_live())
    with following.detachable(jobs, f"watch {' '.join(jobs)}"):
        ended = _watch(jobs, followers, view, seconds)
    if as_json:
        output.results(_whole(runner, ended))
    raise typer.Exit(exits.first_of([exits.of_job(seen) for seen in ended]))


def _live() -> bool:
    return sys.stdout is not None and sys.stdout.isatty() and os.environ.get("TERM") not in ("dumb", "")


def _begin(seen: StatusModel) -> int:
    return seen.job.last_seq if seen.job is not None and seen.job.is_terminal else 0


def _whole(runner: JobRunner, ended: Sequence[StatusModel]) -> list[StatusModel]:
    """Returns the whole read model of each job that there is."""
    return [seen if seen.job is None else runner.status(seen.job.id) for seen in ended]


def _watch(
    jobs: Sequence[str], followers: Sequence[Follower], view: bars.View, timeout: float | None
) -> list[StatusModel]:
    from jobrunner import clock

    deadline = None if timeout is None else clock.monotonic() + timeout
    last: list[StatusModel | None] = [None] * len(followers)
    with view:
        while True:
            for place, follower in enumerate(followers):
                if last[place] is not None and follower.settled:
                    continue
                seen = follower.look()
                view.away(follower.away, follower.source)
                if seen is not None:
                    following.check_found(seen, jobs[place], alone=len(jobs) == 1)
                    last[place] = seen
                    view.show(place, seen)
            if all(follower.settled for follower in followers):
                return [seen for seen in last if seen is not None]
            pause = min(follower.pause for follower in followers if not follower.settled)
            following.pause_before(deadline, pause, " ".join(jobs), timeout)
