"""The command ``logs``: every line, the last ones, the new ones, or those to come."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jobrunner.cli import cursors, following, lines, output, session
from jobrunner.cli.options import After, Job, Json, Ndjson, Since, examples, moment, refuse_document

if TYPE_CHECKING:
    from jobrunner.models import JobModel
    from jobrunner.runner import JobRunner

PAGE = 1000
Show = Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class Filters:
    """Which lines are shown; every part that is given must hold."""

    level: str | None = None
    stream: str | None = None
    step: str | None = None
    grep: str | None = None
    since: str | None = None

    def accept(self, line: dict[str, Any]) -> bool:
        """True for a line that the database would have chosen too."""
        return (
            (self.level is None or lines.LEVELS.index(line["level"]) >= lines.LEVELS.index(self.level))
            and (self.stream is None or line["stream"] == self.stream)
            and (self.step is None or line["step"] == self.step)
            and (self.grep is None or self.grep in line["message"])
            and (self.since is None or line["at"] >= self.since)
        )


@examples(
    "jobrunner logs 7",
    "jobrunner logs 7 -f -n 20",
    "jobrunner logs 7 --level warning --grep timeout",
    "jobrunner logs 7 --cursor-file seen --ndjson",
)
def logs(
    job: Job,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with new lines until the job ends.")
    ] = False,
    last: Annotated[
        int | None, typer.Option("--tail", "-n", metavar="N", min=0, help="Only the last N lines.")
    ] = None,
    after: After = 0,
    cursor_file: Annotated[
        str | None,
        typer.Option(
            "--cursor-file", metavar="FILE", help="Print what came since the last call with this file."
        ),
    ] = None,
    level: Annotated[
        str | None, typer.Option("--level", metavar="LEVEL", help="This level and above.")
    ] = None,
    stream: Annotated[
        str | None, typer.Option("--stream", metavar="NAME", help="log, stdout, stderr, system or response.")
    ] = None,
    step: Annotated[
        str | None, typer.Option("--step", metavar="KEY", help="Only lines of this step.")
    ] = None,
    grep: Annotated[
        str | None, typer.Option("--grep", metavar="TEXT", help="Only lines that hold this very text.")
    ] = None,
    since: Since = None,
    raw: Annotated[
        bool, typer.Option("--raw", help="Bare messages, control characters as they are.")
    ] = False,
    as_json: Json = False,
    as_ndjson: Ndjson = False,
) -> None:
    """Prints the log lines of a job: all of them, page by page.

    Ctrl-C leaves -f; the job goes on.
    """
    filters = Filters(
        _one_of("level", level, lines.LEVELS), _one_of("stream", stream, lines.STREAMS), step, grep
    )
    filters = replace(filters, since=moment("since", since))
    refuse_document(as_json and (follow or as_ndjson))
    _refuse_two_beginnings(cursor_file is not None and (last is not None or after > 0))
    runner = session.runner()
    found: list[dict[str, Any]] = []
    show: Show = (
        found.append
        if as_json
        else lines.ndjson
        if as_ndjson
        else lambda line: output.put(lines.text(line, raw=raw))
    )
    seen = _look(runner, job, after)
    if cursor_file is not None:
        after = cursors.read(cursor_file, seen.uuid)
    keep = None if cursor_file is None else partial(cursors.write, cursor_file, seen.uuid)
    come_back = f"logs {job} -f" if follow else f"logs {job}"
    with following.detachable([] if seen.is_terminal else [job], come_back):
        begun = after
        if not follow or last is not None:
            after = _until_now(runner, seen, after, last, filters, show, None if as_json else keep)
        with following.batch(keep, after):
            if as_json:
                end = found[-1]["seq"] if found else begun
                output.document({"lines": found, "last_seq": end, "has_more": False})
        if follow:
            following.follow(
                runner, job, lambda event: _show_new(event, filters, show), after=after, done=keep
            )


def _look(runner: JobRunner, job: str, after: int) -> JobModel:
    from jobrunner.errors import JobNotFound

    seen = runner.status(job, after_seq=after, limit=0)
    if seen.job is None:
        raise JobNotFound(f"There is no job {job}.")
    if seen.pruned:
        output.say(f"The lines before seq {seen.job.first_seq} of job {job} were pruned.")
    return seen.job


def _refuse_two_beginnings(given: bool) -> None:
    from jobrunner.errors import InvalidField

    if given:
        raise InvalidField(
            "--cursor-file knows where to begin; leave out -n and --after.",
            fields={"cursor_file": "knows where to begin"},
        )


def _one_of(name: str, value: str | None, known: tuple[str, ...]) -> str | None:
    from jobrunner.errors import InvalidField

    if value is not None and value not in known:
        raise InvalidField(
            f"There is no {name} {value!r}.",
            hint=f"Use one of {', '.join(known)}.",
            fields={name: "is not known"},
        )
    return value


def _until_now(
    runner: JobRunner, seen: JobModel, begin: int, last: int | None, filters: Filters, show: Show,
    done: following.Done | None,
) -> int:  # fmt: skip
    """Shows the lines that there were when the job was looked at; returns the highest seq that was examined.

    ``done`` is told the cursor after each page.
    """
    until = max(seen.last_seq, begin)
    if last is not None:
        begin = max(begin, _before_the_last(runner, seen.id, last, until, filters))
    more = begin < until
    while more:
        page = runner.logs(seen.id, after_seq=begin, until_seq=until, limit=PAGE, **vars(filters))
        with following.batch(done, page.last_seq):
            for line in page.lines:
                show(line.model_dump(mode="json"))
        begin, more = page.last_seq, page.has_more
    return until


def _before_the_last(runner: JobRunner, job: int, count: int, until: int, filters: Filters) -> int:
    """Returns the cursor before the last ``count`` lines, going back page by page."""
    bound = until
    while count > 0 and bound > 0:
        page = runner.logs(job, tail=min(count, PAGE), until_seq=bound, **vars(filters))
        if not page.lines:
            return 0
        bound, count = page.lines[0].seq - 1, count - len(page.lines)
    return bound


def _show_new(event: dict[str, Any], filters: Filters, show: Show) -> None:
    if event["kind"] == "log" and filters.accept(event):
        show(event)
