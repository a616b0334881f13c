"""A detached worker gets a scope of its own where there is a systemd, and starts all the same where it refuses.

No systemd runs here: a program of the same name stands in for ``systemd-run`` and executes what it is given.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from jobrunner import launcher, scopes

pytestmark = pytest.mark.databases("sqlite")
EXECUTES = """#!/bin/sh
echo "$@" >> "{said}"
while [ "$1" != "--" ]; do shift; done
shift
exec "$@"
"""
REFUSES = """#!/bin/sh
echo "$@" >> "{said}"
echo "Failed to start transient scope unit: Access denied" >&2
exit 1
"""
HANGS = """#!/bin/sh
echo "$@" >> "{said}"
exec sleep 60
"""


@pytest.fixture
def systemd_run(tmp_path, monkeypatch):
    """Puts a stand-in for systemd-run first on the path; returns where it says how it was called."""

    def put(text: str) -> Path:
        said, program = tmp_path / "said", tmp_path / "systemd-run"
        program.write_text(text.format(said=said))
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
        monkeypatch.setattr(scopes, "BOOTED", str(tmp_path))
        monkeypatch.setattr(launcher, "_refused_at", float("-inf"))
        return said

    return put


def test_a_worker_that_systemd_run_has_started_says_scope(work, systemd_run):
    said = systemd_run(EXECUTES)
    ended = work.run("n.counting", {"n": 2})
    assert (ended.job.status, ended.job.worker.scope) == ("succeeded", "scope")
    (call,) = said.read_text().splitlines()
    assert f"--unit=jobrunner-{ended.job.id}-" in call
    assert "--scope" in call and "--collect" in call
    assert "token" not in call, "nothing secret stands in a command line"


def test_every_worker_has_a_scope_of_its_own(work, systemd_run):
    said = systemd_run(EXECUTES)
    jobs = [work.start("n.counting", {"n": 2}) for _ in range(3)]
    assert [work.ended(job).job.worker.scope for job in jobs] == ["scope"] * 3
    units = [part for part in said.read_text().split() if part.startswith("--unit=")]
    assert len(set(units)) == 3


@pytest.mark.parametrize("text", [REFUSES, HANGS], ids=["refuses", "hangs"])
def test_where_it_refuses_the_worker_is_started_without_and_it_is_not_asked_again(
    work, systemd_run, monkeypatch, text
):
    monkeypatch.setattr(launcher, "_SCOPED_PATIENCE", 0.5)
    said = systemd_run(text)
    for _ in range(2):
        ended = work.run("n.counting", {"n": 2})
        assert ended.job.status == "succeeded"
        assert ended.job.worker.scope in ("host", "none")
    assert len(said.read_text().splitlines()) == 1


def test_the_fleet_says_how_detached_each_worker_is(work, systemd_run):
    systemd_run(EXECUTES)
    job = work.start("n.counting", {"n": 600})
    work.running(job)
    assert [one["scope"] for one in work.runner.workers()] == ["scope"]
    work.runner.kill(job)
    work.ended(job)
