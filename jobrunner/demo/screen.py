"""What the story is told on: plain lines, or a terminal with colours and a bar below the lines."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

from jobrunner.models import Progress

Row = Sequence[object]


class Screen:
    """Plain lines on standard output; the bar is left out."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.end_bar()

    def say(self, text: str = "", style: str = "") -> None:
        """Shows a line; ``style`` is in rich's words."""
        print(visible(text), flush=True)

    def bar(self, progress: Progress) -> None:
        """Shows how far the job is."""

    def end_bar(self) -> None:
        """Takes the bar away."""

    def heading(self, text: str) -> None:
        """Begins a part of the story."""
        self.say()
        self.say(text, "bold")

    def table(self, titles: Sequence[str], rows: Sequence[Row]) -> None:
        """Shows rows under titles; numbers stand to the right."""
        cells = [[f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row] for row in rows]
        widths = [max(map(len, column)) for column in zip(titles, *cells, strict=True)]
        right = [all(isinstance(row[index], int) for row in rows) for index in range(len(titles))]
        for number, line in enumerate([list(titles), *cells]):
            shown = [
                cell.rjust(width) if number_like else cell.ljust(width)
                for cell, width, number_like in zip(line, widths, right, strict=True)
            ]
            self.say("  " + "   ".join(shown).rstrip(), "" if number else "dim")


class Terminal(Screen):
    """A terminal; colours are left out when NO_COLOR is set."""

    def __init__(self) -> None:
        from rich.console import Console

        self._console = Console(highlight=False, emoji=False)
        self._bar: Any = None
        self._task: Any = None

    def say(self, text: str = "", style: str = "") -> None:
        """Shows a line above the bar."""
        from rich.text import Text

        self._console.print(Text(visible(text), style=style), soft_wrap=True)

    def bar(self, progress: Progress) -> None:
        """Shows how far the job is, below the lines."""
        from rich.progress import BarColumn, SpinnerColumn, TaskProgressColumn, TextColumn
        from rich.progress import Progress as Bars

        if self._bar is None:
            columns = [SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TaskProgressColumn()]
            self._bar = Bars(*columns, console=self._console, transient=True)
            self._task = self._bar.add_task("Starting", total=100)
            self._bar.start()
        label = progress.step.label or progress.step.key if progress.step else "Starting"
        self._bar.update(self._task, completed=float(progress.percent or 0), description=visible(label))

    def end_bar(self) -> None:
        """Takes the bar away; the lines stay."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


def open_screen() -> Screen:
    """Returns what suits standard output."""
    if sys.stdout.isatty() and os.environ.get("TERM") != "dumb":
        return Terminal()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    return Screen()


def visible(text: str) -> str:
    """Returns ``text`` with what would steer a terminal as visible escapes."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
