"""The audit: does the ledger hold, and does each job row say what its ledger says?

``verify`` looks at a store, ``head`` prints what to keep elsewhere, ``export`` writes everything that
``verify_file`` needs to look without a database.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from jobrunner.auditor.exporting import export, verify_file
from jobrunner.auditor.verifying import head, verify
from jobrunner.findings import Finding
from jobrunner.store.database import Database

__all__ = ["Audit", "Finding", "export", "head", "verify", "verify_file"]


class Audit:
    """The audit of one store. Nothing here writes; every method is an iterator, and needs little memory."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def verify(self, job: int | str | None = None, against: Iterable[str] | None = None) -> Iterator[Finding]:
        """Yields what does not hold, of one job or of all; ``against`` are the lines of an earlier head."""
        return verify(self._database, job, against)

    def head(self) -> Iterator[str]:
        """Yields ``job_id last_seq digest log_digest`` of every job, to be kept elsewhere."""
        return head(self._database)

    def export(self) -> Iterator[str]:
        """Yields lines of JSON that ``verify_file`` checks without a database."""
        return export(self._database)

    @staticmethod
    def verify_file(lines: Iterable[str], against: Iterable[str] | None = None) -> Iterator[Finding]:
        """Yields what does not hold in the lines of an export."""
        return verify_file(lines, against)
