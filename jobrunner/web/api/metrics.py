"""``/metrics``: what an alarm is raised by, in the text format of Prometheus, at a cost that does not grow."""

from __future__ import annotations

import os
import resource
from collections import Counter
from collections.abc import Iterable, Mapping

from fastapi import APIRouter, Request
from starlette.responses import Response

from jobrunner import processes
from jobrunner.operations import fleet
from jobrunner.store import counting
from jobrunner.version import __version__
from jobrunner.web.api import names
from jobrunner.web.api.answers import problems
from jobrunner.web.caller import Reader
from jobrunner.web.house import Web, house

router = APIRouter(tags=["health"], generate_unique_id_function=names.of)
KIND = "text/plain; version=0.0.4; charset=utf-8"
Sample = tuple[Mapping[str, str], float]


@router.get(
    "/metrics", response_model=None, response_class=Response, summary="Metrics",
    responses={
        200: {"description": "Samples in the text format.", "content": {"text/plain": {"schema": {"type": "string"}}}},
        **problems(),
    },
)  # fmt: skip
def metrics(request: Request, _caller: Reader) -> Response:
    """Gives jobs by status, workers by state, the age of the oldest waiting job, open streams, and this process.

    Jobs are counted up to 10,000 in each status; ``jobrunner_jobs_capped`` is 1 where there are more.
    """
    return Response("".join(_families(house(request))), media_type=KIND)


def _families(web: Web) -> Iterable[str]:
    runner = web.runner
    counts = counting.counts(runner.database)
    yield family(
        "jobrunner_jobs", f"Jobs by status, counted up to {counting.CEILING}.",
        [({"status": status}, count.number) for status, count in counts.items()],
    )  # fmt: skip
    yield family(
        "jobrunner_jobs_capped", "1 where there are more jobs than were counted.",
        [({"status": status}, int(count.more)) for status, count in counts.items()],
    )  # fmt: skip
    waiting = counting.longest_waiting(runner.database)
    yield family(
        "jobrunner_oldest_waiting_seconds", "For how long the oldest queued job has been ready; 0 without one.",
        [({}, waiting.seconds if waiting is not None else 0)],
    )  # fmt: skip
    workers = runner.workers()
    states = Counter({"live": 0, "draining": 0, "stale": 0, "dead": 0})
    states.update(str(worker["state"]) for worker in workers)
    yield family(
        "jobrunner_workers", "Workers that have not ended, by state.",
        [({"state": state}, number) for state, number in sorted(states.items())],
    )  # fmt: skip
    yield family(
        "jobrunner_worker_jobs",
        "Jobs in the hands of workers.",
        [({}, sum(int(one["jobs"]) for one in workers))],
    )
    yield family(
        "jobrunner_worker_memory_bytes",
        "Resident memory of workers and all that runs for them, at their last heartbeats.",
        [({}, sum(int(one["memory_bytes"] or 0) for one in workers if one["state"] in fleet.WORKING))],
    )
    yield family("jobrunner_streams", "Open event streams of this server.", [({}, web.hub.streams)])
    yield family("jobrunner_info", "The version of this server.", [({"version": __version__}, 1)])
    yield from _process()


def _process() -> Iterable[str]:
    used = resource.getrusage(resource.RUSAGE_SELF)
    yield family(
        "process_cpu_seconds_total",
        "CPU time of this server.",
        [({}, used.ru_utime + used.ru_stime)],
        "counter",
    )
    yield family("process_max_resident_bytes", "The most memory it has had.", [({}, used.ru_maxrss * 1024)])
    seen = processes.look(os.getpid())
    if seen is not None:
        files = len(os.listdir("/proc/self/fd"))
        yield family("process_open_fds", "Open files and connections.", [({}, files)])


def family(name: str, told: str, samples: Iterable[Sample], kind: str = "gauge") -> str:
    """Returns the text of one metric with all of its samples."""
    lines = [f"# HELP {name} {_help(told)}", f"# TYPE {name} {kind}"]
    for labels, value in samples:
        shown = ",".join(f'{label}="{_label(text)}"' for label, text in labels.items())
        lines.append(f"{name}{{{shown}}} {value!r}" if shown else f"{name} {value!r}")
    return "\n".join(lines) + "\n"


def _help(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")


def _label(text: str) -> str:
    return _help(text).replace('"', '\\"')
