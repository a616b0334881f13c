"""Whole families of processes that end at once: a web server, a service with its control group, a host."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from jobrunner.errors import StoreError
from tests.faults.amounts import amount
from tests.faults.laboratory import LEASE, Laboratory
from tests.faults.test_processes import ENVIRONMENT
from tests.web.server import Server
from tests.worker.workbed import is_gone

UNIFIED = Path("/sys/fs/cgroup/unified"), Path("/sys/fs/cgroup")
# stands in for systemd-run: what it executes is in a control group of its own
SCOPES = """#!/bin/sh
mkdir -p {scope} && echo $$ > {scope}/cgroup.procs || exit 1
while [ "$1" != "--" ]; do shift; done
shift
exec "$@"
"""
# A service: it is in its group before it starts anything. The first job gets a scope, the second none.
SERVICE = """
import os, sys, time
group, witness, booted = sys.argv[1:]
open(group + "/cgroup.procs", "w").write(str(os.getpid()))
from jobrunner import JobRunner, scopes
runner = JobRunner(handlers=["tests.handlers.lost"], launcher="detached")
for scopes.BOOTED in (booted, booted + "/nothing"):
    print(runner.start("l.again", {"witness": witness, "seconds": 6}).job_id, flush=True)
time.sleep(600)
"""


@pytest.fixture
def surroundings(lab: Laboratory, monkeypatch: pytest.MonkeyPatch) -> None:
    """The settings of the laboratory, for whatever is started from now on."""
    lab.wait_for_launches()
    for name, value in {**ENVIRONMENT, "JOBRUNNER_LAUNCH_GRACE": "30"}.items():
        monkeypatch.setenv(name, str(value))


# nobody's worker dies here, and one that a busy machine holds up is to keep its job
UNHURRIED = {"JOBRUNNER_SELF_FENCE": "30", "JOBRUNNER_LEASE": "60"}


@pytest.mark.fault("F05")
@pytest.mark.timeout(300)
@pytest.mark.usefixtures("surroundings")
def test_a_web_server_that_is_killed_costs_no_job_and_nothing_that_it_acknowledged(
    lab, monkeypatch: pytest.MonkeyPatch, tally: Any
) -> None:
    lab.runner.jobs()
    for name, value in UNHURRIED.items():
        monkeypatch.setenv(name, value)
    server = Server(lab.store.directory, {}, ("--no-auth",)).start()
    jobs: set[int] = set()
    try:
        for round_ in range(amount(2, 100)):
            busy = post(lab, server, f"busy-{round_}", "l.once", {"seconds": 1.0})
            lab.running(busy)
            rest = [threading.Thread(target=ask, args=(lab, server, f"{round_}-{n}")) for n in range(6)]
            for thread in rest:
                thread.start()
            server.end(signal.SIGKILL)
            tally.injected("kill -9 of a web server")
            for thread in rest:
                thread.join()
            server.start()
            # whoever got no answer asks again with the same key
            jobs |= {busy, *(post(lab, server, f"{round_}-{n}", "f.again", {}) for n in range(6))}
            lab.ended(busy)
            assert lab.triggers(busy) == ["create", "claim", "succeed"]
            assert server.get(f"/api/jobs/{busy}", token=None).json["job"]["status"] == "succeeded"
    finally:
        server.end()
    assert {lab.heal(job) for job in jobs} == {"succeeded"}
    assert {int(row[0]) for row in lab.sql("SELECT id FROM jobrunner_job")} == jobs
    assert lab.starts() == lab.claims() == len(jobs)
    assert lab.sound(settled=True)


def post(lab: Laboratory, server: Server, key: str, type: str, params: dict[str, Any]) -> int:
    """Starts a job over HTTP, as the history tells it; StoreError when no answer comes."""
    params = {"witness": str(lab.witness), **({"lines": 3, "seconds": 0.0, "odd": ""} | params)}
    if type.startswith("l."):
        params = {name: params[name] for name in ("witness", "seconds")}

    def call() -> int:
        body = {"type": type, "params": params, "launcher": "detached"}
        try:
            answer = server.post("/api/jobs", body, token=None, headers={"Idempotency-Key": key})
        except (OSError, http.client.HTTPException) as error:
            raise StoreError(str(error)) from error
        assert answer.status in (200, 201), answer.text
        return int(answer.json["job_id"])

    return lab.history.tell("start", call, lambda job: job, key=key, params=params)


def ask(lab: Laboratory, server: Server, key: str) -> None:
    """Starts a job over HTTP; whether anybody answers is not said."""
    with contextlib.suppress(StoreError):
        post(lab, server, key, "f.again", {})


@pytest.fixture
def groups(
    not_here: Callable[[str], None], eventually: Callable[..., Any]
) -> Iterator[tuple[Path, Path] | None]:
    """Two control groups, of a service and of a scope; None where they cannot be made."""
    root = next((path for path in UNIFIED if (path / "cgroup.procs").exists()), None)
    made = [root / f"jobrunner-{os.getpid()}.{kind}" for kind in ("service", "scope")] if root else []
    try:
        for group in made:
            group.mkdir()
    except OSError as error:
        not_here(f"no control group can be made ({error.strerror})")
        made = []
    if made and not (made[0] / "cgroup.kill").exists():
        not_here("this kernel does not end a control group at once")
        made = []
    yield (made[0], made[1]) if made else None
    for group in made:
        (group / "cgroup.kill").write_text("1")
        eventually(lambda group=group: not (group / "cgroup.procs").read_text())
        group.rmdir()


@pytest.mark.fault("F06")
@pytest.mark.timeout(300)
@pytest.mark.databases("sqlite", "mariadb")
@pytest.mark.usefixtures("surroundings")
def test_when_a_service_is_ended_with_its_group_a_scoped_job_lives_on_and_another_is_run_again(
    lab, tally: Any, tmp_path: Path, groups: tuple[Path, Path] | None, monkeypatch: Any
) -> None:
    if groups is None:
        return
    service, scope = groups
    program = tmp_path / "systemd-run"
    program.write_text(SCOPES.format(scope=scope))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    lab.runner.jobs()
    command = [sys.executable, "-c", SERVICE, str(service), str(lab.witness), str(tmp_path)]
    web = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert web.stdout is not None
    scoped, unscoped = (int(web.stdout.readline()) for _ in range(2))
    workers = {job: lab.running(job) for job in (scoped, unscoped)}
    told = {job: lab.runner.status(job).job.worker.scope for job in workers}
    assert told == {scoped: "scope", unscoped: "none"}
    (service / "cgroup.kill").write_text("1")
    tally.injected("a service ended with its control group")
    assert web.wait(20) == -signal.SIGKILL
    lab.poll(lambda: is_gone(workers[unscoped]))
    assert not is_gone(workers[scoped])
    web.stdout.close()
    assert (lab.heal(unscoped), lab.heal(scoped)) == ("succeeded", "succeeded")
    assert lab.triggers(scoped) == ["create", "claim", "succeed"]
    assert lab.triggers(unscoped) == ["create", "claim", "requeue_lost", "claim", "succeed"]
    assert lab.starts() == lab.claims() == 3
    assert lab.sound(settled=True)


@pytest.mark.fault("F32")
@pytest.mark.timeout(300)
@pytest.mark.databases("mariadb", "postgres")
@pytest.mark.usefixtures("surroundings")
def test_when_a_host_is_gone_its_jobs_are_judged_by_their_lease_alone(
    lab, tally: Any, not_here: Callable[[str], None]
) -> None:
    alone = ["unshare", "--uts", "--pid", "--mount-proc", "--fork", "--kill-child"]
    try:
        subprocess.run([*alone, "hostname", "elsewhere"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        not_here(f"no namespaces of another host can be made ({error})")
        return
    params = {"witness": str(lab.witness)}
    jobs = {kind: lab.start(kind, params, launcher="pool") for kind in ("l.again", "l.once")}
    work = f"hostname elsewhere && exec {sys.executable} -m jobrunner work --capacity 2"
    nowhere: Any = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
    host = subprocess.Popen([*alone, "sh", "-c", work], **nowhere)
    for job in jobs.values():
        lab.running(job)
    assert {one["host"] for one in lab.runner.workers()} == {"elsewhere"}
    # what has no namespace of its own cannot be told from without: the lease alone decides
    lab.runner.reaper().sweeper.recover(by_lease=False)
    assert [lab.status(job) for job in jobs.values()] == ["running", "running"]
    (inside,) = Path(f"/proc/{host.pid}/task/{host.pid}/children").read_text().split()
    os.kill(int(inside), signal.SIGKILL)
    host.wait()
    tally.injected("hosts that are gone")
    lab.poll(lambda: lab.runner.status(jobs["l.once"]).job.is_stale, timeout=4 * LEASE)
    swept = lab.runner.reaper().once()
    assert {(one.job_id, one.trigger) for one in swept.recovered} == {
        (jobs["l.again"], "requeue_lost"), (jobs["l.once"], "park_lost"),
    }  # fmt: skip
    assert "not been heard of" in lab.runner.status(jobs["l.once"]).error.message
    assert lab.runner.run(jobs["l.again"]) == 0
    assert lab.triggers(jobs["l.again"]) == ["create", "claim", "requeue_lost", "claim", "succeed"]
    assert lab.triggers(jobs["l.once"]) == ["create", "claim", "park_lost"]
    assert lab.starts() == lab.claims() == 3
    assert lab.sound(settled=True)
