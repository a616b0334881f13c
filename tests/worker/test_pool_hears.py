"""PostgreSQL tells the pools of other hosts of new jobs; nothing depends on it."""

from __future__ import annotations

import pytest
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from jobrunner.store.calling import LISTENER
from jobrunner.worker.hearing import Hearing

pytestmark = pytest.mark.databases("postgres")
# another host: no bell of this one can be rung, and its own next look is minutes away
FAR = {
    "XDG_RUNTIME_DIR": "/proc", "TMPDIR": "/proc", "JOBRUNNER_POLL_MIN": "120", "JOBRUNNER_POLL_MAX": "120",
    "JOBRUNNER_DRAIN_TIMEOUT": "0.2",
}  # fmt: skip
LISTENERS = (
    f"SELECT pid FROM pg_stat_activity WHERE application_name = '{LISTENER}' AND datname = current_database()"
)


@pytest.fixture
def far(pools, eventually, sql):
    """A pool that has nothing to do, listens, and will not look by itself."""
    pool = pools.open(**FAR)
    pools.ended(pools.start("t.noop"))
    eventually(lambda: sql(LISTENERS))
    return pool


def test_a_start_a_release_and_a_retry_wake_a_pool_of_another_host(pools, far):
    assert pools.ended(pools.start("t.noop")).job.status == "succeeded"
    held, failed = pools.start("t.noop", hold=True), pools.start("t.fail")
    pools.runner.release(held)
    assert pools.ended(held).job.status == "succeeded"
    pools.ended(failed)
    pools.runner.retry(failed, force=True)
    pools._poll(lambda: pools.runner.status(failed).job.attempt == 2)
    assert pools.ended(failed).job.status == "failed"


def test_many_starts_and_one_in_a_callers_session_wake_it_too(pools, far, eventually):
    pools.runner.start_many([("t.noop", {})] * 5)
    eventually(lambda: pools.counts() == {"succeeded": 6})
    engine = create_engine(pools.runner.database.url)
    with Session(engine) as session:
        job = pools.runner.start("t.noop", session=session).job_id
        session.commit()
    engine.dispose()
    assert pools.ended(job).job.status == "succeeded"


def test_a_job_that_an_ending_pool_gives_back_wakes_another_one(pools, far, eventually, sql):
    job = pools.start("w.wait")
    pools.running(job)
    pools.open(**FAR)
    eventually(lambda: len(sql(LISTENERS)) == 2)
    pools.terminate(far)
    assert pools.ended_as(far) == 0
    eventually(lambda: pools.runner.status(job).job.attempt == 2)
    pools.runner.kill(job)
    assert pools.ended(job).job.status == "stopped"


def test_without_a_listener_the_pool_looks_by_itself_and_the_listener_comes_back(pools, eventually, sql):
    pools.open(**FAR | {"JOBRUNNER_POLL_MIN": "0.2", "JOBRUNNER_POLL_MAX": "0.5"})
    ((first,),) = eventually(lambda: sql(LISTENERS))
    job = pools.start("w.wait", {"seconds": 2})
    while pools.status(job) != "succeeded":
        sql(f"SELECT pg_terminate_backend(pid) FROM ({LISTENERS}) listening")
    ((second,),) = eventually(lambda: sql(LISTENERS))
    assert second != first


def test_a_listener_that_was_lost_is_replaced_and_wakes_the_pool_again(pools, far, eventually, sql):
    ((first,),) = sql(LISTENERS)
    sql(f"SELECT pg_terminate_backend({first})")
    eventually(lambda: sql(LISTENERS) not in ([], [(first,)]))
    assert pools.ended(pools.start("t.noop")).job.status == "succeeded"


def test_only_calls_for_the_own_queues_are_heard(runner, database, eventually, sql):
    heard: list[None] = []
    hearing = Hearing(database, ["mail"], lambda: heard.append(None))
    hearing.start()
    eventually(lambda: sql(LISTENERS) and heard)
    before = len(heard)
    runner.start("t.noop", queue="other")
    runner.start("t.noop", queue="mail", hold=True)
    runner.start("t.noop", queue="mail", launcher="detached", hold=True)
    runner.start("t.noop", queue="mail")
    eventually(lambda: len(heard) > before)
    hearing.close()
    runner.start("t.noop", queue="mail")
    eventually(lambda: not hearing.is_running)
    assert len(heard) <= before + 2
