"""Prune: finished jobs go when they are old; of each a tombstone stays."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from jobrunner import clock
from jobrunner.errors import InvalidField
from jobrunner.models import Pruned
from jobrunner.operations.acting import checked_reason
from jobrunner.states import TERMINAL
from jobrunner.store import pruning, workers
from jobrunner.store.database import Database
from jobrunner.store.pruning import Old

AT_ONCE = 500
PRUNABLE = tuple(sorted(status.value for status in TERMINAL))


def prune(
    database: Database, older_than: float, statuses: Sequence[str] = (), *, actor: str, reason: str | None = None,
    dry_run: bool = False,
) -> Pruned:  # fmt: skip
    """Deletes the jobs that ended more than ``older_than`` seconds ago, of ``statuses`` or of every terminal one.

    In transactions of about 500 rows, lines before jobs; interrupted, it leaves a sound store and goes on at the next
    call. Without ``statuses`` the rows of workers that ended as long ago go too. Raises InvalidField for
    a status that is not terminal: what is active is never pruned.
    """
    said = checked_reason(database, reason)
    chosen = tuple(dict.fromkeys(statuses)) or PRUNABLE
    for status in chosen:
        if status not in PRUNABLE:
            raise InvalidField(
                f"Jobs that are {status!r} are never pruned.",
                hint=f"Use {', '.join(PRUNABLE)}.",
                fields={"status": f"{status} is not a status of finished jobs"},
            )
    before = clock.shift(database.read(database.now), -older_than)
    if dry_run:
        return Pruned(dry_run=True, before=before, jobs=pruning.counts(database, chosen, before))
    removed: Counter[str] = Counter()
    for group in _groups(_old(database, chosen, before)):
        for _, job_id, rows in group:
            if rows > AT_ONCE:
                while pruning.shorten(database, job_id, chosen, before, AT_ONCE):
                    continue
        removed.update(pruning.remove(database, [job[1] for job in group], chosen, before, actor, said))
    gone = 0
    while not statuses and not database.is_blank() and (part := workers.forget(database, before, AT_ONCE)):
        gone += part
    return Pruned(dry_run=False, before=before, jobs=dict(removed), workers=gone)


def _old(database: Database, statuses: Sequence[str], before: str) -> Iterator[Old]:
    last: Old | None = None
    while page := pruning.candidates(database, statuses, before, last, AT_ONCE):
        yield from page
        last = page[-1]


def _groups(jobs: Iterator[Old]) -> Iterator[list[Old]]:
    """Yields jobs that go together: so many that their rows are about 500, but one at least."""
    group: list[Old] = []
    size = 0
    for job in jobs:
        rows = min(job[2], AT_ONCE)
        if group and size + rows > AT_ONCE:
            yield group
            group, size = [], 0
        group.append(job)
        size += rows
    if group:
        yield group
