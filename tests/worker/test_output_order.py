"""Output and frames are put in the order in which the child made them, however their arrival is interleaved."""

from __future__ import annotations

import os
import selectors
from types import SimpleNamespace
from typing import Any

from jobrunner import clock
from jobrunner.worker import output
from jobrunner.worker.output import Output


class Late:
    """A channel whose frames arrive just after the pipes were read, while the child goes on printing."""

    closed = False

    def __init__(self, writing: int) -> None:
        self.arrivals: list[tuple[bytes, list[dict[str, Any]]]] = [
            (b"1 print\n2 print\n3 print\n", [frame("1 context", 8)]),
            (b"", [frame("2 context", 16), frame("3 context", 24)]),
        ]
        self._writing = writing
        self._ours, self._theirs = os.pipe()

    def fileno(self) -> int:
        return self._ours

    def receive_ready(self, _most: int) -> list[dict[str, Any]]:
        if not self.arrivals:
            return []
        printed, frames = self.arrivals.pop(0)
        os.write(self._writing, printed)
        return frames

    def close(self) -> None:
        os.close(self._ours)
        os.close(self._theirs)


def frame(message: str, written: int) -> dict[str, Any]:
    # a moment long ago: nothing was read before it, and Python's own count decides
    return {"kind": "line", "message": message, "out": [clock.monotonic() - 60, 0, 0, written, 0]}


def heard(channel: Any, pipes: list[tuple[int, int]]) -> list[str]:
    """Returns what an output takes from a child that speaks by this channel and these pipes, in order."""
    said: list[str] = []
    for reading, _ in pipes:
        os.set_blocking(reading, False)
    intake = SimpleNamespace(output=lambda _stream, data, _at=None: said.extend(data.decode().splitlines()))
    desk: Any = SimpleNamespace(
        intake=intake, spool=SimpleNamespace(bytes=0), writer=SimpleNamespace(is_healthy=lambda: True)
    )
    child: Any = SimpleNamespace(channel=channel, stdout=pipes[0][0], stderr=pipes[1][0])
    with selectors.DefaultSelector() as selector:
        taken = Output(child, desk, selector, lambda got: said.append(got["message"]))
        taken.arrange()
        taken.read_all()
        taken.close()
    for _, writing in pipes:
        os.close(writing)
    return said


def test_what_was_read_on_for_one_frame_waits_for_the_frames_before_it() -> None:
    pipes = [os.pipe(), os.pipe()]
    said = heard(Late(pipes[0][1]), pipes)
    assert said == ["1 print", "1 context", "2 print", "2 context", "3 print", "3 context"]


def test_no_output_is_taken_before_the_secrets_that_were_declared_before_it() -> None:
    pipes = [os.pipe(), os.pipe()]
    os.write(pipes[0][1], b"1\n")
    channel = Late(pipes[0][1])
    # as of a process whose standard output is closed: whatever can be read is taken before its frame
    closed = frame("closed", 0) | {"out": [clock.monotonic(), -1, 0, 0, 0]}
    channel.arrivals = [
        (b"2", [closed, {"kind": "mask", "message": "declares 1"}]),
        (b"", [{"kind": "mask", "message": "declares 2"}]),
    ]
    assert heard(channel, pipes) == ["declares 1", "declares 2", "1", "2", "closed"]


def test_frames_that_had_to_wait_come_in_order_and_none_is_lost(monkeypatch) -> None:
    monkeypatch.setattr(output, "_FRAMES", 10)
    pipes = [os.pipe(), os.pipe()]
    channel = Late(pipes[0][1])
    numbers = [str(number) for number in range(100)]
    channel.arrivals = [
        (b"x\n", [frame(number, 10**6) for number in numbers[n : n + 10]]) for n in range(0, 100, 10)
    ]
    said = heard(channel, pipes)
    assert [text for text in said if text != "x"] == numbers
    assert said.count("x") == 10
