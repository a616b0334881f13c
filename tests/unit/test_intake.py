"""What a job says, until its log is full."""

from __future__ import annotations

import pytest

from jobrunner.masking import Mask
from jobrunner.worker.intake import Intake
from jobrunner.worker.spool import Spool


@pytest.mark.parametrize(
    ("first", "kept"),
    [(b"x" * 11 + b"\n", 0), (b"x" * 10 + b"\n", 1), (b"x" * 8 + b"\n\n", 2), (b"\n" * 50, 10)],
)
def test_a_full_log_takes_nothing_more_not_even_blank_lines(first: bytes, kept: int) -> None:
    spool = Spool(10_000)
    intake = Intake(spool, Mask(""), log_bytes=0, log_max=10, clock_offset=0)
    intake.output("stdout", first)
    intake.output("stdout", b"much too long\n")
    for _ in range(20):
        intake.output("stdout", b"\n\n")
        intake.frame({"kind": "line", "message": ""})
        intake.frame({"kind": "line", "message": "x"})
    assert len(spool) == kept
    assert intake.excess_lines == first.count(b"\n") - kept + 1 + 20 * 4
