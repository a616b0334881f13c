"""Fixtures of the fault suite: what it keeps count with, and the laboratory in which workers get lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from jobrunner import failpoints
from tests.faults.amounts import SOAK
from tests.faults.laboratory import Laboratory
from tests.faults.reporting import DIRECTORY
from tests.faults.stage import Stage
from tests.faults.tally import Tally
from tests.stores import Store, Stores


def pytest_configure(config: pytest.Config) -> None:
    """Names the marker by which a test says which rows of the fault matrix it covers."""
    config.addinivalue_line("markers", "fault(*rows): rows of the fault matrix that this test covers")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A soak takes as long as it takes."""
    for item in items if SOAK else ():
        item.add_marker(pytest.mark.timeout(0), append=False)


@pytest.fixture(scope="session")
def tally(stores: Stores) -> Tally:
    """Counts for the report at the end of the run."""
    return Tally(stores.run / DIRECTORY)


@pytest.fixture(autouse=True)
def scene(tally: Tally, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A directory of the test's own, where failpoints and errors are noted by every process that it starts."""
    marker = request.node.get_closest_marker("fault")
    if marker is not None:
        kind = request.node.callspec.params.get("kind", "-") if hasattr(request.node, "callspec") else "-"
        request.node.user_properties += [("faults", list(marker.args)), ("database", kind)]
    made = tally.scene()
    monkeypatch.setenv(failpoints.SEEN, str(made))
    failpoints.arm("", str(made))
    yield made
    failpoints.arm("", None)


@pytest.fixture
def armed(monkeypatch: pytest.MonkeyPatch, scene: Path) -> Iterator[Callable[[str], None]]:
    """Arms failpoints in the processes that are started from now on; not in the test's own.

    By the end of the test each of them has to have acted, or the test did not do what it says.
    """
    names: set[str] = set()

    def arm(points: str) -> None:
        names.update(part.partition("=")[0].strip() for part in points.split(",") if part)
        monkeypatch.setenv(failpoints.ARMED, points)

    yield arm
    assert sorted(name for name in names if not (scene / f"fired {name}").exists()) == []


@pytest.fixture
def not_here(request: pytest.FixtureRequest, tally: Tally) -> Callable[[str], None]:
    """Says why this machine cannot do what the test is for: its rows are then not counted as covered."""

    def tell(reason: str) -> None:
        properties = dict(request.node.user_properties)
        tally.not_here(", ".join(properties["faults"]), reason)
        request.node.user_properties[:] = []

    return tell


@pytest.fixture
def stage(lab: Laboratory) -> Stage:
    """Where lives of jobs are played."""
    return Stage(lab)


@pytest.fixture
def lab(store: Store, tally: Tally, scene: Path, eventually: Callable[..., Any]) -> Iterator[Laboratory]:
    """Jobs with short leases, on each database in turn."""
    made = Laboratory(store, tally, scene, eventually)
    yield made
    made.runner.database.close()
