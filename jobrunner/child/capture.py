"""What handlers say without knowing of jobrunner: logging, warnings, print."""

from __future__ import annotations

import io
import logging
import sys
import threading
from collections.abc import Callable
from typing import Any, TextIO

from jobrunner.child import plain
from jobrunner.child.lines import Sink, send_line
from jobrunner.child.position import Counted, written

_STANDARD = frozenset(logging.LogRecord("", 0, "", 0, "", (), None).__dict__) | {
    "message",
    "asctime",
    "taskName",
}
_LOGGER_BYTES = 255
_streams: list[TextIO] = []
_replaced: list[object] = []


def level_name(number: int) -> str:
    """Returns which of debug, info, warning, error a level of logging counts as."""
    if number >= logging.ERROR:
        return "error"
    if number >= logging.WARNING:
        return "warning"
    return "info" if number >= logging.INFO else "debug"


class LineHandler(logging.Handler):
    """Sends each record as a line of stream ``log``, its ``extra`` as context; never raises an Exception.

    ``step`` is asked for the key of the step that the line belongs to. What is logged while a
    record is being written, by some ``__str__``, is dropped.
    """

    def __init__(self, sink: Sink, step: Callable[[], str | None] = lambda: None) -> None:
        super().__init__()
        self._sink = sink
        self._step = step
        self._inside = threading.local()

    def emit(self, record: logging.LogRecord) -> None:
        """Sends ``record``."""
        if getattr(self._inside, "busy", False):
            return
        self._inside.busy = True
        try:
            send_line(
                self._sink,
                level_name(record.levelno),
                _text_of(record),
                logger=plain.cut(plain.as_text(record.name), _LOGGER_BYTES),
                context={name: value for name, value in record.__dict__.items() if name not in _STANDARD},
                step=self._step(),
            )
        finally:
            self._inside.busy = False


def capture_logging(handler: logging.Handler) -> None:
    """Sends the records of this process to ``handler``, and warnings too. For the child's process only.

    The root level becomes INFO and its handlers are removed. What handlers configure then works as
    anywhere (levels, ``propagate``, files, ``basicConfig``, ``dictConfig``), except that what would
    go to the terminal goes to ``handler`` instead, once; where no such handler stands in a
    logger's path, every record that reaches the root does.
    """

    def call_handlers(logger: logging.Logger, record: logging.LogRecord) -> None:
        path = _path(logger)
        others = [other for one in path for other in one.handlers]
        terminals = [other for other in others if _writes_to_terminal(other)]
        shown = [record] if not terminals and path[-1] is logging.root else []
        for other in others:
            if record.levelno >= other.level:
                if other in terminals:
                    shown += _filtered(other, record)
                else:
                    other.handle(record)
        if shown:
            handler.handle(shown[0])

    logging.root.handlers.clear()
    logging.root.setLevel(logging.INFO)
    replace(logging.Logger, "callHandlers", call_handlers)
    logging.captureWarnings(True)


def renew_streams() -> None:
    """Opens sys.stdin, stdout and stderr anew on descriptors 0, 1 and 2: UTF-8, line-buffered, never failing to encode."""
    # The old ones are kept, so that nothing they still hold is written a second time.
    _replaced.extend((sys.stdin, sys.stdout, sys.stderr, sys.__stdin__, sys.__stdout__, sys.__stderr__))
    written.update(dict.fromkeys(written, 0))
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            stream = _open_text(number)
        except OSError:
            continue
        for attribute in (name, f"__{name}__"):
            replace(sys, attribute, stream)
        _streams.append(stream)


def flush_streams() -> None:
    """Writes out what stands in the buffers of stdout and stderr, also of those that a handler has replaced."""
    for stream in (sys.stdout, sys.stderr, *_streams):
        try:
            stream.flush()
        except Exception:
            continue


def others_log() -> bool:
    """True when somebody else's logging handlers or streams may hold something that is not written yet."""
    handlers: list[Any] = getattr(logging, "_handlerList", [None])
    known = (LineHandler, type(logging.lastResort))
    if any(not isinstance(reference and reference(), known) for reference in handlers):
        return True
    return any(stream not in _streams for stream in (sys.stdout, sys.stderr))


def _open_text(number: int) -> TextIO:
    if number == 0:
        buffered: io.BufferedReader | io.BufferedWriter = io.BufferedReader(io.FileIO(0, "r", closefd=False))
    else:
        buffered = io.BufferedWriter(Counted(number, "w", closefd=False))
    return io.TextIOWrapper(buffered, "utf-8", "backslashreplace", line_buffering=number > 0)


def replace(owner: object, name: str, value: object) -> None:
    """Puts ``value`` in the place of an attribute that others look up by name."""
    setattr(owner, name, value)


def _path(logger: logging.Logger) -> list[logging.Logger]:
    """Returns the loggers that a record of ``logger`` passes, itself first."""
    path = [logger]
    while path[-1].propagate and path[-1].parent is not None:
        path.append(path[-1].parent)
    return path


def _writes_to_terminal(handler: logging.Handler) -> bool:
    stream = getattr(handler, "stream", None) or getattr(getattr(handler, "console", None), "file", None)
    return stream is not None and any(stream is one for one in terminal_streams())


def terminal_streams() -> tuple[object, ...]:
    """Returns the streams that stand for the terminal."""
    return (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__)


def _filtered(handler: logging.Handler, record: logging.LogRecord) -> list[logging.LogRecord]:
    # A filter may mask secrets in the record, and since 3.12 return another one.
    passed: Any = handler.filter(record)
    if isinstance(passed, logging.LogRecord):
        return [passed]
    return [record] if passed else []


def _text_of(record: logging.LogRecord) -> str:
    try:
        text = str(record.getMessage())
    except Exception:
        text = f"{plain.as_text(record.msg)} {plain.as_text(record.args, repr)}"
    if record.name == "py.warnings":
        text = text.rstrip("\n")
    parts = [text]
    try:
        if record.exc_info and record.exc_info[0] is not None:
            parts.append(logging.Formatter().formatException(record.exc_info))
        elif record.exc_text:
            parts.append(record.exc_text)
    except Exception as error:
        parts.append(f"[the exception could not be written: {type(error).__name__}]")
    if record.stack_info:
        parts.append(record.stack_info)
    return "\n".join(parts)
