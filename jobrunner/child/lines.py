"""Line frames: what a handler says, on its way to the ledger."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from jobrunner import clock
from jobrunner.child import plain

_PIECE = 1024 * 1024


class Sink(Protocol):
    """Where frames go: the channel to the worker, or whatever runs a handler in its own process."""

    def send(self, frame: dict[str, Any]) -> None:
        """Takes one frame, from any thread."""


def send_line(
    sink: Sink,
    level: str,
    message: object,
    *,
    stream: str = "log",
    logger: str | None = None,
    context: Mapping[str, Any] | None = None,
    step: str | None = None,
) -> None:
    """Sends ``message`` as a line frame; a message of more than a million characters as several.

    The context goes with the first. Never raises an Exception for what the message or context is.
    """
    text = plain.as_text(message)
    at = clock.now()
    written = plain.as_json(context) if context else None
    for start in range(0, max(len(text), 1), _PIECE):
        sink.send(
            {
                "kind": "line",
                "at": at,
                "level": level,
                "stream": stream,
                "logger": logger,
                "message": text[start : start + _PIECE],
                "context": None if start else written,
                "step": step,
            }
        )
