"""Private MariaDB and PostgreSQL servers, which live no longer than the process that asked for them.

A server has its own data directory, socket and free port of 127.0.0.1 and runs as an unprivileged user. The
services of the machine are never touched. Run as a program, this file minds one server until its owner is gone.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import json
import os
import pwd
import secrets
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, ClassVar

ROOT = Path(__file__).resolve().parent.parent
if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))

from tests.addresses import Address  # noqa: E402

USER = "jobrunner"
# Distinctive, so that a test can look for it where a password must not be.
PASSWORD = "opensesame7"
PR_SET_PDEATHSIG = 1
PATIENCE = 60.0
LIBC = ctypes.CDLL(None)


def die_with_parent(number: signal.Signals) -> None:
    """Has the kernel send this process a signal when its parent ends; a change of user undoes it."""
    LIBC.prctl(PR_SET_PDEATHSIG, int(number))


class ServerUnavailable(Exception):
    """This machine has no such server, or it does not start."""


class Server:
    """One database server of its own. It dies with the thread that started it, so start it from a main thread."""

    kind: ClassVar[str]
    service_user: ClassVar[str]
    stop_signal: ClassVar[signal.Signals]
    death_signal: ClassVar[signal.Signals]

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.data = directory / "data"
        self.address = Address(self.kind, "127.0.0.1", _free_port(), USER, PASSWORD)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """Is the server's process, while it runs."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def start(self) -> None:
        """Returns when the server answers; the first start makes its data. Does nothing while it runs."""
        if self.pid:
            return
        if not self.data.exists():
            self.directory.mkdir(parents=True, exist_ok=True)
            if os.getuid() == 0:
                shutil.chown(self.directory, self.service_user, self.service_user)
            self._initialise()
        with (self.directory / "log").open("ab") as log:
            self._process = subprocess.Popen(
                self._command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.directory,
                env=_environment(),
                start_new_session=True,
                preexec_fn=lambda: die_with_parent(self.death_signal),
                **self._identity(),
            )
        self._await_answer()

    def stop(self) -> None:
        """Ends the server in order; open sessions are rolled back. Returns when it is gone."""
        self._end(self.stop_signal)

    def kill9(self) -> None:
        """Ends the server as a power cut would."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        """Stops and starts on the same port, with the same data."""
        self.stop()
        self.start()

    def discard(self) -> None:
        """Ends the server for good, quickly, and removes its data."""
        if self.pid:
            self._end(self.death_signal)
        shutil.rmtree(self.directory, ignore_errors=True)

    def _initialise(self) -> None:
        raise NotImplementedError

    def _command(self) -> list[str]:
        raise NotImplementedError

    def _run(self, *command: str) -> None:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, cwd=self.directory,
            env=_environment(), **self._identity(),
        )  # fmt: skip
        if done.returncode:
            raise ServerUnavailable(f"{command[0]} failed: {(done.stdout + done.stderr)[-600:]}")

    def _identity(self) -> dict[str, Any]:
        if os.getuid() != 0:
            return {}
        return {"user": self.service_user, "group": self.service_user, "extra_groups": []}

    def _await_answer(self) -> None:
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                self.address.connect().close()
                return
            except Exception as error:
                if self.pid and time.monotonic() < deadline:
                    time.sleep(0.03)
                    continue
                self.kill9()
                log = (self.directory / "log").read_text(errors="replace")[-800:]
                raise ServerUnavailable(f"{self.kind} does not answer: {error}\n{log}") from error

    def _end(self, number: signal.Signals) -> None:
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.send_signal(number)
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None


class MariaServer(Server):
    kind = "mariadb"
    service_user = "mysql"
    stop_signal = signal.SIGTERM
    death_signal = signal.SIGKILL

    def _initialise(self) -> None:
        (self.directory / "init.sql").write_text(
            f"CREATE USER IF NOT EXISTS '{USER}'@'127.0.0.1' IDENTIFIED BY '{PASSWORD}';\n"
            f"GRANT ALL ON *.* TO '{USER}'@'127.0.0.1';\n"
        )
        self._run(
            _program("mariadb-install-db"), "--no-defaults", f"--datadir={self.data}", f"--tmpdir={self.directory}",
            "--auth-root-authentication-method=normal", "--skip-test-db", "--innodb-log-file-size=32M",
        )  # fmt: skip

    def _command(self) -> list[str]:
        # The zone is odd on purpose: what is UTC must be so without the server's help.
        return [
            _program("mariadbd"), "--no-defaults", f"--datadir={self.data}", f"--tmpdir={self.directory}",
            f"--socket={self.directory}/s", f"--port={self.address.port}", "--bind-address=127.0.0.1",
            f"--init-file={self.directory}/init.sql", f"--pid-file={self.directory}/pid", "--skip-name-resolve",
            "--innodb-log-file-size=32M", "--innodb-buffer-pool-size=64M", "--max-connections=300",
            "--default-time-zone=+05:30", "--skip-log-bin",
        ]  # fmt: skip


class PostgresServer(Server):
    kind = "postgres"
    service_user = "postgres"
    stop_signal = signal.SIGINT
    # Immediate shutdown: the postmaster takes its children along.
    death_signal = signal.SIGQUIT

    def discard(self) -> None:
        """Ends the server for good; one that was killed is started first, to give its shared memory back."""
        if self.data.exists():
            with contextlib.suppress(ServerUnavailable, OSError):
                self.start()
        super().discard()

    def _initialise(self) -> None:
        secret = self.directory / "secret"
        secret.write_text(PASSWORD)
        self._run(
            _program("initdb"), "--no-sync", "-A", "scram-sha-256", f"--pwfile={secret}", "-U", USER, "-E", "UTF8",
            "--locale=C.UTF-8", "-D", str(self.data),
        )  # fmt: skip

    def _command(self) -> list[str]:
        return [
            _program("postgres"), "-D", str(self.data), "-p", str(self.address.port), "-h", "127.0.0.1",
            "-k", str(self.directory), "-c", "max_connections=300", "-c", "shared_buffers=64MB",
            "-c", "max_wal_size=128MB", "-c", "timezone=Asia/Kolkata", "-c", "log_timezone=UTC",
            "-c", "dynamic_shared_memory_type=mmap",
        ]  # fmt: skip


KINDS: dict[str, type[Server]] = {"mariadb": MariaServer, "postgres": PostgresServer}
GIVEN = {"mariadb": "JOBRUNNER_TEST_MYSQL_URL", "postgres": "JOBRUNNER_TEST_POSTGRES_URL"}


def private_server(kind: str, directory: Path) -> Server:
    """Returns a server that is not started yet; raises ServerUnavailable where the machine has none."""
    server = KINDS[kind]
    _program("mariadbd" if kind == "mariadb" else "postgres")
    if os.getuid() == 0:
        try:
            pwd.getpwnam(server.service_user)
        except KeyError:
            raise ServerUnavailable(f"no user {server.service_user} to run {kind} as") from None
    return server(directory)


def shared_address(kind: str, run: Path, owner: int) -> Address:
    """Returns the server that all processes of this test run share; the first that asks starts it.

    The server ends when the process ``owner`` does, however that ends.
    """
    given = os.environ.get(GIVEN[kind])
    if given:
        return Address.of(kind, given)
    _program("mariadbd" if kind == "mariadb" else "postgres")
    with (run / f"{kind}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        information = run / f"{kind}.json"
        if not information.exists():
            _start_minder(kind, run, owner)
        found: dict[str, Any] = (
            json.loads(information.read_text()) if information.exists() else {"refused": "its minder died"}
        )
    if "refused" in found:
        raise ServerUnavailable(found["refused"])
    return Address(**found["address"])


def _start_minder(kind: str, run: Path, owner: int) -> None:
    # The pipe ends when the minder has written what became of the server, or has died.
    with subprocess.Popen(
        [sys.executable, __file__, kind, str(run), str(owner)],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, start_new_session=True, cwd=run, env=_environment(),
    ) as launcher:  # fmt: skip
        assert launcher.stdout is not None
        launcher.stdout.read()


def mind(kind: str, run: Path, owner: int) -> None:
    """Runs a server until the process ``owner`` is gone or SIGTERM comes, then removes every trace of it."""
    watched = os.pidfd_open(owner)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    server = None
    try:
        try:
            server = private_server(kind, run / kind)
            server.start()
            found: dict[str, Any] = {
                "address": vars(server.address),
                "minder": os.getpid(),
                "server": server.pid,
            }
        except (ServerUnavailable, OSError) as error:
            found = {"refused": str(error)}
        unfinished = run / f"{kind}.unfinished"
        unfinished.write_text(json.dumps(found))
        unfinished.rename(run / f"{kind}.json")
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        if "refused" not in found:
            select.select([watched], [], [])
    finally:
        if server is not None:
            server.discard()
        if _is_gone(watched):
            shutil.rmtree(run, ignore_errors=True)


def end_minders(run: Path) -> None:
    """Ends the shared servers of a run; returns when they are gone."""
    for information in run.glob("*.json"):
        minder = json.loads(information.read_text()).get("minder")
        try:
            watched = os.pidfd_open(minder or -1)
        except OSError:
            continue
        signal.pidfd_send_signal(watched, signal.SIGTERM)
        select.select([watched], [], [], PATIENCE)
        os.close(watched)


def _is_gone(watched: int) -> bool:
    return bool(select.select([watched], [], [], 0)[0])


def _program(name: str) -> str:
    places = sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin")), key=_major, reverse=True)
    places += [os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"]
    found = shutil.which(name, path=os.pathsep.join(places))
    if not found:
        raise ServerUnavailable(f"{name} is not installed")
    return os.path.realpath(found)


def _major(place: str) -> int:
    digits = Path(place).parent.name
    return int(digits) if digits.isdigit() else 0


def _environment() -> dict[str, str]:
    # Nothing of the user's database settings reaches a private server.
    kept = ("PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH", "PYTHONPATH", "VIRTUAL_ENV")
    return {"LC_ALL": "C.UTF-8", **{name: os.environ[name] for name in kept if name in os.environ}}


def _free_port() -> int:
    # Below the range from which the kernel takes ports for clients: a restarted server finds its own again.
    while True:
        port = 20_000 + secrets.randbelow(12_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


if __name__ == "__main__":
    # A child of a child is nobody's zombie.
    if os.fork() == 0:
        mind(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
