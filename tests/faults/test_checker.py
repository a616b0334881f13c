"""The control of the fault suite: for every invariant there is a lie that its check finds."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.faults.checker import CHECKS, check
from tests.faults.evidence import Evidence
from tests.faults.history import Event
from tests.faults.play import everything
from tests.faults.stage import Stage
from tests.faults.witness import Note

Lie = Callable[[Evidence], object]


@pytest.fixture(scope="module")
def truth() -> dict[str, Evidence]:
    return {}


@pytest.fixture
def evidence(lab, truth) -> Evidence:
    """What was seen of some lives that went well; made once, and copied for each lie."""
    if not truth:
        everything(Stage(lab).play("true"))
        play = Stage(lab).play("asked")
        play.attempt(play.start("f.once"), _died(), asked="hold")
        truth["seen"] = lab.evidence(settled=True)
    return copy.deepcopy(truth["seen"])


def _died():
    from tests.faults.play import DONE

    return DONE


def job_of(seen: Evidence, key: str) -> dict:
    return next(job for job in seen.dump.jobs if job["idempotency_key"] == key)


def finished(seen: Evidence) -> dict:
    return job_of(seen, "true-finish")


def moves(seen: Evidence, key: str = "true-finish") -> list[dict]:
    return seen.dump.of(seen.dump.transitions, job_of(seen, key)["id"])


def attempts(seen: Evidence, key: str = "true-finish") -> list[dict]:
    return seen.dump.of(seen.dump.attempts, job_of(seen, key)["id"])


def lines(seen: Evidence, key: str = "true-finish") -> list[dict]:
    rows = seen.dump.of(seen.dump.lines, job_of(seen, key)["id"])
    return [row for row in rows if row["stream"] == "stdout"]


def told(seen: Evidence, op: str) -> Event:
    return next(event for event in seen.events if event.op == op)


def forget_a_job(seen: Evidence) -> None:
    seen.events.append(replace(told(seen, "start"), answer=4711))


def do_a_verb_twice(seen: Evidence) -> None:
    cancel = next(move for move in seen.dump.transitions if move["trigger_name"] == "cancel")
    seen.dump.transitions.append({**cancel, "op_id": "another"})


def say_that_it_was_refused(seen: Evidence) -> None:
    seen.events[:] = [replace(e, outcome="fail") if e.op == "cancel" else e for e in seen.events]


def start_again(seen: Evidence, key: str, fence: int, at: int) -> None:
    job = job_of(seen, key)["id"]
    seen.notes.append(Note(job, 2, fence, 1, "start", 0, at))


def lose_lines_that_were_stored(seen: Evidence) -> None:
    gone = lines(seen)[-1]
    seen.dump.lines[:] = [row for row in seen.dump.lines if row is not gone]


def let_the_older_one_go_on(seen: Evidence) -> None:
    job = job_of(seen, "true-lost")["id"]
    late = max(note.at for note in seen.notes) + 1
    seen.notes.append(Note(job, 1, 1, 1, "step", 3, late))


def give_other_params(seen: Evidence) -> None:
    finished(seen)["params"] = '{"odd":"?"}'


def stamp(rows: list[dict], name: str, value: object) -> None:
    rows[-1][name] = value


def forget_an_attempt(seen: Evidence) -> None:
    seen.dump.attempts.remove(attempts(seen)[0])


LIES: list[tuple[str, str, Lie]] = [
    ("I1", "an attempt of a finished job stays open", lambda s: stamp(attempts(s), "ended_at", None)),
    ("I2", "a claim does not raise the fence", lambda s: moves(s)[1].update(fence=0)),
    ("I2", "two attempts share a fence", lambda s: attempts(s, "true-lost")[1].update(fence=1)),
    ("I3", "a line of another attempt", lambda s: lines(s)[0].update(attempt=7)),
    ("I3", "a line after the end", lambda s: lines(s)[0].update(seq=finished(s)["last_seq"] + 1)),
    ("I4", "a seq is missing", lose_lines_that_were_stored),
    ("I4", "the row says another status", lambda s: finished(s).update(status="failed")),
    ("I4", "a move by no edge", lambda s: moves(s)[-1].update(trigger_name="abandon")),
    ("I5", "a job that was acknowledged is gone", forget_a_job),
    ("I5", "lines that were acknowledged are gone", lose_lines_that_were_stored),
    ("I6", "a verb was done twice", do_a_verb_twice),
    ("I6", "a verb that was refused was done", say_that_it_was_refused),
    ("I7", "a job that is not idempotent begins again", lambda s: start_again(s, "asked", 2, 2**62)),
    ("I8", "one fence begins twice", lambda s: start_again(s, "true-finish", 1, 2**62)),
    ("I8", "an older attempt goes on", let_the_older_one_go_on),
    ("I9", "a process is left", lambda s: s.alive.append((finished(s)["id"], 1, 4711))),
    ("I11", "a worker moves a job that has ended", lambda s: moves(s)[-1].update(from_status="failed")),
    ("I12", "a line is there twice", lambda s: lines(s)[1].update(message=lines(s)[0]["message"])),
    ("I12", "a line that nobody said", lambda s: s.notes.clear()),
    ("I13", "a request is never seen", lambda s: job_of(s, "true-cancel").update(status="cancel_requested")),
    ("I13", "a job that was asked to end is put back", lambda s: stamp(moves(s, "true-cancel"), "trigger_name", "requeue_lost")),
    ("I14", "an attempt has another outcome", lambda s: stamp(attempts(s), "outcome", "failed")),
    ("I14", "an attempt without an outcome", forget_an_attempt),
    ("I15", "a key is borne twice", lambda s: finished(s).update(idempotency_key="true-lost")),
    ("I15", "a lock is held twice", lambda s: [j.update(lock_key="k", status="parked") for j in s.dump.jobs]),
    ("I17", "an actor was changed", lambda s: moves(s)[0].update(actor="starter:somebody")),
    ("I17", "a line was changed", lambda s: lines(s)[0].update(logger="other")),
    ("I19", "a character is lost", lambda s: lines(s)[0].update(message=lines(s)[0]["message"] + "?")),
    ("I19", "parameters are not those that were given", give_other_params),
    ("I20", "a file grew", lambda s: s.sizes.append(("bytes of a file", 2, 1))),
    ("I20", "refused writes pile up", lambda s: s.dump.refused.extend(s.dump.refused[:1] * 3 or [{"job_id": 1, "fence": 1, "what": "line"}] * 3)),
]  # fmt: skip


@pytest.mark.databases("sqlite")
def test_lives_that_went_well_break_nothing(evidence) -> None:
    assert [str(found) for found in check(evidence)] == []
    assert len(evidence.dump.jobs) > 5 and evidence.notes and evidence.events


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize(
    ("number", "lie"), [(n, f) for n, _, f in LIES], ids=[f"{n}: {t}" for n, t, _ in LIES]
)
def test_a_lie_is_found_by_the_invariant_that_it_breaks(evidence, number, lie) -> None:
    lie(evidence)
    found = {violation.invariant.split()[0] for violation in check(evidence)}
    assert number in found


def test_there_is_a_lie_for_every_invariant() -> None:
    assert {name.split()[0] for name in CHECKS} == {number for number, _, _ in LIES}
