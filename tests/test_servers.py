"""The private servers start, stop and end with those who asked for them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.addresses import query
from tests.servers import ROOT, Server

pytestmark = pytest.mark.databases("mariadb", "postgres")

OWNER = """
import os, sys, time
from pathlib import Path
from tests.servers import shared_address
address = shared_address(sys.argv[1], Path(sys.argv[2]), os.getpid())
print(address.version(), flush=True)
time.sleep(600)
"""


def test_a_stopped_server_keeps_its_rows_and_its_port(own_server: Server) -> None:
    port = own_server.address.port
    with own_server.address.connect() as connection:
        query(connection, "CREATE DATABASE kept")
    own_server.restart()
    own_server.kill9()
    own_server.start()
    assert own_server.address.port == port
    own_server.address.connect("kept").close()
    own_server.address.drop_database("kept")


def test_a_stopped_server_does_not_answer(own_server: Server) -> None:
    own_server.stop()
    assert own_server.pid is None
    with pytest.raises(Exception, match="onnect"):
        own_server.address.connect()


def test_a_server_listens_on_loopback_only_and_runs_unprivileged(own_server: Server) -> None:
    assert own_server.pid is not None
    assert Path(f"/proc/{own_server.pid}").stat().st_uid != 0
    port = f":{own_server.address.port:04X}"
    rows = [
        line.split()
        for table in ("tcp", "tcp6")
        for line in Path(f"/proc/net/{table}").read_text().splitlines()
    ]
    assert {row[1] for row in rows if row[1].endswith(port) and row[3] == "0A"} == {f"0100007F{port}"}


def test_a_shared_server_ends_when_its_owner_is_killed(kind, stores, tmp_path, eventually) -> None:
    stores.address(kind)
    tmp_path.parent.parent.chmod(0o755)
    run = Path(subprocess.check_output(["mktemp", "-d", "-p", stores.run.parent], text=True).strip())
    run.chmod(0o755)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    given = [name for name in environment if name.startswith("JOBRUNNER_TEST_") and name.endswith("_URL")]
    for name in given:
        del environment[name]
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, kind, run], env=environment, stdout=subprocess.PIPE, text=True
    )
    assert owner.stdout is not None
    with owner.stdout:
        assert owner.stdout.readline().strip()
    running = [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if _mentions(pid, str(run))]
    assert len(running) >= 2
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    eventually(lambda: not any(_mentions(pid, str(run)) for pid in running))
    eventually(lambda: not run.exists())


def _mentions(pid: int, text: str) -> bool:
    try:
        return text.encode() in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
