"""Runs the tests against a copy of the tree from which one guard is missing."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.mutation.guards import Guard
from tests.servers import ROOT

NARROW = "sqlite or not (mariadb or postgres)"
_LOST, _VERBS = "tests/faults/test_recovery.py", "tests/operations/test_verbs.py"
_SAME, _POOL, _OUTAGES = (
    "tests/model/test_same_store.py",
    "tests/worker/test_pool.py",
    "tests/worker/test_outages.py",
)
CHOSEN = {
    "states.py": (
        "tests/store/test_guards.py",
        "tests/store/test_guards_of_sweeps.py",
        _SAME,
        "tests/store/test_seq.py",
        "tests/store/test_machine.py",
        "tests/cli/test_reading.py",
    ),
    "store/claims.py": (
        "tests/store/test_guards.py",
        "tests/store/test_guards_of_sweeps.py",
        _SAME,
        _VERBS,
        _POOL,
        _LOST,
    ),
    "store/journal.py": (
        "tests/store/test_between.py",
        "tests/store/test_guards.py",
        "tests/store/test_guards_of_sweeps.py",
        _SAME,
        "tests/store/test_machine.py",
        "tests/store/test_failures.py",
    ),
    "store/logs.py": (
        "tests/store/test_between.py",
        "tests/store/test_guards.py",
        "tests/store/test_guards_of_sweeps.py",
        _SAME,
        "tests/store/test_seq.py",
        "tests/store/test_failures.py",
    ),
    "store/workers.py": (
        "tests/store/test_guards.py",
        "tests/store/test_guards_of_sweeps.py",
        _SAME,
        _LOST,
        "tests/operations/test_prune.py",
        "tests/operations/test_drain.py",
        "tests/worker/test_membership.py",
    ),
    "store/leases.py": (
        "tests/store/test_between.py",
        "tests/store/test_guards.py",
        "tests/store/test_guards_of_sweeps.py",
        _LOST,
    ),
    "store/lists.py": (
        "tests/operations/test_lists.py",
        "tests/operations/test_reads.py",
        "tests/operations/test_drain.py",
        _POOL,
        _LOST,
    ),
    "store/picking.py": (
        "tests/store/test_guards.py",
        "tests/store/test_guards_of_sweeps.py",
        _POOL,
        _OUTAGES,
    ),
    "store/pruning.py": (
        "tests/store/test_between.py",
        "tests/store/test_guards_of_sweeps.py",
        "tests/operations/test_prune.py",
    ),
    "store/recovering.py": ("tests/store/test_guards.py", "tests/store/test_guards_of_sweeps.py", _LOST),
    "store/removal.py": ("tests/store/test_removal.py", _VERBS),
    "store/counting.py": (
        "tests/web/test_api_fleet.py",
        "tests/web/test_pages_lists.py",
        "tests/web/test_api_bulk.py",
    ),
    "store/overview.py": ("tests/web/test_api_fleet.py", "tests/web/test_pages_lists.py"),
    "store/streaming.py": (
        "tests/store/test_streaming.py",
        "tests/web/test_hub.py",
        "tests/web/test_stream.py",
    ),
    "store/waiting.py": ("tests/worker/test_membership.py", "tests/worker/test_pool_wakes.py"),
    "store": ("tests/store/test_guards.py", "tests/operations", "tests/web/test_log_data.py"),
    "store/views.py": ("tests/operations/test_explain.py", "tests/operations/test_reads.py"),
    "operations/recovery.py": (
        "tests/unit/test_recovery.py",
        "tests/store/test_guards.py",
        "tests/store/test_guards_of_sweeps.py",
        _LOST,
    ),
    "operations/suspicion.py": ("tests/unit/test_suspicion.py", _LOST),
    "operations/sweep.py": (
        "tests/operations/test_sweep.py",
        "tests/store/test_guards.py",
        "tests/store/test_guards_of_sweeps.py",
        _LOST,
    ),
    "operations/relaunch.py": ("tests/store/test_guards.py", "tests/store/test_guards_of_sweeps.py", _LOST),
    "operations": (_VERBS, "tests/operations/test_start.py"),
    "worker/verdict.py": ("tests/unit/test_verdict.py",),
    "worker": (
        "tests/store/test_guards.py",
        "tests/store/test_guards_of_sweeps.py",
        "tests/worker/test_worker.py",
        _POOL,
        "tests/worker/test_pool_ends.py",
        _OUTAGES,
        _LOST,
    ),
}
TESTS = {
    "store": ("tests/store", "tests/operations", "tests/model", "tests/faults", "tests/worker", "tests/cli"),
    "operations": ("tests/unit", "tests/operations", "tests/model", "tests/faults", "tests/worker"),
    "worker": ("tests/unit", "tests/worker", "tests/model", "tests/faults"),
    "states.py": ("tests/unit", "tests/store", "tests/model"),
}
# what only a server has: nobody takes a job unasked on SQLite, so no worker fences itself there
ON_SERVERS = {"worker": ("tests/faults/test_self_fence.py",)}
WIDE = ("tests/store", "tests/model", "tests/operations", "tests/faults", "tests/worker")
_PARTS = ("jobrunner", "tests", "db", "pyproject.toml", "README.md", "scripts")
# a test that hangs is ended by its own time-out; this is for what even that does not end
_PATIENCE = 3600
_RED = re.compile(r"^(?:FAILED|ERROR) (\S+)", re.MULTILINE)


@dataclass(frozen=True)
class Verdict:
    """What became of one guard's absence: the test that saw it, None when none did."""

    guard: Guard
    killed_by: str | None


@contextmanager
def copy_of_the_tree() -> Iterator[Path]:
    """Makes a copy of the product and its tests, and takes it away again."""
    with tempfile.TemporaryDirectory(prefix="jobrunner-mutation-") as name:
        place = Path(name)
        place.chmod(0o755)
        for part in _PARTS:
            if (ROOT / part).is_dir():
                shutil.copytree(ROOT / part, place / part, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(ROOT / part, place / part)
        yield place


def judge(place: Path, guard: Guard, *, further: bool, wide: bool) -> Verdict:
    """Takes one guard out of the copy at ``place``, runs the tests until one is red, and puts it back.

    Those chosen for its file come first; ``further``, whole directories on SQLite; then those of what only servers have,
    and, ``wide``, everything on every database.
    """
    file = place / "jobrunner" / guard.path
    source = file.read_text("utf-8")
    file.write_text(guard.without(source), "utf-8")
    floor = guard.path.split("/")[0]
    try:
        for tests in (
            CHOSEN.get(guard.path) or CHOSEN[floor],
            *([(one,) for one in TESTS[floor]] if further else []),
        ):
            red = first_red(place, *(one for one in tests if (place / one).exists()), "-k", NARROW)
            if red is not None:
                return Verdict(guard, red)
        if floor in ON_SERVERS:
            red = first_red(place, *ON_SERVERS[floor])
            if red is not None:
                return Verdict(guard, red)
        return Verdict(guard, first_red(place, *WIDE) if wide else None)
    finally:
        file.write_text(source, "utf-8")


def first_red(place: Path, *arguments: str) -> str | None:
    """Runs pytest up to the first failure, and returns its name; None when all is green.

    A test that is green when it is asked again, alone, was red for another reason, and does not count.
    """
    passed_over: list[str] = []
    while True:
        red = _run(place, *arguments, *(f"--deselect={name}" for name in passed_over))
        if red is None or "::" not in red or _run(place, red) is not None:
            return red
        passed_over.append(red)


def _run(place: Path, *arguments: str) -> str | None:
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-x",
        "-q",
        "-p",
        "no:randomly",
        "-p",
        "no:cacheprovider",
        *arguments,
    ]
    environment = {**os.environ, "PYTHONPATH": str(place), "PYTHONDONTWRITEBYTECODE": ""}
    run = subprocess.Popen(
        command, cwd=place, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        said, _ = run.communicate(timeout=_PATIENCE)
    except subprocess.TimeoutExpired:
        os.killpg(run.pid, signal.SIGKILL)
        run.communicate()
        return f"{arguments[0]}: did not end"
    if run.returncode == 0:
        return None
    red = _RED.search(said)
    return red[1] if red else f"{arguments[0]}: {said.strip().splitlines()[-1] if said.strip() else 'died'}"
