"""Invariants about what was promised and what was done: the tables against history, witness and the machine."""

from __future__ import annotations

import json
from collections import Counter
from itertools import pairwise

from tests.faults.evidence import Evidence, Found
from tests.faults.oddities import line

_VERBS = ("cancel", "stop", "kill", "hold", "release", "retry", "resolve", "abandon")


def acknowledged_is_durable(seen: Evidence) -> Found:
    """I5: what a caller was told is there."""
    buried = {row["id"] for row in seen.dump.tombstones}
    jobs = {job["id"] for job in seen.dump.jobs} | buried
    actors = Counter((move["job_id"], move["actor"]) for move in seen.dump.transitions)
    claims = {(m["job_id"], m["fence"]) for m in seen.dump.transitions if m["trigger_name"] == "claim"}
    stored = Counter((row["job_id"], row["attempt"]) for row in seen.dump.lines if row["stream"] == "stdout")
    for event in seen.events:
        if event.outcome != "ok" or event.args.get("job") in buried:
            continue
        if event.op == "start" and event.answer not in jobs:
            yield f"job {event.answer} was started, and is not there", event
        if event.op == "claim" and (event.args["job"], event.answer) not in claims:
            yield f"job {event.args['job']} was claimed, and its history does not know it", event
        done = event.op in _VERBS and event.answer in ("done", "requested")
        if done and event.args["job"] in jobs and not actors[event.args["job"], event.args["actor"]]:
            yield f"{event.op} of job {event.args['job']} was accepted, and is not in its history", event
        if event.op == "lines" and stored[event.args["job"], event.args["attempt"]] < event.args["upto"]:
            yield f"job {event.args['job']} lost lines that were stored", event


def unknown_is_done_once(seen: Evidence) -> Found:
    """I6: however often something was asked for again, it was done once at most; what was refused, never."""
    actors = Counter((move["job_id"], move["actor"]) for move in seen.dump.transitions)
    keys = Counter(job["idempotency_key"] for job in seen.dump.jobs)
    for event in seen.events:
        if event.op in _VERBS:
            refused = event.outcome == "fail" or event.answer in ("refused", "already_terminal", "not_found")
            count = actors[event.args["job"], event.args["actor"]]
            if count > (0 if refused else 1):
                yield f"{event.op} of job {event.args['job']} was done {count} times", event
        if event.op == "start" and keys[event.args["key"]] > 1:
            yield f"{keys[event.args['key']]} jobs came of one start", event
    for op_id, count in Counter(move["op_id"] for move in seen.dump.transitions).items():
        if count > 1:
            yield (f"{count} transitions bear the op_id {op_id}",)


def not_twice_by_itself(seen: Evidence) -> Found:
    """I7: a job that is not idempotent begins once, and once more for each retry of an operator."""
    starts = Counter(note.job for note in seen.notes if note.what == "start")
    for job in seen.dump.jobs:
        if job["idempotent"]:
            continue
        moves = seen.dump.of(seen.dump.transitions, job["id"])
        allowed = 1 + sum(m["trigger_name"] == "retry" and m["actor"].startswith("operator:") for m in moves)
        if starts[job["id"]] > allowed:
            notes = [note for note in seen.notes if note.job == job["id"] and note.what == "start"]
            yield f"job {job['id']} is not idempotent and began {starts[job['id']]} times", *notes


def overlap_is_bounded(seen: Evidence) -> Found:
    """I8: an attempt begins once, and an older one does nothing after a newer one has begun."""
    begun: dict[int, dict[int, int]] = {}
    ended: dict[tuple[int, int], int] = {}
    for note in seen.notes:
        if note.what == "start":
            if note.fence in begun.setdefault(note.job, {}):
                yield f"job {note.job} began twice under fence {note.fence}", note
            begun[note.job].setdefault(note.fence, note.at)
        ended[note.job, note.fence] = max(note.at, ended.get((note.job, note.fence), 0))
    for job, fences in begun.items():
        for older, newer in pairwise(sorted(fences)):
            late = (ended[job, older] - fences[newer]) / 1e9
            if late > seen.overlap:
                yield (f"job {job}: fence {older} went on for {late:.3f} s after {newer} had begun",)


def no_orphan(seen: Evidence) -> Found:
    """I9: nothing is left of an attempt that has ended."""
    for job, attempt, pid in seen.alive:
        yield (f"process {pid} of job {job}, attempt {attempt}, is still there",)


def lines_are_complete(seen: Evidence) -> Found:
    """I12: of each attempt the lines 1, 2, 3 … are stored, none twice, none invented, none missing at a good end."""
    said = Counter((note.job, note.attempt) for note in seen.notes if note.what == "step")
    stored: dict[tuple[int, int], list[int]] = {}
    for row in seen.dump.lines:
        if row["stream"] == "stdout" and row["message"].startswith("line "):
            stored.setdefault((row["job_id"], row["attempt"]), []).append(int(row["message"].split()[1]))
    for (job, attempt), numbers in stored.items():
        if numbers != list(range(1, len(numbers) + 1)):
            yield f"job {job}, attempt {attempt}: lines {numbers[:20]}…", numbers
        if len(numbers) > said[job, attempt]:
            yield (f"job {job}, attempt {attempt}: {len(numbers)} lines, {said[job, attempt]} were said",)
    for row in seen.dump.attempts:
        key = row["job_id"], row["attempt"]
        if row["outcome"] == "succeeded" and len(stored.get(key, [])) != said[key]:
            yield f"job {key[0]}, attempt {key[1]}: {len(stored.get(key, []))} of {said[key]} lines", row


def text_comes_back(seen: Evidence) -> Found:
    """I19 (part): odd text in lines and parameters is read as it was written."""
    for row in seen.dump.lines:
        if row["stream"] == "stdout" and row["message"].startswith("line "):
            number = int(row["message"].split()[1])
            if row["message"] != line(number):
                yield f"job {row['job_id']}: {row['message']!r} is not {line(number)!r}", row
    params = {job["id"]: json.loads(job["params"]) for job in seen.dump.jobs}
    for event in seen.events:
        known = event.op == "start" and event.outcome == "ok" and event.answer in params
        if known and params[event.answer] != event.args["params"]:
            yield f"job {event.answer} has other parameters than were given", event


def bounded(seen: Evidence) -> Found:
    """I20 (part): files and rows stay within their bounds, and no worker is held alive for ever."""
    for what, size, bound in seen.sizes:
        if size > bound:
            yield (f"{what}: {size}, allowed are {bound}",)
    refused = Counter((row["job_id"], row["fence"], row["what"]) for row in seen.dump.refused)
    for key, count in refused.items():
        if count > 2:
            yield (f"{count} refused writes of one kind for {key}",)
