"""The network between worker and server: answers lost, silence, resets, half-open connections, partitions."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import pytest

from jobrunner import JobRunner
from jobrunner.store import workers
from tests.faults.amounts import amount
from tests.faults.laboratory import LEASE, Laboratory
from tests.faults.proxy import Proxy
from tests.worker.workbed import is_gone

pytestmark = pytest.mark.databases("mariadb", "postgres")


@pytest.fixture
def proxy(store) -> Iterator[Proxy]:
    made = Proxy(store.address.host, store.address.port)
    yield made
    made.close()


@pytest.fixture
def far(lab: Laboratory, proxy: Proxy) -> Iterator[Laboratory]:
    """The laboratory's workers and verbs go through the proxy; what looks at the tables does not."""
    near = lab.runner
    lab.runner = other(lab, through(lab, proxy))
    yield lab
    proxy.blackhole = False
    lab.runner.close()
    lab.runner = near


def other(lab: Laboratory, url: str) -> JobRunner:
    """Returns a runner of the laboratory's settings on another way to the same store."""
    made = JobRunner(database_url=url, handlers=list(lab.runner.settings.handlers))
    made.settings = replace(lab.runner.settings, database_url=url)
    return made


def through(lab: Laboratory, proxy: Proxy, options: str = "") -> str:
    assert lab.store.address is not None
    return lab.store.url.replace(f":{lab.store.address.port}/", f":{proxy.port}/") + options


@pytest.mark.fault("F14")
@pytest.mark.timeout(200)
def test_answers_to_commits_that_are_lost_while_jobs_run_cost_nothing_and_double_nothing(
    far, proxy, tally
) -> None:
    far.wait_for_launches()
    far.runner.jobs()
    near = other(far, far.store.url)
    reaper = near.reaper()
    jobs: list[int] = []

    def all_done() -> bool:
        reaper.once()
        return all(far.status(job) in ("succeeded", "parked") for job in jobs)

    for number in range(amount(6, 1250)):
        proxy.swallow += 1
        params = {"witness": str(far.witness), "lines": 40, "seconds": 0.01, "odd": ""}
        kind, key = ("f.again", "f.once", "f.flaky")[number % 3], f"lost-{number}"
        made = far.history.tell(
            "start", partial(far.runner.start, kind, params, idempotency_key=key),
            lambda result: result.job_id, key=key, params=params,
        )  # fmt: skip
        jobs.append(made.job_id or 0)
        for _ in range(3):
            # of whoever commits next: a worker, or nobody when all have ended
            proxy.swallow += 1
            far.poll(lambda: not proxy.swallow or all_done(), timeout=60)
    proxy.swallow = 0
    far.poll(all_done, timeout=60)
    tally.injected("answers to COMMIT swallowed on the wire", proxy.swallowed)
    assert proxy.swallowed >= 6
    near.close()
    assert far.sound(settled=True)


@pytest.mark.fault("F13")
@pytest.mark.parametrize("how", ["reset", "half_close", "cut_after"])
def test_connections_that_break_while_a_job_runs_are_replaced_unseen(far, proxy, tally, how) -> None:
    job, _ = far.begin("f.once", lines=amount(150, 30_000), seconds=0.01)
    broken = 0
    for _ in range(amount(4, 1700)):
        broken += proxy.cut_after(20) if how == "cut_after" else getattr(proxy, how)()
        time.sleep(0.2)
    tally.injected(f"connections ended by {how}", broken)
    ended = far.ended(job)
    assert broken and ended.job.status == "succeeded"
    assert far.triggers(job) == ["create", "claim", "succeed"]
    assert far.sound(settled=True)


@pytest.mark.fault("F13")
def test_a_launched_worker_whose_first_contact_breaks_tries_again_while_its_launch_is_good(
    far, proxy, tally
) -> None:
    far.runner.jobs()
    proxy.refuses = 3
    tally.injected("first contacts of a worker broken", 3)
    job = far.run("f.once", {"witness": str(far.witness)}).job
    assert job.status == "succeeded" and proxy.refuses == 0
    assert far.sound(settled=True)


@pytest.mark.fault("F15")
@pytest.mark.databases("mariadb")
def test_who_gave_up_on_a_slow_answer_finds_what_was_done_meanwhile(lab, proxy, tally) -> None:
    runner = JobRunner(
        database_url=through(lab, proxy, "?read_timeout=1"),
        handlers=["tests.handlers.faulty"],
        launcher="pool",
    )
    for number in range(amount(2, 500)):
        held = runner.start("f.again", {"witness": ""}, hold=True).job_id
        assert held is not None
        proxy.delay = 0.7  # there and back
        slow = threading.Timer(2.5, lambda: setattr(proxy, "delay", 0.0))
        slow.start()
        done = lab.history.tell(
            "release", lambda h=held, n=number: runner.release(h, actor=f"slow-{n}"), lambda r: r.outcome,
            job=held, actor=f"operator:slow-{number}",
        )  # fmt: skip
        slow.join()
        tally.injected("answers slower than the client waits")
        assert done.outcome == "done"
        assert lab.triggers(held) == ["create_held", "release"]
    runner.close()
    assert lab.sound()


@pytest.mark.fault("F16")
@pytest.mark.timeout(200)
def test_when_packets_vanish_the_worker_fences_itself_and_gives_the_job_back_afterwards(
    far, proxy, tally
) -> None:
    far.wait_for_launches()
    job, worker = far.begin("l.again")
    child = far.child(job)
    proxy.blackhole = True
    tally.injected("blackholes")
    far.poll(lambda: is_gone(child), timeout=30)
    assert far.status(job) == "running" and not is_gone(worker)
    proxy.blackhole = False
    far.poll(lambda: "interrupt" in far.triggers(job), timeout=90)
    far.poll(lambda: is_gone(worker), timeout=60)
    assert far.heal(job) == "succeeded"
    assert far.was_given_back(job)
    assert far.sound(settled=True)


@pytest.mark.fault("F33")
@pytest.mark.timeout(200)
@pytest.mark.parametrize("kind_of_job", ["l.once", "l.again"])
def test_a_worker_that_was_cut_off_and_reaped_writes_nothing_when_it_is_back(
    far, proxy, tally, kind_of_job
) -> None:
    job, worker = far.begin(kind_of_job, seconds=8 * LEASE)
    near = other(far, far.store.url)
    proxy.blackhole = True
    tally.injected("partitions between a worker and its server")
    # to the reaper it is a host of which it knows the lease only
    for table in ("worker", "job_attempt", "job"):
        far.sql(f"UPDATE jobrunner_{table} SET host = 'elsewhere'")
    reaper = near.reaper()
    far.poll(lambda: reaper.once().recovered or far.status(job) != "running", timeout=12 * LEASE)
    assert far.triggers(job)[-1] in ("park_lost", "requeue_lost")
    (seen,) = far.sql("SELECT COUNT(*) FROM jobrunner_worker WHERE status = 'lost'")[0]
    assert seen == 1 and workers.living(near.database, 10) == []
    said = len(far.lines(job))
    proxy.blackhole = False
    far.poll(lambda: is_gone(worker), timeout=90)
    assert len([n for n in far.triggers(job) if n == "claim"]) == 1 and len(far.lines(job)) == said
    assert far.sql(f"SELECT COUNT(*) FROM jobrunner_refused_write WHERE job_id = {job}")[0][0] > 0
    near.close()
    assert far.sound()
