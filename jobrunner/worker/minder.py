"""Minds one child: reads it, heeds requests, keeps its times, ends it, and says how it ended.

Everything happens in the worker's main thread, and nothing here waits for the database. A minder of
one job waits itself (``mind``); a pool's are generators (``course``) that share one selector.
"""

from __future__ import annotations

import selectors
import signal
import traceback
from collections.abc import Generator, Mapping
from dataclasses import replace
from typing import Any, Protocol, cast

from jobrunner import clock
from jobrunner.settings import Settings
from jobrunner.states import Mode, Status
from jobrunner.worker import death
from jobrunner.worker.death import Error
from jobrunner.worker.desk import Station, reported
from jobrunner.worker.nursery import Child
from jobrunner.worker.output import Listener, Output
from jobrunner.worker.tree import Family, Tree
from jobrunner.worker.verdict import Cause, Outcome, Said
from jobrunner.worker.waking import Waker

IMPORT_GRACE = 120.0
EXIT_GRACE = 2.0
LEFTOVER_GRACE = 2.0
DRAIN = 2.0
_AGAIN = 0.5
_FOREVER = 3600.0


Course = Generator[float, None, Outcome | None]


class Ending(Protocol):
    """How often, and why, this worker was told to end what it does."""

    @property
    def ending(self) -> int:
        """0 until it is told, then one more each time."""

    @property
    def reason(self) -> str:
        """Why, as the job's log says it."""


class Minder:
    """One attempt, from the child's import to the last byte of its output; ``types`` are those that the child knows."""

    def __init__(
        self, child: Child, desk: Station, settings: Settings, ending: Ending, *, tree: Family | None = None,
        listener: Listener | None = None, called: bool = False,
    ) -> None:  # fmt: skip
        self.types: frozenset[str] = frozenset()
        self._child, self._claimed, self._settings, self._ending = child, desk.claimed, settings, ending
        self._intake, self._writer, self._mask = desk.intake, desk.writer, desk.mask
        self._tree: Family = tree or Tree(child)
        self._selector = None if listener is not None else selectors.DefaultSelector()
        self._output = Output(
            child, desk, listener or self._selector or selectors.DefaultSelector(), self._frame
        )
        self._said: Said | None = None
        self._result: str | None = None
        self._error: Error | None = None
        self._cause: Cause | None = None
        self._cause_text = ""
        self._mode: Mode | None = None
        self._endings = 0
        self._signalled = False
        self._called_at = clock.monotonic() if called else None
        self._import_by = clock.monotonic() + IMPORT_GRACE
        self._exit_by: float | None = None
        self._kill_at: float | None = None

    def mind(self, waker: Waker) -> Outcome | None:
        """Returns how the attempt ended; None when the job is not this worker's any more."""
        course = self.course()
        with selectors.DefaultSelector() if self._selector is None else self._selector as selector:
            selector.register(waker, selectors.EVENT_READ, waker.rest)
            while True:
                try:
                    seconds = next(course)
                except StopIteration as end:
                    return cast("Outcome | None", end.value)
                for key, _ in selector.select(seconds):
                    key.data()

    def course(self) -> Course:
        """Goes through the attempt: yields how many seconds may pass before it is looked at again without news.

        Returns how the attempt ended; None when the job is not this worker's any more.
        """
        try:
            return (yield from self._mind())
        except Exception as error:
            # A fault of the worker's own must not leave a job that nobody minds.
            told = Error(type(error).__name__, "worker_lost", self._mask(f"The worker failed: {error}"))
            told = replace(told, traceback=self._mask(traceback.format_exc()))
            yield from self._forsake()
            return Outcome(Said.NOTHING, error=told)
        finally:
            self._output.close()

    def _mind(self) -> Course:
        while not self._tree.reap():
            if self._writer.over.is_set():
                yield from self._forsake()
                self._output.read_all()
                return None
            self._heed()
            self._keep_times()
            self._output.arrange()
            yield self._until_next()
        return (yield from self._end())

    def _frame(self, frame: Mapping[str, Any]) -> None:
        kind = frame.get("kind")
        if kind == "ready":
            self.types = frozenset(map(str, frame.get("types") or ()))
            self._call()
        elif kind == "done":
            self._done(frame)
        self._intake.frame(frame)

    def _call(self) -> None:
        self._heed()
        if self._called_at is not None or self._said is not None:
            return
        if self._is_fenced():
            self._fence()
            return
        self._called_at = clock.monotonic()
        job = self._claimed
        order = {
            "id": job.job_id, "uuid": job.uuid, "type": job.type, "attempt": job.attempt, "fence": job.fence,
            "params": job.params, "resume_step": job.resume_step,
            "result_max_bytes": self._settings.result_max_bytes,
        }  # fmt: skip
        self._child.channel.post({"kind": "run", "job": order})

    def _done(self, frame: Mapping[str, Any]) -> None:
        if self._said is not None:
            return
        self._said, self._result, self._error = reported(frame, self._mask)
        if self._kill_at is None:
            self._exit_by = clock.monotonic() + EXIT_GRACE

    def _heed(self) -> None:
        """Acts on a request that the job row bears, and on signals to this process."""
        self._child.channel.flush()
        if self._ending.ending > self._endings:
            self._endings = self._ending.ending
            self._interrupt()
        state = self._writer.state
        if state.status != Status.CANCEL_REQUESTED or state.cancel_mode is None:
            return
        mode = Mode(state.cancel_mode)
        if self._mode is not None and mode.strength <= self._mode.strength:
            return
        self._mode = mode
        if self._said is not None:
            return
        if self._called_at is None:
            self._said = Said.NOT_CALLED
            self._child.channel.post({"kind": "exit"})
            self._terminate(f"Asked to {mode} before the handler was called", LEFTOVER_GRACE)
            return
        if mode is Mode.CANCEL:
            self._child.channel.post({"kind": "cancel", "mode": "cancel"})
            self._intake.say("Asked to cancel: the handler has been told.")
        elif mode is Mode.STOP:
            self._terminate("Asked to stop", self._settings.stop_grace)
        else:
            self._kill("Asked to kill")

    def _interrupt(self) -> None:
        text = self._ending.reason
        if self._said is None and self._cause is None:
            self._cause, self._cause_text = Cause.INTERRUPTED, text
        if self._kill_at is None:
            self._terminate(text, self._settings.stop_grace)
        elif self._endings > 1:
            self._kill(text + " again")

    def _keep_times(self) -> None:
        now = clock.monotonic()
        if self._kill_at is not None:
            if now >= self._kill_at:
                self._kill("The time to end is over")
            return
        if self._said is not None:
            if self._exit_by is not None and now >= self._exit_by:
                self._terminate("The handler has ended, but its process has not", LEFTOVER_GRACE)
            return
        if self._is_fenced():
            self._fence()
            return
        if self._called_at is None:
            if now >= self._import_by:
                text = f"The handlers were not imported within {IMPORT_GRACE:g} s"
                self._said = Said.NOTHING
                self._error = Error("HandlerImportFailed", "handler_import_failed", text + ".")
                self._terminate(text, LEFTOVER_GRACE)
            return
        timeout, stall = self._claimed.timeout, self._claimed.stall_timeout
        if timeout is not None and now >= self._called_at + timeout:
            self._run_out(Cause.TIMEOUT, f"The timeout of {timeout:g} s is over")
        elif stall is not None and now >= self._heard_at() + stall:
            self._run_out(Cause.STALLED, f"Nothing was heard of the handler for {stall:g} s")

    def _is_fenced(self) -> bool:
        fence_at = self._writer.fences_itself_at()
        return fence_at is not None and clock.monotonic() >= fence_at

    def _fence(self) -> None:
        """Ends what may be another worker's by now; a handler that was not called yet is not called any more."""
        text = f"No heartbeat could be stored for {self._settings.self_fence:g} s, so the job may be another worker's"
        self._cause, self._cause_text = Cause.INTERRUPTED, text
        if self._called_at is None:
            self._said = Said.NOT_CALLED
            self._child.channel.post({"kind": "exit"})
        self._terminate(text, self._settings.stop_grace)

    def _heard_at(self) -> float:
        # Who is not listened to cannot be blamed for silence.
        called = self._called_at or 0.0
        return clock.monotonic() if self._output.blocked else max(self._intake.active_at, called)

    def _run_out(self, cause: Cause, text: str) -> None:
        self._cause, self._cause_text = cause, text
        self._terminate(text, self._settings.stop_grace)

    def _terminate(self, why: str, grace: float) -> None:
        if self._kill_at is not None:
            self._kill_at = min(self._kill_at, clock.monotonic() + grace)
            return
        self._signalled = True
        self._kill_at = clock.monotonic() + grace
        self._child.channel.post({"kind": "cancel", "mode": "stop"})
        count = self._tree.signal(signal.SIGTERM)
        self._intake.say(f"{why}: SIGTERM to {_processes(count)}, SIGKILL in {grace:g} s.", "warning")

    def _kill(self, why: str) -> None:
        self._signalled = True
        self._kill_at = clock.monotonic() + _AGAIN
        count = self._tree.signal(signal.SIGKILL)
        if count:
            self._intake.say(f"{why}: SIGKILL to {_processes(count)}.", "warning")

    def _until_next(self) -> float:
        now = clock.monotonic()
        times = [self._output.next_at(now), now + _FOREVER]
        if self._kill_at is not None:
            times.append(self._kill_at)
        elif self._said is not None:
            times.append(self._exit_by or now + _FOREVER)
        elif self._called_at is None:
            times += [self._import_by, self._writer.fences_itself_at() or now + _FOREVER]
        else:
            times.append(self._writer.fences_itself_at() or now + _FOREVER)
            if self._claimed.timeout is not None:
                times.append(self._called_at + self._claimed.timeout)
            if self._claimed.stall_timeout is not None:
                times.append(self._heard_at() + self._claimed.stall_timeout)
        return max(0.0, min(times) - now)

    def _forsake(self) -> Generator[float, None, None]:
        """Ends everything at once: another worker holds the job, or this one cannot write."""
        self._tree.signal(signal.SIGKILL)
        deadline = clock.monotonic() + LEFTOVER_GRACE
        while self._tree.members() and clock.monotonic() < deadline:
            self._tree.signal(signal.SIGKILL)
            self._tree.reap()
            self._output.read_all()
            yield 0.01

    def _end(self) -> Course:
        """Explains the child's end, clears up after it, and takes what it still said."""
        self._output.read_all()
        end = self._tree.exit
        assert end is not None
        if self._said is None:
            self._said = Said.NOTHING
            ours = self._signalled
            error = self._tree.loss or death.explain(
                end,
                signalled=ours,
                out_of_memory=self._tree.memory_ran_out(),
                importing=self._called_at is None,
            )
            if not ours:
                self._error = error
            self._intake.say(error.message, "info" if ours else "error")
        yield from self._clear_up()
        for stream in ("stdout", "stderr"):
            self._intake.end_of_output(stream)
        return Outcome(self._said, self._result, self._error, self._cause, self._cause_text, end)

    def _clear_up(self) -> Generator[float, None, None]:
        """Ends what the job left running, reading its last output; takes at most some seconds."""
        grace = min(self._settings.stop_grace, LEFTOVER_GRACE)
        left = self._tree.members()
        kill_at = drained_by = clock.monotonic() + DRAIN
        if left:
            kill_at = clock.monotonic() + grace
            drained_by = kill_at + DRAIN
            count = self._tree.signal(signal.SIGTERM)
            self._intake.say(
                f"{_processes(len(left))} of the job still running after its end: SIGTERM to {count},"
                f" SIGKILL in {grace:g} s.",
                "warning",
            )
        while (left or self._output.is_open) and clock.monotonic() < drained_by:
            self._output.read_all()
            self._tree.reap()
            left = self._tree.members() if left else []
            if left and clock.monotonic() >= kill_at:
                self._tree.signal(signal.SIGKILL)
            self._output.arrange(final=True)
            yield 0.05
        self._output.read_all()
        if self._output.is_open:
            self._intake.say(
                "Output may be missing: a process outside of the job still holds its standard output.",
                "warning",
            )


def _processes(count: int) -> str:
    return "1 process" if count == 1 else f"{count} processes"
