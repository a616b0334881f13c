"""What the fault suite did: faults by kind, points that acted, errors that were classified, checks and violations.

Kept as small files in a directory of the run, so that processes that are killed, and those of other
workers of the test run, count too.
"""

from __future__ import annotations

import itertools
import os
from collections import Counter
from pathlib import Path

from tests.faults.checker import CHECKS, Violation, check
from tests.faults.evidence import Evidence

NUMBERS = itertools.count()


class Tally:
    """Counts for one run, in ``directory``; several processes may count at once."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        directory.chmod(0o777)

    def scene(self) -> Path:
        """Returns a new directory in which the failpoints of one test note what they do."""
        made = self.directory / f"scene-{os.getpid()}-{next(NUMBERS)}"
        made.mkdir()
        made.chmod(0o777)
        return made

    def injected(self, kind: str, count: int = 1) -> None:
        """Counts a fault."""
        self._append("injected", f"{count} {kind}")

    def not_here(self, row: str, reason: str) -> None:
        """Notes that a row of the matrix cannot be done on this machine."""
        self._append("not-here", f"{row}: {reason}")

    def missing(self) -> list[str]:
        """Returns the rows that could not be done, with the reasons."""
        return sorted(set(self._lines("not-here")))

    def checked(self, evidence: Evidence) -> list[Violation]:
        """Checks every invariant, counts that, and returns the violations."""
        found = check(evidence)
        self._append("checked", f"{len(CHECKS)} {len(evidence.dump.jobs)} {len(evidence.dump.attempts)}")
        for violation in found:
            self._append("violations", str(violation).replace("\n", " ")[:2000])
        return found

    def faults(self) -> Counter[str]:
        """Returns how many faults of each kind were injected."""
        found: Counter[str] = Counter()
        for line in self._lines("injected"):
            count, _, kind = line.partition(" ")
            found[kind] += int(count)
        return found

    def checks(self) -> tuple[int, int, int]:
        """Returns how many checks of an invariant were made, over how many jobs and attempts."""
        rows = [[int(part) for part in line.split()] for line in self._lines("checked")]
        return sum(r[0] for r in rows), sum(r[1] for r in rows), sum(r[2] for r in rows)

    def violations(self) -> list[str]:
        """Returns every violation that was found."""
        return self._lines("violations")

    def points(self) -> set[str]:
        """Returns the failpoints that acted."""
        return {name.removeprefix("fired ") for name in self._facts("fired ")}

    def errors(self) -> dict[str, str]:
        """Returns the errors that the product's classifier saw, and what it took them for."""
        return {name.split()[1]: name.split()[2] for name in self._facts("error ")}

    def _facts(self, prefix: str) -> list[str]:
        return [file.name for scene in self.directory.glob("scene-*") for file in scene.glob(f"{prefix}*")]

    def _append(self, name: str, line: str) -> None:
        handle = os.open(self.directory / name, os.O_APPEND | os.O_CREAT | os.O_WRONLY, 0o666)
        try:
            os.write(handle, f"{line}\n".encode())
        finally:
            os.close(handle)

    def _lines(self, name: str) -> list[str]:
        path = self.directory / name
        return path.read_text("utf-8").splitlines() if path.exists() else []
