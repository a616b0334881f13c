"""Output and frames are put in the order in which the child made them, however their arrival is interleaved."""

from __future__ import annotations

import os
import selectors
from types import SimpleNamespace
from typing import Any

from jobrunner import clock
from jobrunner.worker.output import Output


class Late:
    """A channel whose frames arrive just after the pipes were read, while the child goes on printing."""

    closed = False

    def __init__(self, writing: int) -> None:
        self._arrivals = [
            (b"1 print\n2 print\n3 print\n", [frame("1 context", 8)]),
            (b"", [frame("2 context", 16), frame("3 context", 24)]),
        ]
        self._writing = writing
        self._ours, self._theirs = os.pipe()

    def fileno(self) -> int:
        return self._ours

    def receive_ready(self, _most: int) -> list[dict[str, Any]]:
        if not self._arrivals:
            return []
        printed, frames = self._arrivals.pop(0)
        os.write(self._writing, printed)
        return frames

    def close(self) -> None:
        os.close(self._ours)
        os.close(self._theirs)


def frame(message: str, written: int) -> dict[str, Any]:
    # a moment long ago: nothing was read before it, and Python's own count decides
    return {"kind": "line", "message": message, "out": [clock.monotonic() - 60, 0, 0, written, 0]}


def test_what_was_read_on_for_one_frame_waits_for_the_frames_before_it() -> None:
    said: list[str] = []
    pipes = [os.pipe(), os.pipe()]
    for reading, _ in pipes:
        os.set_blocking(reading, False)
    intake = SimpleNamespace(output=lambda _stream, data, _at=None: said.extend(data.decode().splitlines()))
    desk: Any = SimpleNamespace(
        intake=intake, spool=SimpleNamespace(bytes=0), writer=SimpleNamespace(is_healthy=lambda: True)
    )
    child: Any = SimpleNamespace(channel=Late(pipes[0][1]), stdout=pipes[0][0], stderr=pipes[1][0])
    with selectors.DefaultSelector() as selector:
        output = Output(child, desk, selector, lambda got: said.append(got["message"]))
        output.arrange()
        output.read_all()
        output.close()
    for _, writing in pipes:
        os.close(writing)
    assert said == ["1 print", "1 context", "2 print", "2 context", "3 print", "3 context"]
