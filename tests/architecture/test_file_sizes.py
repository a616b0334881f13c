"""A file says one thing; nobody has to scroll for an hour."""

from __future__ import annotations

from tests.servers import ROOT

LONGEST = 350
# Every table stands in one file.
APART = {ROOT / "jobrunner" / "entities.py"}


def test_no_file_is_longer_than_350_lines() -> None:
    files = [file for folder in ("jobrunner", "tests", "scripts") for file in (ROOT / folder).rglob("*.py")]
    lengths = {file: len(file.read_text("utf-8").splitlines()) for file in files if file not in APART}
    assert lengths
    assert {str(file.relative_to(ROOT)): n for file, n in lengths.items() if n > LONGEST} == {}
