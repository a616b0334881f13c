"""Guards that may be missing without any harm, each with the reason; nothing else is excused."""

from __future__ import annotations

REDUNDANT: dict[tuple[str, str], str] = {
    ("states.py", "item.from_status is Status.NEW"): "draws the diagram and decides nothing",
    ("states.py", "status in TERMINAL"): "draws the diagram and decides nothing",
    (
        "operations/sweep.py",
        "charge.beats is not None",
    ): "leaves out who is proved dead; no process of theirs stands still",
    ("store/claims.py", "attempt = :attempt"): "lets the key find the row; the fence is that attempt's alone",
    ("store/journal.py", 'row["status"] not in IN_HAND'): "saves a query, which would answer the same",
    (
        "store/journal.py",
        'name not in ("job_id", "attempt", "fence")',
    ): "leaves out of SET what WHERE says already",
    (
        "store/picking.py",
        "available_at <= {moment}",
    ): "lets the index find what is due; Appetite.takes decides",
    (
        "store/picking.py",
        "any(statuses.count(one) > _FEW for one in set(statuses))",
    ): "without it the queues are walked at once, and the same is found",
    (
        "store/picking.py",
        "w.status = '{Status.QUEUED}'",
    ): "lets the index find what waits; Appetite.takes decides",
    (
        "store/picking.py",
        "w.status = '{Status.SCHEDULED}'",
    ): "lets the index find what waits; Appetite.takes decides",
    (
        "store/picking.py",
        "w.available_at <= {moment}",
    ): "lets the index find what is due; Appetite.takes decides",
    (
        "store/workers.py",
        "connection.execute(_unless_news(renewal, waits), bound | values).rowcount == 1",
    ): "spares two statements that say the same",
    (
        "worker/minder.py",
        "state.status != Status.CANCEL_REQUESTED",
    ): "a job that runs bears no mode unless it was asked to end",
    ("worker/clerk.py", "post.status == Status.SCHEDULED"): "spares a look that would find nothing",
    ("store/waiting.py", "q.status = '{Status.QUEUED}'"): "spares a look at what is due, which decides",
    ("store/waiting.py", "s.status = '{Status.SCHEDULED}'"): "spares a look at what is due, which decides",
    (
        "store/waiting.py",
        "s.available_at <= {moment(present)}",
    ): "spares a look at what is due, which decides",
}
