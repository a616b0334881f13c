"""A secret that a handler declares, or that stands under a secret name, is in no table, whatever way it was said."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from jobrunner import JobRunner
from jobrunner.store import ddl
from tests.handlers import secret
from tests.stores import Store
from tests.worker.workbed import Work

HANDLERS = "tests.handlers.secret"
TOLD = (secret.SECRET, *(line for line in secret.KEY.splitlines() if len(line) > 3))


class Secrets(Work):
    """Runs jobs of the secret handlers by one launcher, and searches the whole store."""

    def __init__(
        self, store: Store, runner: JobRunner, poll: Callable[..., Any], drain: Callable[[], Any]
    ) -> None:
        super().__init__(runner, store.sql, poll)
        self._store, self._drain = store, drain

    def run(
        self, type: str, params: dict[str, Any] | None = None, timeout: float = 60, **options: Any
    ) -> Any:
        """Runs a job to its end and returns its status."""
        job_id = self.start(type, params, **options)
        self._drain()
        return self.ended(job_id, timeout)

    def texts(self) -> list[str]:
        """Returns every text that stands in any column of any table, of SQLite also the bytes of its files."""
        tables = [table.name for table in ddl.tables()]
        cells = [
            cell for table in tables for row in self._store.sql(f"SELECT * FROM {table}") for cell in row
        ]
        found = [cell.decode("utf-8", "replace") if isinstance(cell, bytes) else str(cell) for cell in cells]
        if self._store.kind == "sqlite":
            found += [
                path.read_bytes().decode("utf-8", "replace")
                for path in self._store.directory.glob("jobs.db*")
            ]
        return found

    def are_stored(self, *values: str) -> list[str]:
        """Returns those of ``values`` that stand somewhere, as they are or as JSON or repr write them."""
        everything = "\n".join(self.texts())
        return [v for v in values if any(w in everything for w in (v, json.dumps(v)[1:-1], repr(v)[1:-1]))]


@pytest.fixture(params=["detached", "pool", "inline"])
def secrets(request, store, cli, eventually) -> Iterator[Secrets]:
    """The launcher in turn, on each database in turn."""
    runner = JobRunner(
        database_url=store.url, handlers=[HANDLERS], launcher=request.param, mask_keys=["api_key", "*token"]
    )
    environment = {"JOBRUNNER_HANDLERS": HANDLERS, "JOBRUNNER_MASK_KEYS": "api_key,*token"}

    def drain() -> None:
        if request.param == "pool":
            cli("work", "--once", env=environment, check=0)

    yield Secrets(store, runner, eventually, drain)
    runner.database.close()


own_process = pytest.mark.parametrize("secrets", ["detached", "pool"], indirect=True)


def has_own_process(secrets: Secrets) -> bool:
    return secrets.runner.settings.launcher != "inline"


def test_a_declared_secret_is_in_no_table(secrets):
    status = secrets.run("s.tells", {"whole": has_own_process(secrets)})
    assert status.job.status == "succeeded"
    assert secrets.are_stored(*TOLD) == []
    said = secrets.lines(status.job.id)
    expected = {"printed ***", "logged ***", "logged by it", "said ***", "***\n***\n***\n=\n***"}
    if has_own_process(secrets):
        expected |= {"written ***", "by a program ***", "by a thread ***", "by a fork ***"}
    assert expected <= set(said)
    assert status.result == {"header": "***", "***": ["***\n***\n***\n=\n***", 1]}
    assert (status.job.progress.text, status.job.progress.step.label) == ("with ***", "Label ***")


def test_a_declared_secret_is_in_no_error(secrets):
    status = secrets.run("s.tells", {"end": "raises", "whole": has_own_process(secrets)})
    assert status.job.status == "failed"
    assert status.error.message == "refused ***\n***\n***\n***\n=\n***"
    assert "KeyError: '***'" in status.error.traceback
    assert secrets.are_stored(*TOLD) == []


@own_process
def test_the_last_words_of_a_killed_child_hold_no_secret(secrets):
    status = secrets.run("s.tells", {"end": "dies"})
    assert "last words ***" in secrets.lines(status.job.id, "stderr")
    assert secrets.are_stored(*TOLD) == []


@own_process
def test_what_is_written_right_after_it_was_declared_is_hidden(secrets):
    status = secrets.run("s.at_once", {"count": 300})
    assert status.job.status == "succeeded"
    said = secrets.lines(status.job.id, "stdout") + secrets.lines(status.job.id, "stderr")
    assert sorted(said) == sorted(f"{number} is ***" for number in range(300))


def test_another_attempt_and_another_job_know_nothing_of_it(secrets):
    secrets.run("s.tells", {"whole": False})
    status = secrets.run("s.names", {"shop": secret.KEY.splitlines()[1]})
    assert status.job.params["shop"] == secret.KEY.splitlines()[1]


def test_what_stands_under_a_secret_name_is_in_no_table(secrets):
    status = secrets.run("s.names")
    assert secrets.are_stored(*(f"sesame{number}" for number in range(1, 7))) == []
    assert status.result == {"api_key": "***", "items": [{"accesstoken": "***", "id": 7}]}
    contexts = [line.context for line in secrets.runner.logs(status.job.id).lines]
    assert {"api_key": "***", "url": "shop.example", "headers": {"X-Token": "***"}} in contexts
    assert {"API_KEY": "***"} in contexts
    assert {"masked": "***"} in contexts
