"""Who waits for a job or follows it is told every row once, and when there is no more to come."""

from __future__ import annotations

import threading

import pytest

from jobrunner.errors import InvalidTime, JobNotFinished, WaitTimeout
from jobrunner.states import Trigger
from jobrunner.store import logs
from tests.operations.places import end, put, take
from tests.operations.test_reads import line


def test_a_wait_ends_with_the_job_or_its_own_time(runner) -> None:
    job = put(runner, "running")
    with pytest.raises(WaitTimeout) as late:
        runner.wait(job, timeout=0.1)
    assert isinstance(late.value, TimeoutError)
    threading.Timer(0.2, lambda: end(runner, job, Trigger.PARK_INTERRUPTED)).start()
    assert runner.wait(job, timeout=20).job.status == "parked"
    assert runner.wait(job, timeout="1h") == runner.status(job)
    with pytest.raises(JobNotFinished) as parked:
        runner.result(job)
    assert "A person decides" in (parked.value.hint or "")
    assert runner.wait(put(runner, "stopped"), timeout=0).job.status == "stopped"
    for timeout in ("x", -1):
        with pytest.raises(InvalidTime) as refused:
            runner.wait(job, timeout)
        assert list(refused.value.fields) == ["timeout"]


def test_a_follower_sees_every_row_once_and_ends_with_the_job(runner) -> None:
    job = put(runner, "running")
    tail = logs.Tail(take(runner, put(runner, "queued")))
    tail.job_id, tail.fence = job, 1

    def work() -> None:
        for number in range(5):
            logs.append(runner.database, tail, [line(str(number))] * 3, {})
        end(runner, job, Trigger.FAIL)

    worker = threading.Timer(0.1, work)
    worker.start()
    seen = list(runner.events(job, after_seq=1))
    worker.join()
    assert [row["seq"] for row in seen] == list(range(2, 19))
    assert (seen[-1]["trigger"], seen[-1]["from"]) == ("fail", "running")


@pytest.mark.parametrize(("status", "verb"), [("running", "park"), ("failed", "abandon"), ("held", "delete")])
def test_a_follower_ends_when_its_job_is_parked_closed_or_deleted(runner, status, verb) -> None:
    job = put(runner, status)
    events = runner.events(job)
    seen = [next(events)]
    if verb == "park":
        end(runner, job, Trigger.PARK_INTERRUPTED)
    else:
        getattr(runner, verb)(job)
    seen += list(events)
    assert seen[-1]["seq"] >= 1
