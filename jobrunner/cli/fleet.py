"""The commands about workers and what they left behind: ``workers`` and ``reap``."""

from __future__ import annotations

import signal
import threading
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from jobrunner.cli import output, session
from jobrunner.cli.options import Json, examples

if TYPE_CHECKING:
    from jobrunner.operations.sweep import Swept


@examples("jobrunner workers", "jobrunner workers --json")
def workers(as_json: Json = False) -> None:
    """Lists the workers that have not ended, newest first, and whether they live.

    live: its lease runs. stale: it has not been heard of for a whole lease. dead: its process, on this host, is gone.
    """
    found = session.runner().workers()
    if as_json:
        return output.document({"workers": found})
    rows = [
        (
            one["state"], one["kind"], one["host"], one["pid"], f"{one['jobs']}/{one['capacity']}",
            ",".join(one["queues"] or ()) or "all", one["scope"],
            None if one["lease_age"] is None else f"{one['lease_age']:.0f} s", one["started_at"],
        )
        for one in found
    ]  # fmt: skip
    output.table(("state", "kind", "host", "pid", "jobs", "queues", "scope", "heard", "started"), rows)
    return None


@examples("jobrunner reap --once", "jobrunner --handlers shop.jobs reap")
def reap(
    once: Annotated[
        bool, typer.Option("--once", help="Sweep once, as long as it takes to be sure, and end.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Takes jobs away from dead workers, and launches detached jobs that no worker came for.

    Without --once it goes on until SIGTERM or Ctrl-C. A worker that may live is given a whole lease to show it.
    """
    reaper = session.local("reap", handlers=True).reaper()
    if once:
        swept = reaper.once()
        if as_json:
            return output.document(asdict(swept))
        return _tell(swept)
    over = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: over.set())
    output.say("Sweeping every second; Ctrl-C ends it.")
    reaper.run(over, _tell)
    return None


def _tell(swept: Swept) -> None:
    for job in swept.recovered:
        output.put(f"{job.job_id}\t{job.trigger}\t{job.status}")
    for job_id in swept.launched:
        output.put(f"{job_id}\tlaunched")
    for job_id in swept.given_up:
        output.put(f"{job_id}\tfail_launch\tfailed")
    output.flush()
