"""Fixtures for the tests of children and workers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from jobrunner import JobRunner
from tests.commandline import CommandLine
from tests.worker.childbed import Bed, Start
from tests.worker.poolbed import HANDLERS, Pools
from tests.worker.workbed import Work


@pytest.fixture
def bed() -> Iterator[Start]:
    """Starts real children; whatever is left of them is ended after the test."""
    beds: list[Bed] = []

    def start(*args, **options) -> Bed:
        beds.append(Bed(*args, **options))
        return beds[-1]

    yield start
    for one in beds:
        one.kill()


@pytest.fixture
def work(
    url: str, sql: Callable[[str], list[tuple[Any, ...]]], eventually: Callable[..., Any]
) -> Iterator[Work]:
    """Starts real detached jobs with the nasty handlers, on each database in turn."""
    runner = JobRunner(database_url=url, handlers=["tests.handlers.nasty"], launcher="detached")
    yield Work(runner, sql, eventually)
    runner.database.close()


@pytest.fixture
def pools(
    url: str, sql: Callable[[str], list[tuple[Any, ...]]], eventually: Callable[..., Any], cli: CommandLine
) -> Iterator[Pools]:
    """Starts real pool workers on each database in turn."""
    runner = JobRunner(database_url=url, handlers=HANDLERS.split(","), launcher="pool")
    yield Pools(runner, sql, eventually, cli)
    runner.database.close()
