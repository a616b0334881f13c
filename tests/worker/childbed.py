"""Real children for tests: forked, with pipes and a control socket, as a worker has them."""

from __future__ import annotations

import json
import os
import select
import signal
import time
import warnings
from collections.abc import Callable
from typing import Any

from jobrunner.child import frames

MODULE = "tests.handlers.child_jobs"
ENOUGH = 20.0
Start = Callable[..., "Bed"]


class Bed:
    """One forked child and all that came from it."""

    def __init__(self, modules: tuple[str, ...] = (MODULE,), *, progressbars: bool = True) -> None:
        ours, theirs = frames.pair()
        pipes = [os.pipe(), os.pipe()]
        self.pid = os.fork()
        if self.pid == 0:
            try:
                os.setsid()
                ours.close()
                null = os.open(os.devnull, os.O_RDONLY)
                for number, wanted in enumerate((null, pipes[0][1], pipes[1][1])):
                    os.dup2(wanted, number)
                for fd in (null, *pipes[0], *pipes[1]):
                    os.close(fd)
                # pytest makes errors of warnings; a worker's process does not.
                warnings.resetwarnings()
                warnings.simplefilter("default")
                from jobrunner.child import main

                main.serve(theirs, modules, progressbars)
            finally:
                os._exit(99)
        theirs.close()
        self.channel = frames.Channel(ours)
        self._open = {}
        for number, (reading, writing) in enumerate(pipes, start=1):
            os.close(writing)
            self._open[reading] = number
        self.output = {1: b"", 2: b""}
        self.frames: list[dict[str, Any]] = []
        self.status: int | None = None

    def run(self, type: str, *, result_max_bytes: int = 4096, **params: Any) -> Bed:
        """Orders a job."""
        order = {"id": 7, "uuid": "u-7", "type": type, "attempt": 2, "fence": 5, "params": json.dumps(params)}
        self.channel.send({"kind": "run", "job": order | {"result_max_bytes": result_max_bytes}})
        return self

    def until(self, condition: Callable[[], Any], seconds: float = ENOUGH) -> Any:
        """Reads what comes until ``condition`` holds."""
        limit = time.monotonic() + seconds
        while not (found := condition()):
            assert time.monotonic() < limit, (
                f"not within {seconds} s; frames {self.frames}, output {self.output}"
            )
            self._read()
        return found

    def finish(self, seconds: float = ENOUGH) -> dict[str, Any]:
        """Waits for the end of the child; returns its ``done`` frame, or {}."""
        self.until(self._ended, seconds)
        dones = self.of("done")
        assert len(dones) <= 1
        return dones[0] if dones else {}

    def of(self, kind: str) -> list[dict[str, Any]]:
        """Returns the frames of that kind, in order."""
        return [frame for frame in self.frames if frame["kind"] == kind]

    def said(self, message: str) -> dict[str, Any] | None:
        """Returns the line with that message, if it came."""
        return next((line for line in self.of("line") if line["message"] == message), None)

    def kill(self) -> None:
        """Ends the child by force, if it is still there, and closes everything."""
        if self.status is None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        self.channel.close()
        for fd in self._open:
            os.close(fd)

    def _ended(self) -> bool:
        if self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid == 0:
                return False
            self.status = os.waitstatus_to_exitcode(status)
        for _ in range(1000):
            if not self._read(0.0):
                break
        return True

    def _read(self, seconds: float = 0.02) -> bool:
        watched: list[Any] = [*self._open, *([] if self.channel.closed else [self.channel])]
        ready = select.select(watched, [], [], seconds)[0]
        for one in ready:
            if one is self.channel:
                self.frames += self.channel.receive_ready()
                continue
            data = os.read(one, 65536)
            if data:
                self.output[self._open[one]] += data
            else:
                os.close(one)
                del self._open[one]
        return bool(ready)
