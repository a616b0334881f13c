"""Invariants that the tables alone decide."""

from __future__ import annotations

from collections import Counter
from typing import Any

from jobrunner import ledger
from tests.faults.dump import Row
from tests.faults.evidence import Evidence, Found

IN_HAND = ("running", "cancel_requested")
TERMINAL = ("succeeded", "failed", "cancelled", "stopped", "abandoned")
_AGAIN_BY_ITSELF = ("requeue_lost", "interrupt", "retry_later")


def single_live_attempt(seen: Evidence) -> Found:
    """I1: a job in hand has one open attempt, which bears the job's fence; any other job has none."""
    for job in seen.dump.jobs:
        still_open = [a for a in seen.dump.of(seen.dump.attempts, job["id"]) if a["ended_at"] is None]
        wanted = 1 if job["status"] in IN_HAND else 0
        if len(still_open) != wanted:
            yield f"job {job['id']} is {job['status']} with {len(still_open)} open attempts", *still_open
        for attempt in still_open:
            if (attempt["fence"], attempt["attempt"]) != (job["fence"], job["attempt"]):
                yield f"job {job['id']} has fence {job['fence']}, its open attempt another", attempt


def fence_only_grows(seen: Evidence) -> Found:
    """I2: a claim and a take-away raise the fence by one, nothing else touches it; no two attempts share one."""
    for job in seen.dump.jobs:
        fence = attempt = 0
        for move in seen.dump.of(seen.dump.transitions, job["id"]):
            taken = move["from_status"] in IN_HAND and move["actor"].startswith("reaper:")
            claimed = move["trigger_name"] == "claim"
            if (move["fence"], move["attempt"]) != (fence + (taken or claimed), attempt + claimed):
                yield f"job {job['id']}: fence {fence}, attempt {attempt}, and then", move
            fence, attempt = move["fence"], move["attempt"]
        if (fence, attempt) != (job["fence"], job["attempt"]):
            yield f"job {job['id']} is at fence {job['fence']}, its history at {fence}", job
        fences = Counter(row["fence"] for row in seen.dump.of(seen.dump.attempts, job["id"]))
        for number, count in fences.items():
            if count > 1:
                yield (f"job {job['id']} has {count} attempts with fence {number}",)


def no_stale_writer(seen: Evidence) -> Found:
    """I3: a line stands in the ledger where its attempt held the job, and so does the end of an attempt."""
    for job in seen.dump.jobs:
        holder: Row | None = None
        for row in _ledger(seen, job):
            if "trigger_name" in row:
                if holder is not None and row["fence"] < holder["fence"]:
                    yield f"job {job['id']}: an older fence moved it", row
                holder = row
            elif holder is None or holder["to_status"] not in IN_HAND or row["attempt"] != holder["attempt"]:
                yield (
                    f"job {job['id']}: a line of attempt {row['attempt']}, which did not hold it",
                    row,
                    holder,
                )


def gapless_history(seen: Evidence) -> Found:
    """I4: seq runs from first_seq (moves from 1) to last_seq, every move follows the one before by an edge."""
    edges = {(r["from_status"], r["trigger_name"], r["to_status"]) for r in seen.dump.rules}
    for job in seen.dump.jobs:
        rows = [
            row for row in _ledger(seen, job) if "trigger_name" not in row or row["seq"] >= job["first_seq"]
        ]
        numbers = [row["seq"] for row in rows]
        if numbers != list(range(job["first_seq"], job["last_seq"] + 1)):
            yield f"job {job['id']} has seqs {_gaps(numbers)} of {job['first_seq']} to {job['last_seq']}", job
        before, last = "new", None
        for move in seen.dump.of(seen.dump.transitions, job["id"]):
            if (move["from_status"], move["trigger_name"], move["to_status"]) not in edges:
                yield f"job {job['id']}: no edge of the machine", move
            if move["from_status"] != before or move["prev_seq"] != last:
                yield f"job {job['id']} was {before} at {last}, and then", move
            before, last = move["to_status"], move["seq"]
        if job["status"] != before:
            yield f"job {job['id']} is {job['status']}, its history ends {before}", job
        if job["final_seq"] != (job["last_seq"] if job["status"] in TERMINAL else None):
            yield f"job {job['id']} is {job['status']} with final_seq {job['final_seq']}", job


def terminal_is_final(seen: Evidence) -> Found:
    """I11: only an operator moves a job that has ended."""
    for move in seen.dump.transitions:
        if move["from_status"] in TERMINAL and not move["actor"].startswith("operator:"):
            yield f"job {move['job_id']} had ended", move


def cancel_is_seen(seen: Evidence) -> Found:
    """I13: a request ends its attempt, and the job does not go back to wait for another one."""
    for job in seen.dump.jobs:
        if seen.settled and job["status"] == "cancel_requested":
            yield f"job {job['id']} is still asked to end", job
        asked = False
        for move in seen.dump.of(seen.dump.transitions, job["id"]):
            if asked and move["trigger_name"] in _AGAIN_BY_ITSELF:
                yield f"job {job['id']} was asked to end and put back", move
            asked = move["to_status"] == "cancel_requested"
        if seen.settled and job["status"] == "running":
            yield f"job {job['id']} is still running", job


def exactly_one_outcome(seen: Evidence) -> Found:
    """I14: each attempt leaves the worker's hands by one move, and that one is its outcome."""
    for job in seen.dump.jobs:
        ends: dict[int, list[Row]] = {}
        for move in seen.dump.of(seen.dump.transitions, job["id"]):
            if move["from_status"] in IN_HAND and move["to_status"] not in IN_HAND:
                ends.setdefault(move["attempt"], []).append(move)
        for attempt in seen.dump.of(seen.dump.attempts, job["id"]):
            found = ends.pop(attempt["attempt"], [])
            outcomes = [move["to_status"] for move in found]
            if outcomes != ([] if attempt["ended_at"] is None else [attempt["outcome"]]):
                yield f"job {job['id']}: {outcomes} ended attempt {attempt['attempt']}", attempt, *found
        for moves in ends.values():
            yield f"job {job['id']}: an attempt without a row was ended", *moves


def keys_hold(seen: Evidence) -> Found:
    """I15: one job at most holds a lock key, bears an idempotency key, is called by a uuid."""
    held = Counter(j["lock_key"] for j in seen.dump.jobs if j["status"] not in TERMINAL)
    for name, keys in (
        ("lock key", held),
        ("idempotency key", Counter(j["idempotency_key"] for j in seen.dump.jobs)),
        ("uuid", Counter(j["uuid"] for j in seen.dump.jobs)),
    ):
        for key, count in keys.items():
            if key is not None and count > 1:
                yield (f"{count} jobs have the {name} {key!r}",)


def chain_verifies(seen: Evidence) -> Found:
    """I17: every digest follows from the row and the digest before it, and the job row bears the last ones."""
    for job in seen.dump.jobs:
        digest, lines = ledger.genesis(job["uuid"]), ledger.LineChain(_chain_before(job))
        for row in _ledger(seen, job):
            if "trigger_name" not in row:
                lines.add(**{name: row[name] for name in _LINE})
                continue
            digest = ledger.transition_digest(digest, row)
            if digest != row["digest"]:
                yield f"job {job['id']}: the digest does not follow", row
                digest = row["digest"]
            if row["seq"] >= job["first_seq"] and row["log_digest"] != lines.digest:
                yield (
                    f"job {job['id']}: the lines before seq {row['seq']} are not those that were sealed",
                    row,
                )
        if (job["digest"], job["log_digest"]) != (digest, lines.digest):
            yield f"job {job['id']}: its row bears other digests than its ledger", job


_LINE = ("seq", "attempt", "at", "level", "stream", "step_key", "logger", "message", "context")


def _chain_before(job: Row) -> str:
    return str(job["pruned_digest"] or ledger.log_genesis(job["uuid"]))


def _ledger(seen: Evidence, job: Row) -> list[Row]:
    moves = seen.dump.of(seen.dump.transitions, job["id"])
    return sorted([*moves, *seen.dump.of(seen.dump.lines, job["id"])], key=lambda row: int(row["seq"]))


def _gaps(numbers: list[Any]) -> str:
    return f"{numbers[:3]}…{numbers[-3:]} ({len(numbers)} rows)"
