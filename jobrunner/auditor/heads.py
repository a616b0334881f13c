"""An earlier head, read as it comes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from jobrunner.auditor.findings import Point
from jobrunner.errors import InvalidField
from jobrunner.findings import Finding
from jobrunner.store.database import Row

_LINE = re.compile(r"([0-9]{1,18})\s+([0-9]{1,18})\s+([0-9a-f]{64})\s+([0-9a-f]{64})")


class Head:
    """The points of a head whose lines are in order of the jobs' ids, as ``head`` prints them.

    Several points of one job are looked at one after the other. Raises InvalidField for what is no head.
    """

    def __init__(self, lines: Iterable[str]) -> None:
        self._points = _points(lines)
        self._ahead = next(self._points, None)

    def upto(self, job_id: int) -> dict[int, list[Point]]:
        """Returns the points not yet taken of the jobs with an id of at most ``job_id``."""
        found: dict[int, list[Point]] = {}
        while self._ahead is not None and self._ahead.job_id <= job_id:
            found.setdefault(self._ahead.job_id, []).append(self._ahead)
            self._ahead = next(self._points, None)
        return {number: sorted(set(points)) for number, points in found.items()}


def _points(lines: Iterable[str]) -> Iterator[Point]:
    last = 0
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        match = _LINE.fullmatch(line.strip())
        if match is None:
            raise InvalidField(
                f"Line {number} of the head is not: job_id last_seq digest log_digest.",
                fields={"against": f"line {number} is no line of a head"},
            )
        point = Point(int(match[1]), int(match[2]), match[3], match[4])
        if point.job_id < last:
            raise InvalidField(
                f"Line {number} of the head is not in order of the jobs' ids.",
                hint="Sort it: sort -n FILE",
                fields={"against": f"line {number} is not in order"},
            )
        last = point.job_id
        yield point


def buried(points: list[Point], stone: Row | None) -> list[Finding]:
    """Returns what does not hold of a job that is gone, given what is left of it."""
    job_id, last = points[-1].job_id, points[-1]
    where = f"job {job_id}"
    if stone is None:
        return [
            Finding(
                job_id, "deleted_job", where, "The job of the earlier head is gone, and left no tombstone."
            )
        ]
    if stone["final_seq"] is None or stone["final_seq"] < last.last_seq:
        message = f"Its tombstone says seq {stone['final_seq']}, but it stood at seq {last.last_seq} before."
        return [Finding(job_id, "recomputed", where, message)]
    same = (stone["digest"], stone["log_digest"]) == (last.digest, last.log_digest)
    if stone["final_seq"] == last.last_seq and not same:
        return [
            Finding(
                job_id, "recomputed", where, "Its tombstone does not bear the digests of the earlier head."
            )
        ]
    return []
