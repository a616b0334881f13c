"""When a job waited, ran and did each step: rows of bars on one scale, made of its transitions, attempts and steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from jobrunner import clock
from jobrunner.models import JobModel, TransitionEvent
from jobrunner.states import IN_HAND, Status
from jobrunner.store.database import Row
from jobrunner.web.pages.steps import Mark

WIDTH, NARROWEST = 1000.0, 3.0
MOST_ATTEMPTS, MOST_STEPS = 50, 300


@dataclass(frozen=True)
class Bar:
    """A stretch of time; ``kind`` is the status or outcome that it is drawn as."""

    x: float
    width: float
    kind: str
    title: str


@dataclass(frozen=True)
class Line:
    """A row of the timeline; ``end`` is None while it goes on."""

    kind: str
    label: str
    begin: str
    end: str | None
    seconds: float
    outcome: str
    seq: int | None = None
    bars: tuple[Bar, ...] = ()


@dataclass(frozen=True)
class Timeline:
    """All rows, and the two moments between which they lie."""

    begin: str
    end: str
    lines: tuple[Line, ...] = ()
    left_out: int = 0
    read_until: int | None = None


@dataclass
class Scale:
    """Turns moments into places on a bar."""

    begin: str
    end: str
    seconds: float = field(init=False)

    def __post_init__(self) -> None:
        self.seconds = max(clock.between(self.begin, self.end), 1e-6)

    def bar(self, begin: str, end: str, kind: str, title: str) -> Bar:
        """Returns the bar of a stretch; even the shortest can be seen."""
        left = min(max(clock.between(self.begin, begin) / self.seconds, 0.0), 1.0) * WIDTH
        right = min(max(clock.between(self.begin, end) / self.seconds, 0.0), 1.0) * WIDTH
        width = max(right - left, NARROWEST)
        return Bar(round(min(left, WIDTH - width), 2), round(width, 2), kind, title)


def timeline(
    job: JobModel,
    moves: Sequence[TransitionEvent],
    attempts: Sequence[Row],
    marks: Sequence[Mark],
    until: int,
) -> Timeline:
    """Returns the timeline of a job; ``until`` is the seq up to which every step is known."""
    now = clock.now()
    begin = moves[0].at if moves else job.created_at
    ends = [job.finished_at] if job.is_terminal and job.finished_at else [now]
    end = max([*(move.at for move in moves), *ends])
    scale = Scale(begin, end)
    lines = [_whole(scale, moves, end)] if moves else []
    shown = list(attempts)[-MOST_ATTEMPTS:]
    claims = {move.attempt: move.seq for move in moves if move.trigger == "claim"}
    room = MOST_STEPS
    for row in shown:
        lines.append(_attempt(scale, job, row, claims.get(row["attempt"]), end))
        of_it = [mark for mark in marks if mark.attempt == row["attempt"]]
        stop = row["ended_at"] or (end if job.status in IN_HAND else row["started_at"])
        some = _steps(scale, of_it, stop, going=row["ended_at"] is None and job.status in IN_HAND)
        lines += some[:room]
        room = max(0, room - len(some))
    return Timeline(
        begin, end, tuple(lines), len(attempts) - len(shown), until if until < job.last_seq else None
    )


def _whole(scale: Scale, moves: Sequence[TransitionEvent], end: str) -> Line:
    ends = [move.at for move in moves[1:]] + [end]
    bars = [
        scale.bar(
            move.at, until, move.to, f"{move.to.replace('_', ' ')} from {move.at[11:23]} to {until[11:23]}"
        )
        for move, until in zip(moves, ends, strict=True)
        if not Status(move.to).is_terminal
    ]
    last = moves[-1].to
    over = Status(last).is_terminal
    seconds = clock.between(moves[0].at, moves[-1].at if over else end)
    return Line("job", "The job", moves[0].at, moves[-1].at if over else None, seconds, last, 1, tuple(bars))


def _attempt(scale: Scale, job: JobModel, row: Row, seq: int | None, end: str) -> Line:
    going = row["ended_at"] is None and job.status in IN_HAND and row["attempt"] == job.attempt
    until = row["ended_at"] or (end if going else row["started_at"])
    outcome = outcome_of(row, going=going)
    drawn = {"failed, to be tried again": "failed", "given back": "held"}.get(outcome, outcome)
    bar = scale.bar(row["started_at"], until, drawn, f"attempt {row['attempt']}: {outcome}")
    seconds = clock.between(row["started_at"], until)
    end_shown = None if going else row["ended_at"]
    return Line(
        "attempt", f"Attempt {row['attempt']}", row["started_at"], end_shown, seconds, outcome, seq, (bar,)
    )


def outcome_of(row: Row, *, going: bool) -> str:
    """Returns how an attempt ended; its row names the status that the job had after it."""
    outcome = row["outcome"]
    if outcome is None:
        return "running" if going else "not known"
    return str({"scheduled": "failed, to be tried again", "queued": "given back"}.get(outcome, outcome))


def _steps(scale: Scale, marks: Sequence[Mark], stop: str, *, going: bool) -> list[Line]:
    open_ones: list[tuple[int, Mark]] = []
    lines: list[Line | None] = []
    for mark in marks:
        if mark.event == "step_started":
            open_ones.append((len(lines), mark))
            lines.append(None)
            continue
        place = next((n for n in reversed(range(len(open_ones))) if open_ones[n][1].key == mark.key), None)
        if place is not None:
            at, begun = open_ones.pop(place)
            lines[at] = _step(scale, begun, mark.at, mark.outcome or "finished", going=False)
    for at, begun in open_ones:
        lines[at] = _step(
            scale, begun, max(stop, begun.at), "running" if going else "not finished", going=going
        )
    return [line for line in lines if line is not None]


def _step(scale: Scale, begun: Mark, end: str, outcome: str, *, going: bool) -> Line:
    place = f"{begun.index}/{begun.total} " if begun.index and begun.total else ""
    label = f"{place}{begun.label or begun.key}"
    bar = scale.bar(begun.at, end, _drawn(outcome), f"{label}: {outcome}")
    seconds = clock.between(begun.at, end)
    return Line("step", label, begun.at, None if going else end, seconds, outcome, begun.seq, (bar,))


def _drawn(outcome: str) -> str:
    return {"ok": "succeeded", "error": "failed", "not finished": "stopped"}.get(outcome, outcome)
