"""Answers on standard output, talk on standard error."""

from __future__ import annotations

import io
import json
import os
import shutil
import sys
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import IO, Any

from jobrunner.errors import JobRunnerError

_ESCAPED = {code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0)) if code != 0x09}
# They reorder what is read on a terminal.
_ESCAPED |= {
    code: f"\\u{code:04x}"
    for code in (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
}
_SEPARATORS = {0x2028: "\\u2028", 0x2029: "\\u2029"}
_ONE_LINE = _ESCAPED | _SEPARATORS | {0x09: " "}
# JSON writers leave these as they are, and some terminals obey them.
_IN_JSON = {code: f"\\u{code:04x}" for code in range(0x7F, 0xA0)}
_CODES = {"red": "31", "green": "32", "yellow": "33", "blue": "34", "dim": "2", "bold": "1"}
STATUS_COLOURS = {
    "succeeded": "green", "failed": "red", "stopped": "red", "abandoned": "red", "cancelled": "yellow", "parked": "yellow",
    "running": "blue", "cancel_requested": "yellow",
}  # fmt: skip
LEVEL_COLOURS = {"debug": "dim", "warning": "yellow", "error": "red"}


def prepare_streams() -> None:
    """Makes both streams bear any text, whole: what their encoding does not have is shown as an escape."""
    sys.stdout, sys.stderr = _buffered(sys.stdout), _buffered(sys.stderr)
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def _buffered(stream: Any) -> Any:
    """Returns a stream that writes all it is given: Python's unbuffered ones drop what one write did not take."""
    if not isinstance(getattr(stream, "buffer", None), io.RawIOBase):
        return stream
    return open(stream.fileno(), "w", buffering=1, encoding=stream.encoding, closefd=False)


class OutputFailed(JobRunnerError):
    """The answer could not be written."""

    code = "output_failed"
    default_hint = (
        "Standard output is full or broken; what was asked for was done as far as it could be told."
    )


def put(text: str = "") -> None:
    """Writes a line of data to standard output; raises OutputFailed, and BrokenPipeError when nobody reads it."""
    if sys.stdout is not None:
        with _told():
            sys.stdout.write(text + "\n")


def flush() -> None:
    """Hands everything that was put to whoever reads it; raises as ``put`` does."""
    if sys.stdout is not None:
        with _told():
            sys.stdout.flush()


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputFailed(f"The answer could not be written: {error.strerror}.") from error


def forget() -> None:
    """Lets go of what was not written, so that the interpreter does not try again at its end."""
    if sys.stdout is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def say(text: str) -> None:
    """Writes a line of talk to standard error, after what was put so far."""
    flush()
    tell(text)


def tell(text: str) -> None:
    """Writes a line to standard error, whatever became of standard output."""
    if sys.stderr is None:
        return
    try:
        print(text, file=sys.stderr, flush=True)
    except OSError:
        pass  # there is nobody left to tell


def document(value: Any) -> None:
    """Puts one JSON document."""
    unicode = (getattr(sys.stdout, "encoding", "") or "").lower().replace("-", "") == "utf8"
    put(json.dumps(plain(value), ensure_ascii=not unicode, allow_nan=False).translate(_IN_JSON))


def plain(value: Any) -> Any:
    """Returns what a model, or a list or object of models, looks like in JSON."""
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list | tuple) else value


def results(found: Sequence[Any]) -> None:
    """Puts the answer for one id as it is, and that for several as ``{"results": […]}``."""
    document(found[0] if len(found) == 1 else {"results": list(found)})


def report(error: JobRunnerError, *, as_json: bool) -> None:
    """Says what went wrong: two lines for a person, or one JSON object."""
    told = error.as_dict()
    if not isinstance(error, OutputFailed):
        flush()
    if as_json:
        return tell(json.dumps(told))
    tell(f"{paint('error:', 'red', sys.stderr)} {visible(str(told['message']))}")
    if told["hint"]:
        tell(f"{paint('hint:', 'dim', sys.stderr)} {visible(str(told['hint']))}")
    return None


def visible(text: str) -> str:
    """Returns text in which nothing can move a cursor or change a colour; line ends and tabs stay."""
    if text.isprintable():
        return text
    return "\n".join(part.translate(_ESCAPED) for part in text.split("\n"))


def one_line(value: object) -> str:
    """Returns a value as text for one cell or line: harmless, without line ends; a dash for nothing."""
    text = "-" if value is None or value == "" else str(value)
    return text if text.isprintable() else text.translate(_ONE_LINE)


def coloured(stream: IO[str] | None) -> bool:
    """True when a person looks at ``stream`` and colours are welcome (NO_COLOR, TERM)."""
    return bool(
        stream is not None
        and stream.isatty()
        and not os.environ.get("NO_COLOR")
        and os.environ.get("TERM") not in ("dumb", "")
    )


def paint(text: str, colour: str | None, stream: IO[str] | None = None) -> str:
    """Returns text in a colour where that is welcome on ``stream`` (standard output)."""
    if colour is None or not coloured(stream or sys.stdout):
        return text
    return f"\x1b[{_CODES[colour]}m{text}\x1b[0m"


def table(titles: Sequence[str], rows: Iterable[Sequence[object]], *, colour_of: int | None = None) -> None:
    """Puts a table; on a terminal its last column is cut to fit.

    ``colour_of`` is the column that holds a status.
    """
    cells = [[one_line(value) for value in row] for row in rows]
    widths = [max(map(_width, column)) for column in zip(titles, *cells, strict=True)]
    room = shutil.get_terminal_size().columns if sys.stdout is not None and sys.stdout.isatty() else None
    put(paint(_row([title.upper() for title in titles], widths, room), "bold"))
    for row in cells:
        line = _row(row, widths, room)
        if colour_of is not None:
            line = line.replace(row[colour_of], paint(row[colour_of], STATUS_COLOURS.get(row[colour_of])), 1)
        put(line)


def _row(cells: Sequence[str], widths: Sequence[int], room: int | None) -> str:
    padded = [cell + " " * (width - _width(cell)) for cell, width in zip(cells, widths, strict=True)]
    line = "  ".join(padded).rstrip()
    return line if room is None or len(line) <= room else line[: max(room - 1, 0)] + "…"


def _width(text: str) -> int:
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(character) else 2 if unicodedata.east_asian_width(character) in "WF" else 1
        for character in text
    )


def pairs(values: dict[str, object], colours: dict[str, str | None] | None = None) -> None:
    """Puts names and values, one a line; those without a value are left out."""
    shown = {name: value for name, value in values.items() if value is not None and value != ""}
    width = max(map(len, shown), default=0)
    for name, value in shown.items():
        colour = (colours or {}).get(name)
        first, *rest = visible(str(value)).split("\n")
        put(f"{name + ':':<{width + 1}} {paint(first, colour)}")
        for line in rest:
            put(" " * (width + 2) + paint(line, colour))
