"""The server restarts, dies, is full, or only reads; the spool is full."""

from __future__ import annotations

import contextlib
import secrets
import shutil
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable
from functools import partial

import pytest

from jobrunner.errors import DatabaseFull, DatabaseReadOnly, StoreError
from jobrunner.store import claims
from tests.addresses import query
from tests.faults.amounts import amount
from tests.faults.laboratory import Laboratory
from tests.faults.oddities import ODD


def starter(lab: Laboratory, over: threading.Event, prefix: str) -> Callable[[], None]:
    """Starts jobs one after another until it is over, each until it is acknowledged."""

    def run() -> None:
        number = 0
        while not over.is_set():
            number += 1
            key, params = (
                f"{prefix}-{number}",
                {"witness": "", "lines": 1, "seconds": 0.0, "odd": ODD[number % 10]},
            )
            with contextlib.suppress(StoreError):
                lab.history.tell(
                    "start",
                    partial(lab.runner.start, "f.again", params, idempotency_key=key, launcher="pool"),
                    lambda result: result.job_id, key=key, params=params,
                )  # fmt: skip
            time.sleep(0.005)

    return run


@pytest.mark.fault("F17", "F18")
@pytest.mark.databases("mariadb", "postgres")
@pytest.mark.parametrize("how", ["restart", "kill9"])
def test_a_server_that_ends_under_load_loses_nothing_that_was_acknowledged(
    own_server, lab, tally, how
) -> None:
    lab.bear_silence()
    jobs = [lab.begin(kind, lines=200, seconds=0.02)[0] for kind in ("f.once", "f.again")]
    over = threading.Event()
    load = threading.Thread(target=starter(lab, over, how))
    load.start()
    for _ in range(amount(2, 50)):
        time.sleep(0.5)
        own_server.stop() if how == "restart" else own_server.kill9()
        own_server.start()
        tally.injected(f"servers ended by {'SIGTERM' if how == 'restart' else 'kill -9'}")
        began = time.monotonic()
        count = lab.sql("SELECT COUNT(*) FROM jobrunner_job")[0][0]
        lab.poll(lambda c=count: lab.sql("SELECT COUNT(*) FROM jobrunner_job")[0][0] > c)
        assert time.monotonic() - began < 30, "the aim is 10 s"
    over.set()
    load.join()
    for job in jobs:
        assert lab.ended(job).job.status == "succeeded"
        assert lab.triggers(job) == ["create", "claim", "succeed"]
    if lab.store.kind == "mariadb":
        assert lab.sql("CHECK TABLE jobrunner_job, jobrunner_job_transition, jobrunner_job_log")[0][3] == "OK"
    assert lab.sound(settled=True)


@pytest.mark.fault("F24")
@pytest.mark.databases("mariadb", "postgres")
@pytest.mark.timeout(200)
def test_a_server_whose_disk_is_full_is_told_and_carries_on_when_there_is_room(
    own_server, lab, tally, not_here
) -> None:
    own_server.stop()
    size = sum(file.stat().st_size for file in own_server.data.rglob("*") if file.is_file())
    moved = own_server.data.with_name("moved")
    own_server.data.rename(moved)
    own_server.data.mkdir()
    room = size + 24 * 1024**2
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={room}", "tmpfs", own_server.data], capture_output=True
    )
    if mounted.returncode:
        own_server.data.rmdir()
        moved.rename(own_server.data)
        own_server.start()
        not_here("root may not mount a small disk")
        return
    try:
        subprocess.run(["cp", "-a", f"{moved}/.", own_server.data], check=True)
        own_server.start()
        job, _ = lab.begin("f.once", lines=400, seconds=0.02)
        tally.injected("full disks of a server")

        def fill() -> None:
            for _ in range(400):
                lab.runner.start("f.again", {"witness": secrets.token_hex(450_000)}, launcher="pool")

        with pytest.raises(StoreError) as refused:
            fill()
        assert isinstance(refused.value, DatabaseFull) or refused.value.code == "database_unavailable"
        subprocess.run(["mount", "-o", f"remount,size={room * 8}", own_server.data], check=True)
        own_server.start()
        lab.poll(lambda: _answers(lab), timeout=60)
        assert lab.ended(job).job.status == "succeeded"
        lab.runner.start("f.again", {"witness": ""}, launcher="pool")
        assert lab.sound()
    finally:
        own_server.stop()
        subprocess.run(["umount", "-l", own_server.data], check=True)
        own_server.data.rmdir()
        shutil.rmtree(moved, ignore_errors=True)


@pytest.mark.fault("F24")
@pytest.mark.databases("sqlite")
def test_a_full_sqlite_file_is_told_and_leaves_no_half_row(lab, stage, tally) -> None:
    stage.play("before").finish()
    engine = lab.runner.database.engine()
    with engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + 20}")
        driver = connection.connection.dbapi_connection
    assert isinstance(driver, sqlite3.Connection)

    def fill() -> None:
        for _ in range(50):
            lab.runner.start("f.again", {"witness": "x" * 9000}, launcher="pool")

    with pytest.raises(DatabaseFull):
        fill()
    tally.injected("full SQLite files")
    driver.execute("PRAGMA max_page_count = 1000000000")
    stage.play("after").finish()
    assert lab.sound()
    assert lab.sql("PRAGMA integrity_check") == [("ok",)]


@pytest.mark.fault("F25")
@pytest.mark.databases("mariadb")
@pytest.mark.timeout(200)
def test_lines_that_the_spool_has_no_room_for_are_counted_and_the_job_goes_on(own_server, lab, tally) -> None:
    from dataclasses import replace

    lab.runner.settings = replace(lab.runner.settings, spool_max_bytes=100_000, self_fence=60.0, lease=120.0)
    job = lab.start("f.flood", {"witness": "", "size": 2_000_000})
    lab.poll(lambda: lab.status(job) == "running")
    own_server.stop()
    tally.injected("spools without room")
    time.sleep(2)
    own_server.start()
    assert lab.ended(job, 100).job.status == "succeeded"
    said = [line for line in lab.lines(job, "system") if "were dropped" in line]
    dropped = sum(int(line.split()[0]) for line in said)
    stored = len([line for line in lab.lines(job, "stdout") if line.isdigit()])
    assert dropped > 0 and stored < 10_000 and stored + dropped >= 10_000
    assert lab.sound(settled=True)


@pytest.mark.fault("F38")
@pytest.mark.databases("mariadb", "postgres")
def test_a_server_that_only_reads_is_named_as_such_and_nothing_is_decided_on_it(
    own_server, lab, stage, tally
) -> None:
    job = stage.play("held").start("f.once")
    name = lab.store.name
    on, off = (
        ("SET GLOBAL tx_read_only = 1", "SET GLOBAL tx_read_only = 0")
        if lab.store.kind == "mariadb"
        else (f"ALTER DATABASE {name} SET default_transaction_read_only = {value}" for value in ("on", "off"))
    )
    writing = lab.store.connect()
    query(writing, on)
    lab.runner.close()
    tally.injected("servers that only read")
    for act in (
        lambda: lab.runner.start("f.again", {"witness": ""}, launcher="pool"),
        lambda: lab.runner.cancel(job),
        lambda: claims.claim(
            lab.runner.database, job, stage.play("").worker(), token=None, launch_grace=0, lease=5
        ),
    ):
        with pytest.raises(DatabaseReadOnly):
            act()
    assert lab.runner.status(job).job.status == "queued"
    if lab.store.kind == "postgres":
        query(writing, "SET default_transaction_read_only = off")
    query(writing, off)
    writing.close()
    lab.runner.close()
    stage.play("held").settle()
    assert lab.sound(settled=True)


def _answers(lab: Laboratory) -> bool:
    """True when the server takes statements: PostgreSQL recovers by itself from a full disk, in its own time."""
    try:
        return lab.sql("SELECT 1") == [(1,)]
    except Exception:  # whichever driver it is, it says in its own words that the server is not there
        return False
