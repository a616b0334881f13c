"""Fixtures: a store on every database, the command line bound to it, and what a test waits with."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings as hypothesis_settings

from tests.addresses import NAMES, Address
from tests.commandline import CommandLine
from tests.faults.reporting import FaultReport
from tests.servers import ROOT, Server, ServerUnavailable, die_with_parent, end_minders
from tests.stores import MARK, Store, Stores

if TYPE_CHECKING:
    from jobrunner import JobRunner
    from jobrunner.store.database import Database

KINDS = ("sqlite", "mariadb", "postgres")
QUICK = {
    "JOBRUNNER_POLL_CANCEL": "0.1",
    "JOBRUNNER_FLUSH_INTERVAL": "0.02",
    "JOBRUNNER_STOP_GRACE": "1",
    "JOBRUNNER_LOST_BACKOFF": "0.2",
    "JOBRUNNER_RETRY_BACKOFF": "0.2",
    "JOBRUNNER_POLL_MAX": "0.2",
}
ENOUGH = 2 * 1024**3
PREFIX = "jobrunner-tests-"

hypothesis_settings.register_profile("jobrunner", deadline=None)
hypothesis_settings.load_profile("jobrunner")


def pytest_configure(config: pytest.Config) -> None:
    """Gives the run a directory, and takes the user's own jobrunner settings away."""
    for name in [name for name in os.environ if name.startswith("JOBRUNNER_") and "_TEST_" not in name]:
        del os.environ[name]
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # a run in the background of a shell; what the tests start is to heed Ctrl-C all the same
        signal.signal(signal.SIGINT, signal.default_int_handler)
    inherited = getattr(config, "workerinput", None)
    if inherited is not None:
        run, owner = Path(inherited["jobrunner_run"]), int(inherited["jobrunner_owner"])
        die_with_parent(signal.SIGKILL)
    else:
        run, owner = _run_directory(), os.getpid()
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main") if inherited is not None else "main"
    config.stash[STORES] = Stores(run, owner, worker)
    config.pluginmanager.register(FaultReport(run, reports=inherited is None))


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tells a worker process of xdist which run it belongs to."""
    stores = node.config.stash[STORES]
    node.workerinput["jobrunner_run"] = str(stores.run)
    node.workerinput["jobrunner_owner"] = stores.owner


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Ends what this process alone used."""
    session.config.stash[STORES].close()


def pytest_unconfigure(config: pytest.Config) -> None:
    """Ends the servers of the run, and removes its directory."""
    stores = config.stash.get(STORES, None)
    if stores is not None and not hasattr(config, "workerinput"):
        os.chdir(config.invocation_params.dir)
        end_minders(stores.run)
        shutil.rmtree(stores.run, ignore_errors=True)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Says which databases the tests ran on, and which not."""
    run = config.stash[STORES].run
    covered = {kind: run / f"covered-{kind}" for kind in KINDS}
    missing = {kind: run / f"missing-{kind}" for kind in KINDS}
    terminalreporter.section("databases")
    names = ", ".join(path.read_text() for path in covered.values() if path.exists())
    terminalreporter.write_line(f"databases covered: {names or 'none'}", green=bool(names))
    for kind in KINDS:
        if missing[kind].exists():
            reason = missing[kind].read_text().splitlines()[0]
            terminalreporter.write_line(f"NOT covered: {NAMES[kind]} ({reason})", red=True, bold=True)
        elif not covered[kind].exists():
            terminalreporter.write_line(f"NOT covered: {NAMES[kind]} (no test that ran uses it)", yellow=True)
    if (run / "covered-browser").exists():
        terminalreporter.write_line(f"browser covered: {(run / 'covered-browser').read_text()}", green=True)
    if (run / "missing-browser").exists():
        reason = (run / "missing-browser").read_text().splitlines()[0]
        terminalreporter.write_line(f"NOT covered: the pages in a browser ({reason})", red=True, bold=True)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Runs a test that uses a store once per database."""
    names = metafunc.fixturenames
    if "kind" not in names:
        return
    marker = metafunc.definition.get_closest_marker("databases")
    kinds: tuple[str, ...] = KINDS
    if marker:
        kinds = marker.args
    elif "sqlite_url" in names:
        kinds = ("sqlite",)
    elif "server" in names or "own_server" in names:
        kinds = ("mariadb", "postgres")
    metafunc.parametrize("kind", kinds, indirect=True)


STORES = pytest.StashKey[Stores]()


@pytest.fixture
def kind(request: pytest.FixtureRequest, stores: Stores) -> str:
    """The database of this test: sqlite, mariadb or postgres; skips the test where there is no such server."""
    name = str(request.param)
    if name != "sqlite":
        _available(lambda: stores.address(name))
    return name


@pytest.fixture(scope="session")
def stores(pytestconfig: pytest.Config) -> Stores:
    return pytestconfig.stash[STORES]


@pytest.fixture
def store(
    request: pytest.FixtureRequest, kind: str, stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Store]:
    """The database and directory behind ``url``, ``sql`` and ``cli``; the test runs in that directory."""
    names = request.fixturenames
    own = request.getfixturevalue("own_server") if "own_server" in names else None
    made = _available(lambda: stores.store(kind, empty="empty_url" in names, server=own))
    for name, value in environment(made).items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    monkeypatch.chdir(made.directory)
    yield made
    stores.clean(made, altered=request.node.get_closest_marker("alters_schema") is not None)


def environment(store: Store) -> dict[str, str]:
    """Returns what a process needs to reach the store with quick settings and the tests' handlers."""
    return {
        **QUICK,
        MARK: store.mark,
        "JOBRUNNER_DATABASE_URL": store.url,
        "JOBRUNNER_HANDLERS": "tests.handlers.basic",
        "PYTHONPATH": str(ROOT),
    }


@pytest.fixture
def url(store: Store) -> str:
    """The URL of a clean store with schema and seeds, on each database in turn."""
    return store.url


@pytest.fixture
def empty_url(store: Store) -> str:
    """The URL of a database without any table; for SQLite, of a file that does not exist."""
    return store.url


@pytest.fixture
def sqlite_url(store: Store) -> str:
    """The URL of a clean SQLite store, for what does not depend on the database."""
    return store.url


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    """The store's own way to the database behind ``url``."""
    from jobrunner.store.database import Database

    opened = Database(url)
    yield opened
    opened.close()


@pytest.fixture
def runner(store: Store) -> Iterator[JobRunner]:
    """A runner that leaves its jobs to a pool, so that a test decides who runs them."""
    from jobrunner import JobRunner

    made = JobRunner(database_url=store.url, handlers=["tests.handlers.basic"], launcher="pool")
    yield made
    made.database.close()


@pytest.fixture
def cli(store: Store) -> Iterator[CommandLine]:
    """The command line as a user runs it, on the test's store."""
    line = CommandLine(store.directory)
    yield line
    line.end()


@pytest.fixture
def sql(store: Store) -> Callable[[str], list[tuple[Any, ...]]]:
    """Runs plain SQL through the raw driver in a connection of its own, foreign keys on."""
    return store.sql


@pytest.fixture
def server(kind: str, stores: Stores) -> Address:
    """The shared server of the test's database: kind, host, port, user, password, url(), connect(), version()."""
    return _available(lambda: stores.address(kind))


@pytest.fixture
def own_server(kind: str, stores: Stores) -> Server:
    """A running server that the test may stop, start, restart and kill; ``url`` is then a store on it."""
    return _available(lambda: stores.own_server(kind))


@pytest.fixture
def eventually() -> Callable[..., Any]:
    """Polls a condition until it answers something true, and returns that."""
    return poll


def poll(condition: Callable[[], Any], timeout: float = 20, every: float = 0.02) -> Any:
    """Returns what ``condition`` answers once it is true; AssertionError after ``timeout`` seconds."""
    deadline = time.monotonic() + timeout
    while not (answer := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout} s: {condition}; the last answer was {answer!r}")
        time.sleep(every)
    return answer


def _available(make: Callable[[], Any]) -> Any:
    try:
        return make()
    except ServerUnavailable as error:
        reason = str(error)
    if os.environ.get("JOBRUNNER_TEST_REQUIRE") == "all":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def _run_directory() -> Path:
    memory = Path("/dev/shm")
    roomy = memory.is_dir() and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > ENOUGH
    base = memory if roomy else Path(tempfile.gettempdir())
    for left in base.glob(f"{PREFIX}*"):
        pid = left.name.removeprefix(PREFIX).partition("-")[0]
        if pid.isdigit() and not Path("/proc", pid).exists() and left.stat().st_uid == os.getuid():
            shutil.rmtree(left, ignore_errors=True)
    run = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=base))
    # The servers' users pass through.
    run.chmod(0o755)
    return run
