"""The rows of the fault matrix: what is covered by the tests of this directory, and what cannot be done here.

A test names its rows by ``@pytest.mark.fault("F01")``. A row counts as covered on a database when
such a test has passed there. ``WANTED`` are the databases that a row asks for (a cluster of MariaDB
nodes comes later).

| row | not here, because |
|---|---|
| F19 to F23, F27 | three Galera nodes come with the cluster |

F06 has a program in systemd-run's place, for no systemd runs here; the control groups and their end are real.
F36 is tables of another version number, for there is one shape of them so far. F37 restores when nobody works:
a worker from after the backup is not fenced out by restoring it.
"""

from __future__ import annotations

S, M, P = "sqlite", "mariadb", "postgres"

ROWS: dict[str, tuple[str, tuple[str, ...]]] = {
    "F01": ("kill -9 of the child", (S, M, P)),
    "F02": ("kill -9 of the worker", (S, M, P)),
    "F03": ("kill -9 of worker and child at once", (S, M, P)),
    "F04": ("kill -9 at every failpoint", (S, M, P)),
    "F05": ("kill -9 of the web server", (S, M, P)),
    "F06": ("a service ended with its control group", (S, M)),
    "F07": ("a worker that stands still longer than its lease", (S, M, P)),
    "F08": ("a child that stands still", (M,)),
    "F09": ("several reapers at once", (S, M, P)),
    "F10": ("several claimers at once", (S, M, P)),
    "F11": ("cancel, end and reap at one instant", (S, M, P)),
    "F12": ("deadlocks and conflicts at each database call", (M, P)),
    "F13": ("connections and statements killed", (M, P)),
    "F14": ("the answer to COMMIT is lost", (M, P)),
    "F15": ("the client gives up on a slow statement", (M, P)),
    "F16": ("packets vanish", (M, P)),
    "F17": ("the server restarts", (M, P)),
    "F18": ("kill -9 of the server", (M, P)),
    "F24": ("the disk of the database is full", (S, M, P)),
    "F25": ("the spool is full", (M,)),
    "F26": ("clocks jump", (S, M, P)),
    "F28": ("the kernel kills for want of memory", (M,)),
    "F29": ("processes that leave the family hold the output", (M,)),
    "F30": ("floods and odd bytes in the output", (S, M, P)),
    "F31": ("a pid is used again", (M,)),
    "F32": ("a host is gone", (M, P)),
    "F33": ("the worker is cut off, and comes back after it was reaped", (M, P)),
    "F34": ("a pinned reader, and eight processes that write", (S,)),
    "F35": ("kill -9 at each write to the database file", (S,)),
    "F36": ("tables of another version under running workers", (S, M, P)),
    "F37": ("a backup is restored", (S, M, P)),
    "F38": ("a server that only reads", (M, P)),
}
NOT_HERE: dict[str, str] = {
    "F19–F23, F27": "three Galera nodes come later",
}
# Errors that the classifier must have seen, by the database that says them.
ERRORS: dict[str, tuple[str, ...]] = {
    S: ("SQLITE_BUSY", "SQLITE_BUSY_SNAPSHOT", "SQLITE_FULL"),
    M: ("1020", "1047", "1180", "1205", "1213", "1317", "2006", "2013", "0"),
    P: ("40001", "40P01", "57P01"),
}
