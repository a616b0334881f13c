"""The fault report at the end of a run, and the rule that the whole suite has to have met every point and error."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
DIRECTORY = "faults"


class FaultReport:
    """A plugin of the test run. What the rule asks for is asked only when every test of this directory ran."""

    def __init__(self, run: Path, *, reports: bool) -> None:
        self._directory = run / DIRECTORY
        self._reports = reports
        self._ran: set[str] = set()
        self._covered: dict[str, set[str]] = defaultdict(set)
        self._failed_rows: set[tuple[str, str]] = set()
        self._missing: list[str] = []

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Notes which tests of this directory there are, before any is left out."""
        ours = [item.nodeid for item in items if item.path.parent == HERE]
        files = {item.path.name for item in items if item.path.parent == HERE}
        picked = any("::" in argument for argument in config.invocation_params.args)
        if ours and not picked and files == {file.name for file in HERE.glob("test_*.py")}:
            self._directory.mkdir(exist_ok=True)
            (self._directory / "all").write_text(json.dumps(ours), "utf-8")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Notes what ran, and which rows of the matrix it covered."""
        told: dict[str, Any] = dict(report.user_properties)
        if report.when == "teardown":
            self._ran.add(report.nodeid)
        for row in told.get("faults", ()) if report.when == "call" else ():
            if report.passed:
                self._covered[row].add(told["database"])

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Fails the run when the whole suite ran and something was never met."""
        if self._reports and self._is_whole():
            self._missing = self._not_met()
            if self._missing:
                session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Says what was injected, what was checked, and what was found."""
        if not self._reports or not self._ran or not self._directory.is_dir():
            return
        from tests.faults.tally import Tally

        tally, tell = Tally(self._directory), terminalreporter.write_line
        if not any(Path(nodeid.partition("::")[0]).parent.name == HERE.name for nodeid in self._ran):
            return
        terminalreporter.section("faults")
        faults = tally.faults()
        tell(f"faults injected: {sum(faults.values())}")
        for kind, count in sorted(faults.items()):
            tell(f"  {count:6}  {kind}")
        points, errors = tally.points(), tally.errors()
        tell(
            f"failpoints that acted: {len(points)}; errors classified: {', '.join(sorted(errors)) or 'none'}"
        )
        if self._covered:
            self._tell_rows(tell, tally.missing())
        checks, jobs, attempts = tally.checks()
        violations = tally.violations()
        tell(f"invariants checked: {checks} times, over {jobs} jobs with {attempts} attempts")
        tell(f"violations: {len(violations)}", green=not violations, red=bool(violations), bold=True)
        for line in violations + self._missing:
            tell(f"  {line}", red=True)

    def _tell_rows(self, tell: Callable[..., None], missing: list[str]) -> None:
        from tests.faults.rows import NOT_HERE, ROWS

        covered = ", ".join(
            f"{row} ({''.join(sorted(kind[0].upper() for kind in kinds))})"
            for row, kinds in sorted(self._covered.items())
        )
        tell(f"fault matrix: covered {covered}")
        for row, reason in NOT_HERE.items():
            tell(f"  not here: {row}, because {reason}")
        for line in missing:
            tell(f"  not on this machine: {line}", yellow=True)
        if left := sorted(set(ROWS) - set(self._covered)):
            tell(f"  not covered by this run: {', '.join(left)}", yellow=True)

    def _is_whole(self) -> bool:
        listed = self._directory / "all"
        return listed.exists() and set(json.loads(listed.read_text("utf-8"))) <= self._ran

    def _not_met(self) -> list[str]:
        from tests.faults.points import every_point
        from tests.faults.rows import ERRORS
        from tests.faults.tally import Tally

        tally = Tally(self._directory)
        there = {kind for kind in ERRORS if (self._directory.parent / f"covered-{kind}").exists()}
        seen = tally.errors()
        missing = [
            f"error never seen: {name} ({k})" for k in sorted(there) for name in ERRORS[k] if name not in seen
        ]
        missing += [f"failpoint that never fired: {name}" for name in sorted(every_point() - tally.points())]
        return missing
