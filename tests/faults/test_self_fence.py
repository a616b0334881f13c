"""Who cannot know that its lease stands begins nothing: no handler is called, and no job is claimed."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobrunner import JobRunner
from jobrunner.auditor import verify
from tests.faults.laboratory import TIMING, Laboratory
from tests.worker.workbed import is_gone

NEVER_SURE = {"self_fence": 0.001}


@pytest.mark.databases("mariadb", "postgres")
def test_an_idempotent_handler_is_not_called_when_the_job_may_be_another_workers(
    lab: Laboratory, url: str, tmp_path: Path
) -> None:
    unsure = JobRunner(
        database_url=url, handlers=["tests.handlers.lost"], launcher="detached", **{**TIMING, **NEVER_SURE}
    )
    job = unsure.start("l.again", {"witness": str(lab.witness)}).job_id
    assert job is not None
    lab.poll(lambda: "interrupt" in lab.triggers(job))
    worker = int(lab.sql(f"SELECT pid FROM jobrunner_job_attempt WHERE job_id = {job}")[0][0])
    lab.poll(lambda: is_gone(worker))
    assert not lab.witness.exists(), "no handler has begun"
    assert lab.sql(f"SELECT budget_used FROM jobrunner_job WHERE id = {job}") == [(0,)]
    assert list(verify(unsure.database)) == []
    unsure.database.close()


@pytest.mark.databases("mariadb", "postgres")
def test_a_handler_that_must_not_run_twice_goes_on_without_a_heartbeat(lab: Laboratory, url: str) -> None:
    unsure = JobRunner(
        database_url=url, handlers=["tests.handlers.lost"], launcher="detached", **{**TIMING, **NEVER_SURE}
    )
    job = unsure.start("l.once", {"witness": str(lab.witness), "seconds": 0.5}).job_id
    assert job is not None
    assert lab.ended(job).job.status == "succeeded" and lab.starts() == 1
    unsure.database.close()


def test_a_pool_without_a_heartbeat_claims_nothing(lab: Laboratory, cli) -> None:
    environment = {"JOBRUNNER_HANDLERS": "tests.handlers.lost", "JOBRUNNER_UNSAFE_TIMING": "true"}
    environment |= {"JOBRUNNER_SELF_FENCE": "0.000001", "JOBRUNNER_HEARTBEAT": "0.1", "JOBRUNNER_LEASE": "30"}
    job = lab.start("l.quick", launcher="pool")
    pool = cli.spawn("work", env=environment)
    lab.poll(lambda: [row for row in lab.sql("SELECT beats FROM jobrunner_lease") if row[0] > 5])
    assert lab.status(job) == "queued"
    pool.terminate()
    assert pool.wait(30) == 0
    assert lab.triggers(job) == ["create"]
