"""Is everything here fit to run jobs? Checks that look, and change nothing."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Literal

from jobrunner import clock
from jobrunner.errors import JobRunnerError
from jobrunner.handlers import registry
from jobrunner.handlers.discovery import ImportFailure
from jobrunner.settings import Settings
from jobrunner.store import health, planning, schema
from jobrunner.store.database import Database
from jobrunner.version import SCHEMA_VERSION, __version__

State = Literal["ok", "warn", "fail"]
OLDEST_PYTHON = (3, 11)
CLOSE, FAR = 1.0, 10.0
_UPGRADE = "Use a newer version of the database."


@dataclass(frozen=True)
class Check:
    """What was looked at and how it stands; ``fix`` says what to do when it is not ok."""

    name: str
    state: State
    message: str
    fix: str | None = None


def of_error(name: str, error: JobRunnerError) -> Check:
    """Returns the failed check that an error means."""
    return Check(name, "fail", error.message, error.hint)


def environment() -> Iterator[Check]:
    """Yields what can be said without settings: the interpreter and the host."""
    told = f"jobrunner {__version__}, Python {platform.python_version()}, {platform.system()} {platform.release()}"
    old = sys.version_info < OLDEST_PYTHON
    yield Check("environment", "fail" if old else "ok", told, "Use Python 3.11 or newer." if old else None)
    if sys.platform != "linux":
        yield Check(
            "host", "warn", f"{platform.system()} is not supported for running jobs.", "Run workers on Linux."
        )
    missing = [name for name in ("psutil", "tenacity") if find_spec(name) is None]
    if missing:
        yield Check(
            "packages", "fail", f"{', '.join(missing)} cannot be imported.", "Install jobrunner-db again."
        )


def store(database: Database) -> Iterator[Check]:
    """Yields how the database stands: reachable, its tables, its settings, its clock."""
    if database.path is not None:
        kind = health.network_file_system(database.path)
        if kind is not None:
            fix = "Move it to a local disk, or use a server: SQLite's locks do not hold there."
            yield Check("file system", "fail", f"{database.path} is on {kind}.", fix)
    try:
        found = schema.version(database)
        version = health.server_version(database)
        fault = health.version_fault(database, version)
    except JobRunnerError as error:
        yield of_error("database", error)
        return
    told = f"{database.where}, {version}"
    yield Check(
        "database", "fail" if fault else "ok", f"{told}. {fault}" if fault else told, fault and _UPGRADE
    )
    if database.path is not None and health.has_log_fault(version):
        fix = "Use SQLite 3.51.3 or newer, unless your system has taken the correction over. It is very rare."
        yield Check("wal", "warn", f"{version} may damage its log when two processes reset it at once.", fix)
    yield _tables(database, found)
    if database.path is not None and found is None:
        return
    yield from _guarded("writing", lambda: [_writing(database)])
    yield from _guarded("settings", lambda: _settings(database))
    if found is not None:
        yield from _guarded("schema", lambda: _differences(database))
        yield from _guarded("indexes", lambda: _indexes(database))
    yield from _guarded("clock", lambda: [_clock(database)])


def timing(settings: Settings) -> Iterator[Check]:
    """Yields whether heartbeat, lease and self-fence leave room for a database that is away for a moment."""
    told = f"heartbeat {settings.heartbeat:g} s, self-fence {settings.self_fence:g} s, lease {settings.lease:g} s"
    roomy = settings.lease >= 3 * settings.heartbeat + 15
    sound = roomy and settings.heartbeat < settings.self_fence < settings.lease
    fix = "Take unsafe_timing away, or keep lease >= 3 x heartbeat + 15 s and self_fence between the two."
    unsafe = f"{told}: a live worker may be held dead while the database is slow."
    yield Check("timing", "ok" if sound else "warn", told if sound else unsafe, None if sound else fix)


def handlers(settings: Settings, failures: Sequence[ImportFailure]) -> Iterator[Check]:
    """Yields whether the handlers' modules were imported, and how many types there are."""
    for failure in failures:
        message = f"{failure.module} failed to import: {failure.error_class}: {failure.message}"
        yield Check("handlers", "fail", message, "Mend the module, or take it out of the setting handlers.")
    own = [known for known in registry.all_types() if not known.module.startswith("jobrunner.")]
    if not settings.handlers and not own:
        fix = "Name your modules: JOBRUNNER_HANDLERS=shop.jobs, or handlers in jobrunner.toml."
        yield Check(
            "handlers", "warn", "No module with handlers is named; only programs can be run (exec).", fix
        )
    elif not failures:
        yield Check(
            "handlers", "ok", f"{len(own)} job types from {', '.join(settings.handlers) or 'entry points'}."
        )


def _tables(database: Database, found: int | None) -> Check:
    if found is None and database.path is not None:
        directory = os.path.dirname(database.path)
        if not os.access(directory, os.W_OK | os.X_OK):
            told = f"{directory} is no directory that can be written; there is no database file yet."
            return Check("schema", "fail", told, "Create it, or give the rights on it to this user.")
        return Check("schema", "ok", "There is no file yet; the first start creates it.")
    try:
        schema.check(found, database.where)
    except JobRunnerError as error:
        return of_error("schema", error)
    return Check("schema", "ok", f"Version {SCHEMA_VERSION}.")


def _writing(database: Database) -> Check:
    if health.is_read_only(database):
        fix = "Give the rights to write, or name the primary server in the database URL."
        return Check("writing", "fail", "The database can only be read here.", fix)
    return Check("writing", "ok", "The database takes writes.")


def _differences(database: Database) -> Iterator[Check]:
    # what it compares with is the entities, which only this check and db check load
    found: list[str] = import_module("jobrunner.store.checking").differences(database)
    if found:
        told = f"{len(found)} differences from this version's tables; the first: {found[0]}"
        yield Check(
            "schema",
            "fail",
            told,
            "See all with: jobrunner db check. jobrunner db init adds what is missing.",
        )


def _indexes(database: Database) -> Iterator[Check]:
    found = planning.plans(database)
    for plan in found:
        if not plan.usable:
            told = f"The database cannot use {plan.index} for {plan.statement}."
            yield Check("indexes", "fail", told, "See what is missing with: jobrunner db check.")
        elif not plan.used:
            told = f"The database does not use {plan.index} for {plan.statement}."
            yield Check(
                "indexes",
                "warn",
                told,
                "Renew its statistics: ANALYZE TABLE jobrunner_job (PostgreSQL: ANALYZE).",
            )
    if all(plan.used for plan in found):
        yield Check("indexes", "ok", "The claim and lists use their indexes.")


def _settings(database: Database) -> Iterator[Check]:
    found = health.settings(database)
    for setting in found:
        if not setting.right:
            told = f"{setting.name} is {setting.value or 'not known'}, not {' or '.join(setting.wanted)}."
            yield Check("settings", "fail" if setting.grave else "warn", told, setting.fix)
    if all(setting.right for setting in found):
        yield Check("settings", "ok", ", ".join(f"{setting.name} {setting.value}" for setting in found))


def _clock(database: Database) -> Check:
    if database.path is not None:
        return Check("clock", "ok", f"SQLite uses this host's clock: {clock.now()}.")
    ahead = health.clock_difference(database)
    told = f"The database is {abs(ahead):.3f} s {'ahead of' if ahead >= 0 else 'behind'} this host."
    state: State = "ok" if abs(ahead) < CLOSE else "warn" if abs(ahead) < FAR else "fail"
    return Check("clock", state, told, None if state == "ok" else "Let both hosts keep time by NTP.")


def _guarded(name: str, look: Callable[[], Iterator[Check] | list[Check]]) -> Iterator[Check]:
    try:
        yield from look()
    except JobRunnerError as error:
        yield of_error(name, error)
