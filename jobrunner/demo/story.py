"""The story that ``jobrunner demo`` tells: a job is started, watched, and looked at afterwards."""

from __future__ import annotations

import contextlib
import os
import sysconfig
from pathlib import Path
from typing import Any

from jobrunner import clock
from jobrunner.auditor import Audit
from jobrunner.demo import invitation
from jobrunner.demo.screen import Screen, open_screen
from jobrunner.errors import DatabaseReadOnly, InvalidField
from jobrunner.models import JobModel, StatusModel
from jobrunner.runner import JobRunner
from jobrunner.states import Status

DIRECTORY = "jobrunner-demo"
HANDLERS = "jobrunner.demo.indexing"
TYPE = "demo.index_tree"
DATABASE_URL = "sqlite:///jobrunner.db"
CONFIGURATION = f"""\
# Every jobrunner command that runs in this directory reads this file.
database_url = "{DATABASE_URL}"
handlers = ["{HANDLERS}"]
"""
PACE = 3
POLL = 0.05
LEVEL_STYLES = {"debug": "dim", "warning": "yellow", "error": "red"}


def tell(path: str | None) -> int:
    """Tells the whole story and returns the exit code of its job."""
    root = _directory(path)
    with contextlib.chdir(_home()), open_screen() as screen:
        runner = JobRunner(database_url=DATABASE_URL, handlers=[HANDLERS], launcher="detached")
        _introduce(screen, root, asked=path is not None)
        started = runner.start(TYPE, {"path": root, "pace": PACE})
        screen.say(f"Job {started.job_id} is started. Its rows, as they are written:")
        screen.say()
        job = f"{started.job_id}"
        try:
            ended = _watch(screen, runner, job)
        except KeyboardInterrupt:
            _detach(screen, job)
            raise
        _show_outcome(screen, ended)
        _show_history(screen, runner, job)
        _show_audit(screen, runner, job)
        _invite(screen, job)
    return _exit_code(ended)


def _directory(path: str | None) -> str:
    root = os.path.realpath(path or sysconfig.get_path("stdlib"))
    if not os.path.isdir(root):
        raise InvalidField(f"{path} is no directory.", fields={"path": "is no directory"})
    return root


def _home() -> Path:
    home = Path(DIRECTORY).absolute()
    try:
        home.mkdir(exist_ok=True)
        (home / "jobrunner.toml").write_text(CONFIGURATION, "utf-8")
    except OSError as error:
        raise DatabaseReadOnly(
            f"{home} cannot be used: {error.strerror}.", hint="Run the demonstration where you may write."
        ) from None
    return home


def _introduce(screen: Screen, root: str, *, asked: bool) -> None:
    what = "a directory tree" if asked else "this Python's own library"
    screen.say("jobrunner: a demonstration", "bold")
    screen.say()
    screen.say(f"A job starts now, in a process of its own. It indexes {what}:")
    screen.say(f"  {root}")
    screen.say(f"All that happens to it is appended to {DIRECTORY}/jobrunner.db as numbered rows.")
    screen.say("This terminal only reads them; Ctrl-C leaves the job alone.")
    screen.say()


def _watch(screen: Screen, runner: JobRunner, job: str) -> StatusModel:
    """Shows the rows until the job moves on no more and every one of them was seen."""
    cursor, warned = 0, False
    while True:
        seen = runner.status(job, after_seq=cursor, limit=1000)
        assert seen.job is not None, "a job that was started is there"
        for event in seen.events:
            _show_event(screen, event)
        cursor = seen.last_seq
        if Status(seen.job.status).is_settled and cursor >= seen.job.last_seq:
            screen.end_bar()
            return seen
        if seen.job.is_stale and not warned:
            warned = True
            screen.say(f"{seen.job.stale_reason} Press Ctrl-C to leave.", "yellow")
        screen.bar(seen.job.progress)
        clock.sleep(POLL)


def _show_event(screen: Screen, event: Any) -> None:
    head = f"{event.seq:>4}  {event.at[11:19]}  "
    if event.kind == "transition":
        screen.say(f"{head}{event.from_} → {event.to}  ({event.trigger} by {event.actor})", "green")
        return
    style = LEVEL_STYLES.get(event.level, "")
    told = event.message if event.level == "info" else f"{event.level}: {event.message}"
    if event.stream == "system" and not style:
        style = "bold" if (event.context or {}).get("event") == "step_started" else "dim"
    screen.say(f"{head}{told}", style)


def _detach(screen: Screen, job: str) -> None:
    """Leaves the job to itself and says how to come back."""
    screen.end_bar()
    screen.say()
    screen.say(f"Detached. Job {job} goes on. To come back:")
    for command in (*invitation.preamble(DIRECTORY), f"{invitation.program()} logs {job} -f"):
        screen.say(f"{invitation.INDENT}{command}")


def _show_outcome(screen: Screen, ended: StatusModel) -> None:
    job, found = ended.job, ended.result
    if ended.error is not None:
        screen.heading("Error")
        screen.say(f"  {ended.error.reason_code}: {ended.error.message}", "red")
    if job is None or found is None:
        return
    spent = clock.between(job.created_at, job.finished_at) if job.finished_at else 0.0
    screen.heading("Result")
    screen.say(
        f"  {found['files']:,} files, {found['lines']:,} lines, {found['bytes']:,} bytes, in {spent:.1f} s"
    )
    again = found["duplicates"]
    screen.say(
        f"  contents found more than once: {again['groups']:,}; files left out: {found['unreadable']:,}"
    )
    screen.say()
    titles = ("suffix", "files", "lines", "bytes")
    screen.table(titles, [[row[title] or "none" for title in titles] for row in found["suffixes"]])


def _show_history(screen: Screen, runner: JobRunner, job: str) -> None:
    screen.heading("History: the transitions, which the database keeps legal")
    rows = runner.history(job).transitions
    screen.table(
        ("seq", "time (UTC)", "from", "trigger", "to", "actor"),
        [(row.seq, row.at[11:23], row.from_, row.trigger, row.to, row.actor) for row in rows],
    )


def _show_audit(screen: Screen, runner: JobRunner, job: str) -> None:
    screen.heading("Audit: the chain of digests over every row, computed again")
    audit = Audit(runner.database)
    findings = list(audit.verify(int(job)))
    for finding in findings:
        screen.say(f"  {finding}", "red")
    if findings:
        return
    moves, seen = len(runner.history(job).transitions), runner.status(job, limit=0).job
    lines = (seen.last_seq if seen else 0) - moves
    screen.say(
        f"  verified: {moves:,} transitions and {lines:,} lines; nothing was changed, and nothing is missing",
        "green",
    )
    digest = next((line.split()[2] for line in audit.head() if line.split()[0] == job), "")
    screen.say(f"  its head: {digest}")


def _invite(screen: Screen, job: str) -> None:
    screen.heading("Now you. These lines can be copied as they stand.")
    for words, commands in invitation.groups(DIRECTORY, job, TYPE):
        screen.say()
        screen.say(f"  {words}")
        for command in commands:
            screen.say(f"{invitation.INDENT}{command}", "cyan")


def _exit_code(ended: StatusModel) -> int:
    job: JobModel | None = ended.job
    assert job is not None, "a job that was watched is there"
    codes = {Status.SUCCEEDED: 0, Status.PARKED: 6, Status.CANCELLED: 130}
    if job.status == Status.STOPPED:
        return 137 if job.cancel_mode == "kill" else 143
    return codes.get(Status(job.status), 1)
