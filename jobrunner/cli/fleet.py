"""The commands about workers and what they left behind: ``workers``, ``drain`` and ``reap``."""

from __future__ import annotations

import signal
import threading
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from jobrunner.cli import exits, output, session
from jobrunner.cli.options import Json, examples
from jobrunner.errors import JobRunnerError

if TYPE_CHECKING:
    from jobrunner.operations.sweep import Swept


@examples("jobrunner workers", "jobrunner workers --json")
def workers(as_json: Json = False) -> None:
    """Lists the workers that have not ended, newest first, and whether they live.

    live: its lease runs. draining: it was asked to end in order. stale: it has not been heard of for a whole lease.
    dead: its process, on this host, is gone. Memory and CPU (of one core) are those of the worker and all that runs for
    it, as of its last heartbeat.
    """
    found = session.runner().workers()
    if as_json:
        return output.document({"workers": found})
    rows = [
        (
            one["state"], one["id"], one["kind"], one["host"], one["pid"], f"{one['jobs']}/{one['capacity']}",
            one["queues"] or "all", one["scope"],
            None if one["memory_bytes"] is None else f"{one['memory_bytes'] / 1e6:.0f} MB",
            None if one["cpu_percent"] is None else f"{one['cpu_percent']:.0f} %",
            None if one["lease_age"] is None else f"{one['lease_age']:.0f} s", one["started_at"],
            ",".join(f"{name}={value}" for name, value in one["labels"].items()),
        )
        for one in found
    ]  # fmt: skip
    output.table(
        (
            "state", "id", "kind", "host", "pid", "jobs", "queues", "scope", "memory", "cpu", "heard", "started",
            "labels",
        ),
        rows,
    )  # fmt: skip
    return None


class NotDrained(JobRunnerError):
    """The worker was left as it is."""

    code = "refused"
    default_hint = "List the workers with: jobrunner workers"


@examples("jobrunner drain 019b7e3a-1f2c", "jobrunner drain 019b7e3a-1f2c --reason 'new kernel'")
def drain(
    worker: Annotated[
        str, typer.Argument(metavar="WORKER", help="An id, or at least 6 characters of its beginning.")
    ],
    reason: Annotated[
        str | None, typer.Option("--reason", metavar="TEXT", help="Why; the pool says it as it ends.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Asks a pool to end in order, on whatever host it runs, as SIGTERM would.

    It is told with its next heartbeat. It claims no more jobs, those in hand may end within its drain timeout, then they
    are interrupted. A supervisor may start it anew: systemd does with the unit that jobrunner systemd prints.
    """
    result = session.runner().drain(worker, reason=reason, actor=session.operator())
    code = exits.of_result(result)
    if as_json:
        output.document(result)
    elif code == exits.DONE:
        output.put(f"{result.worker_id}\t{result.outcome}\t{result.state}")
    else:
        why, hint = result.refusal
        output.report(NotDrained(f"drain worker {output.one_line(worker)}: {why}.", hint=hint), as_json=False)
    raise typer.Exit(code)


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
