"""How worker processes are started, and what of their starter they get."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys

import pytest

from jobrunner import launcher
from jobrunner.errors import LaunchFailed
from jobrunner.settings import Settings
from jobrunner.worker import waiting
from tests.worker.workbed import is_gone

OWN = {
    "PATH": "/bin", "HOME": "/root", "LC_ALL": "C", "SHOP": "7", "JOBRUNNER_DATABASE_URL": "mysql://u:p@h/d",
    "jobrunner_token": "x", "LISTEN_FDS": "1", "WERKZEUG_SERVER_FD": "3", "JR_ATTEMPT": "7",
}  # fmt: skip


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        ("inherit", {"PATH", "HOME", "LC_ALL", "SHOP"}),
        ("minimal", {"PATH", "HOME", "LC_ALL"}),
        (("SHOP", "JOBRUNNER_DATABASE_URL"), {"SHOP"}),
    ],
)
def test_the_environment_is_what_worker_env_says_less_our_own(wanted, names):
    assert set(launcher.environment(Settings(worker_env=wanted), OWN)) == names


def order(url: str, **more) -> dict:
    return {
        "job_id": 4711, "token": "void", "due_in": 0, "settings": Settings(database_url=url).to_order(),
        "sys_path": sys.path, "cwd": os.getcwd(), "modules": [], "scope": "none", "kind": "detached", **more,
    }  # fmt: skip


def test_a_directory_that_is_gone_is_a_failed_launch(sqlite_url, tmp_path):
    with pytest.raises(LaunchFailed, match="No such file"):
        launcher.spawn(order(sqlite_url, cwd=str(tmp_path / "gone")), Settings())


def test_a_path_without_jobrunner_is_a_failed_launch(sqlite_url):
    with pytest.raises(LaunchFailed, match="jobrunner"):
        launcher.spawn(
            order(sqlite_url, sys_path=[p for p in sys.path if "lib/python" in p and "site" not in p]),
            Settings(),
        )


def test_an_interpreter_that_is_gone_is_a_failed_launch(sqlite_url, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/nowhere/python3")
    with pytest.raises(LaunchFailed, match="nowhere"):
        launcher.spawn(order(sqlite_url), Settings())


def test_an_order_for_no_job_ends_with_a_plain_no(sqlite_url):
    assert launcher.foreground(order(sqlite_url, kind="run")) == 1


def test_secrets_travel_by_standard_input_only(work, tmp_path):
    job = work.start("n.finally", {"path": str(tmp_path / "done")})
    worker = work.running(job)
    secret = work.runner.settings.database_url
    for part in ("cmdline", "environ"):
        with open(f"/proc/{worker}/{part}", "rb") as file:
            assert secret.encode() not in file.read()
    work.runner.kill(job)
    work.ended(job)


@pytest.mark.databases("sqlite")
def test_a_port_of_the_starter_is_free_again_at_once(work, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.set_inheritable(True)
        port = server.getsockname()[1]
        job = work.start("n.finally", {"path": str(tmp_path / "done")})
        work.running(job)
    socket.create_server(("127.0.0.1", port)).close()
    work.runner.kill(job)
    work.ended(job)


@pytest.mark.databases("sqlite")
def test_a_worker_outlives_its_starter(work, sql, url, tmp_path):
    program = (
        "import os, sys; from jobrunner import JobRunner;"
        "r = JobRunner(database_url=sys.argv[1], handlers=['tests.handlers.nasty']);"
        "print(r.start('n.counting', {'n': 20}).job_id, flush=True); os.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", program, url], capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL
    assert work.ended(int(done.stdout)).job.status == "succeeded"


@pytest.mark.databases("sqlite")
def test_a_starter_that_ignores_its_children_can_launch(work, monkeypatch):
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        job = work.start("n.os_exit", {"code": 3})
    finally:
        signal.signal(signal.SIGCHLD, before)
    assert work.ended(job).error.reason_code == "exited_3"


@pytest.mark.databases("sqlite")
def test_run_passes_a_signal_on_and_the_job_ends_in_order(work, cli, tmp_path):
    job = work.start("n.finally", {"path": str(tmp_path / "done")}, launcher="pool")
    process = cli.spawn("run", job, env={"JOBRUNNER_HANDLERS": "tests.handlers.nasty"})
    worker = work.running(job)
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) != 0
    assert work.status(job) == "parked"
    assert is_gone(worker)


def test_a_delayed_worker_goes_when_its_launch_is_void(work, sqlite_url):
    job = work.start("n.os_exit", launcher="pool", delay=60)
    told = order(sqlite_url, job_id=job, due_in=60.0)
    assert waiting.until_due(told, longest=0.05) is False


def test_a_delayed_worker_stays_while_the_store_is_away(tmp_path):
    told = order(f"sqlite:///{tmp_path}/nowhere/jobs.db", due_in=0.3)
    assert waiting.until_due(told, longest=0.1) is True


def test_an_order_is_plain_json(sqlite_url):
    assert json.loads(json.dumps(order(sqlite_url)))["job_id"] == 4711
