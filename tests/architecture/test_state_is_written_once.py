"""One function moves a job: no other file has SQL that sets a status."""

from __future__ import annotations

import re

from tests.servers import ROOT

JOURNAL = ROOT / "jobrunner" / "store" / "journal.py"
JOB = r"(?:jobrunner_job\b|\{[^}]*\})"
WRITES_STATUS = re.compile(
    rf"UPDATE\s+{JOB}[^;]*?\bSET\b(?:(?!\bWHERE\b).)*?\bstatus\s*=", re.IGNORECASE | re.DOTALL
)
MAKES_MOVE = re.compile(r"INSERT\s+INTO\s+jobrunner_job_transition\b", re.IGNORECASE)


def plain(text: str) -> str:
    """Joins what Python joins: string literals beside each other."""
    return re.sub(r"[\"']\s*\n\s*f?[\"']", "", text)


def test_only_the_journal_sets_a_status_or_writes_a_transition() -> None:
    files = {file: plain(file.read_text("utf-8")) for file in (ROOT / "jobrunner").rglob("*.py")}
    assert [file.name for file, text in files.items() if WRITES_STATUS.search(text)] in ([], [JOURNAL.name])
    assert [file.name for file, text in files.items() if MAKES_MOVE.search(text)] == [JOURNAL.name]


def test_the_check_sees_a_second_writer() -> None:
    assert WRITES_STATUS.search(plain("'UPDATE jobrunner_job SET fence = 1,'\n  ' status = :s WHERE id = 1'"))
    assert not WRITES_STATUS.search("UPDATE jobrunner_job SET fence = 1 WHERE status = 'queued'")
