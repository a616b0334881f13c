"""How watched jobs look: live bars on a terminal, plain lines elsewhere, rows of the ledger for programs."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from jobrunner.cli import lines, output, reading

if TYPE_CHECKING:
    from jobrunner.models import JobModel, StatusModel


class View:
    """A view that shows nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def show(self, place: int, seen: StatusModel) -> None:
        """Shows a job and what is new in its ledger."""

    def away(self, away: bool, source: str) -> None:
        """Shows whether the database or server does not answer."""


class PlainView(View):
    """A line per event, and one whenever the progress changed."""

    def __init__(self, count: int) -> None:
        self._several = count > 1
        self._told: dict[int, str | None] = {}
        self._away = False

    def show(self, place: int, seen: StatusModel) -> None:
        """Prints what is new, and a job that is seen for the first time with nothing new."""
        job = seen.job
        if job is None:
            return
        for text in _news(seen):
            self._put(job, text)
        made = reading.progress(job.progress)
        if place not in self._told and not seen.events:
            self._put(job, job.status)
        if made is not None and made != self._told.get(place):
            self._put(job, made)
        self._told[place] = made
        output.flush()

    def away(self, away: bool, source: str) -> None:
        """Says once that the source does not answer, and once that it does again."""
        if away != self._away:
            output.say(f"The {source} does not answer; waiting." if away else f"The {source} is back.")
        self._away = away

    def _put(self, job: JobModel, text: str) -> None:
        output.put(f"{job.id}  {text}" if self._several else text)


class RowsView(PlainView):
    """Every row of the ledger as one JSON object on one line."""

    def show(self, place: int, seen: StatusModel) -> None:
        """Prints the rows that are new."""
        job_id = seen.job.id if seen.job is not None and self._several else None
        for event in seen.events:
            lines.ndjson(event.model_dump(mode="json"), job_id)
        output.flush()


class LiveView(View):
    """A bar per job, with its log lines scrolling above."""

    def __init__(self, count: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        self._several = count > 1
        self._console = Console(file=sys.stdout, highlight=False, markup=False)
        self._bars = Progress(
            TextColumn("{task.fields[job]}", markup=False),
            TextColumn("{task.fields[status]}", markup=False),
            BarColumn(bar_width=None),
            TextColumn("{task.fields[made]}", markup=False),
            TimeElapsedColumn(),
            console=self._console,
            expand=True,
        )
        self._tasks: dict[int, Any] = {}

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def show(self, place: int, seen: StatusModel) -> None:
        """Moves the bar of a job, and prints its new lines above all bars."""
        job = seen.job
        if job is None:
            return
        for text in _news(seen):
            self._print(f"{job.id}  {text}" if self._several else text)
        if place not in self._tasks:
            name = f"{job.id} {output.one_line(job.title or job.type)[:40]}"
            self._tasks[place] = self._bars.add_task("", total=None, job=name, status="", made="")
        percent = 100.0 if job.status == "succeeded" else job.progress.percent
        self._bars.update(
            self._tasks[place],
            total=100.0 if percent is not None or job.is_terminal else None,
            completed=percent or 0.0,
            status=job.status,
            made=(reading.progress(job.progress) or "")[:60],
        )
        if job.is_terminal or job.status == "parked":
            self._bars.stop_task(self._tasks[place])

    def away(self, away: bool, source: str) -> None:
        """Marks every bar while the source does not answer."""
        if away:
            for task in self._tasks.values():
                self._bars.update(task, status=f"no {source}")

    def _print(self, text: str) -> None:
        from rich.text import Text

        # Colours are in the text already, as terminal codes of our own.
        self._bars.print(Text.from_ansi(text))


def view(count: int, *, silent: bool, rows: bool, live: bool) -> View:
    """Returns the view for ``count`` jobs: none, rows of the ledger, live bars, or plain lines."""
    if silent:
        return View()
    if rows:
        return RowsView(count)
    return LiveView(count) if live else PlainView(count)


def _news(seen: StatusModel) -> list[str]:
    told = [event.model_dump(mode="json") for event in seen.events]
    return [lines.move(event) if event["kind"] == "transition" else lines.text(event) for event in told]
