"""The inline launcher: a job in the calling thread, written to the ledger like any other.

Nothing can be ended by force here: cancel, stop, kill and time-outs are flags that the handler looks at.
"""

from __future__ import annotations

import io
import logging
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from jobrunner import clock, jsontext
from jobrunner.child import plain
from jobrunner.child.calling import perform, run_to_end
from jobrunner.child.capture import LineHandler
from jobrunner.child.context import CancelFlag, JobContext
from jobrunner.settings import Settings
from jobrunner.states import Status
from jobrunner.store import claims
from jobrunner.store.claims import Claimed
from jobrunner.store.database import Database
from jobrunner.worker.desk import Desk, identity, reported
from jobrunner.worker.intake import Intake
from jobrunner.worker.verdict import Cause, Outcome

_LOOK = 0.05


def run(database: Database, settings: Settings, job_id: int) -> str | None:
    """Runs a queued job in this thread and returns the status it ended in; None when it cannot be claimed.

    A KeyboardInterrupt out of the handler fails the job and then goes on to the caller.
    """
    worker = identity("inline", "none", settings.labels)
    claimed = claims.claim(
        database, job_id, worker, token=None, launch_grace=settings.launch_grace, lease=settings.lease
    )
    if not isinstance(claimed, Claimed):
        return None
    cancel = CancelFlag()
    news = threading.Event()
    desk = Desk(database, settings, claimed, worker, news.set)
    sink = _Sink(desk.intake)
    watch = _Watch(desk, cancel, news, sink)
    desk.writer.start()
    context = JobContext(
        sink, job_id=claimed.job_id, uuid=claimed.uuid, type=claimed.type, attempt=claimed.attempt,
        fence=claimed.fence, params=jsontext.loads(claimed.params), resume_step=claimed.resume_step,
        cancel=cancel,
    )  # fmt: skip
    interrupts: list[KeyboardInterrupt] = []
    with watch.going_on(), plain.hiding_until_the_end(), _captured(sink, lambda: context.current_step):
        done = perform(context, result_max_bytes=settings.result_max_bytes, invoke=_keeping(interrupts))
        context.flush()
    for stream in ("stdout", "stderr"):
        desk.intake.end_of_output(stream)
    said, result, error = reported(done, desk.mask)
    status = desk.conclude(Outcome(said, result, error, watch.cause, watch.cause_text))
    if interrupts:
        raise interrupts[0]
    return status


class _Sink:
    """Takes frames and text from any thread of the handler."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        self._guard = threading.RLock()

    def send(self, frame: dict[str, Any]) -> None:
        with self._guard:
            self._intake.frame(frame)

    def say(self, message: str, level: str) -> None:
        with self._guard:
            self._intake.say(message, level)

    def write(self, stream: str, text: str) -> None:
        with self._guard:
            self._intake.output(stream, text.encode("utf-8", "backslashreplace"))


class _Watch:
    """Turns requests on the job row and the passing of time into the handler's cancel flag."""

    def __init__(self, desk: Desk, cancel: CancelFlag, news: threading.Event, sink: _Sink) -> None:
        self.cause: Cause | None = None
        self.cause_text = ""
        self._desk, self._cancel, self._news, self._sink = desk, cancel, news, sink
        self._began = clock.monotonic()
        self._over = False

    @contextmanager
    def going_on(self) -> Iterator[None]:
        thread = threading.Thread(target=self._look, name="jobrunner-inline-watch", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._over = True
            self._news.set()
            thread.join()

    def _look(self) -> None:
        while not self._over:
            self._news.wait(_LOOK)
            self._news.clear()
            state = self._desk.writer.state
            if state.status == Status.CANCEL_REQUESTED and state.cancel_mode not in (None, self._cancel.mode):
                self._cancel.request(state.cancel_mode or "cancel")
                self._sink.say(f"Asked to {state.cancel_mode}: the handler has been told.", "info")
            if self.cause is None:
                self._keep_times()

    def _keep_times(self) -> None:
        now, job = clock.monotonic(), self._desk.claimed
        if job.timeout is not None and now >= self._began + job.timeout:
            self._run_out(Cause.TIMEOUT, f"The timeout of {job.timeout:g} s is over")
        elif job.stall_timeout is not None and now >= self._desk.intake.active_at + job.stall_timeout:
            self._run_out(Cause.STALLED, f"Nothing was heard of the handler for {job.stall_timeout:g} s")

    def _run_out(self, cause: Cause, text: str) -> None:
        self.cause, self.cause_text = cause, text
        self._cancel.request("stop")
        self._sink.say(f"{text}: the handler has been told.", "warning")


class _Stream(io.TextIOBase):
    """Standard output (or error) of one thread; what other threads write goes where it went."""

    def __init__(self, name: str, sink: _Sink, other: TextIO) -> None:
        self._stream, self._sink, self._other = name, sink, other
        self._owner = threading.get_ident()

    def writable(self) -> bool:
        return True

    def write(self, text: str, /) -> int:
        if threading.get_ident() != self._owner:
            return self._other.write(text)
        self._sink.write(self._stream, text)
        return len(text)

    def flush(self) -> None:
        if threading.get_ident() != self._owner:
            self._other.flush()


@contextmanager
def _captured(sink: _Sink, step: Callable[[], str | None]) -> Iterator[None]:
    """Takes print, warnings and logging of this thread; loggers count from INFO."""
    owner = threading.get_ident()
    handler = LineHandler(sink, step)
    handler.addFilter(lambda record: record.thread == owner)
    before = sys.stdout, sys.stderr, logging.root.level
    sys.stdout, sys.stderr = _Stream("stdout", sink, sys.stdout), _Stream("stderr", sink, sys.stderr)
    logging.root.addHandler(handler)
    logging.root.setLevel(min(logging.root.level, logging.INFO))
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before[0], before[1]
        logging.root.removeHandler(handler)
        logging.root.setLevel(before[2])


def _keeping(interrupts: list[KeyboardInterrupt]) -> Callable[[Callable[[], Any]], Any]:
    def invoke(body: Callable[[], Any]) -> Any:
        try:
            return run_to_end(body)
        except KeyboardInterrupt as interrupt:
            interrupts.append(interrupt)
            raise

    return invoke
