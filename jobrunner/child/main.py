"""The child: imports the handlers, takes one order, runs it, and says how it ended."""

from __future__ import annotations

import dataclasses
import faulthandler
import fcntl
import logging
import os
import queue
import signal
import socket
import sys
import threading
import traceback
from _thread import start_new_thread
from collections.abc import Callable, Sequence
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn

from jobrunner import clock, jsontext, processes
from jobrunner.child import capture, progressbars
from jobrunner.child.calling import perform, run_to_end
from jobrunner.child.context import CancelFlag, JobContext
from jobrunner.child.frames import Channel
from jobrunner.child.position import marked
from jobrunner.errors import JobCancelled
from jobrunner.failpoints import failpoint

if TYPE_CHECKING:
    from jobrunner.handlers.discovery import ImportFailure

CANNOT_REPORT = 70
_IGNORED_BY_PYTHON = (signal.SIGPIPE, signal.SIGXFSZ)
_OUT_OF_REACH = 200
_FAREWELL = 0.5
_FLUSH = 5.0


def serve(sock: socket.socket, modules: Sequence[str], progressbars: bool = True) -> NoReturn:
    """Runs one job in this forked process and ends the process; never returns.

    The caller has forked, put the job's pipes on descriptors 1 and 2 and /dev/null on 0, called
    setsid, and closed the other end of ``sock`` (a ``frames.pair()``). Sends ``ready``, waits for
    ``run`` or ``exit``, sends ``done``. Exit code 0 says that ``done`` was sent, or that there was
    no job; 70 that it could not be.

    When the handler has returned, standard output and logging are flushed, ``done`` is sent and the
    process exits at once: threads that still run are not waited for, atexit functions are not
    called. When the worker is gone, this process and its process group are killed.
    """
    child = Child()

    def live() -> int:
        child.prepare(progressbars)
        child.open(sock)
        return child.live(modules)

    _end_with(live)


def _end_with(body: Callable[[], int]) -> NoReturn:
    status = CANNOT_REPORT
    try:
        status = body()
    except BaseException:
        traceback.print_exc()
    finally:
        capture.flush_streams()
        os._exit(status)


class Child:
    """The process of a handler, or what is to become one: a nursery prepares it once, and forks.

    Until a socket is ``open``, what handlers' modules log is talk on standard error.
    """

    def __init__(self) -> None:
        self._process = os.getpid()
        self._channel: Channel | None = None
        self._cancel = CancelFlag()
        self._orders: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self._context: JobContext | None = None
        self._interruptible = False
        self._cancel_coroutine: Callable[[], None] | None = None
        self._finished = False

    def prepare(self, bars: bool = True) -> None:
        """Takes over signals, standard streams, logging and progress bars of this process; before handlers are imported."""
        self._take_signals()
        capture.renew_streams()
        faulthandler.enable(2)
        capture.capture_logging(capture.LineHandler(self, self._step))
        if bars:
            progressbars.bridge(self._bar_moved)

    def open(self, sock: socket.socket) -> None:
        """Makes this process the one that the worker at the other end of ``sock`` minds."""
        self._process = os.getpid()
        self._channel = Channel(_out_of_reach(sock))
        self._channel.mark = marked

    def attend(self, sock: socket.socket, failures: Sequence[ImportFailure]) -> NoReturn:
        """Runs the job whose order waits in ``sock``, in a fork of a prepared process, and ends the process.

        ``failures`` are the modules that could not be imported. Everything else is as with ``serve``.
        """

        def run() -> int:
            self.open(sock)
            frame = self.channel.recv()
            if frame is None or frame.get("kind") != "run":
                return 0
            start_new_thread(self._listen, ())
            return self._run(frame["job"], failures)

        _end_with(run)

    @property
    def channel(self) -> Channel:
        """What connects this process with its worker."""
        assert self._channel is not None
        return self._channel

    def send(self, frame: dict[str, Any]) -> None:
        """Sends a frame to the worker; without one its message is written to standard error."""
        if self._channel is not None:
            self._channel.send(frame)
        elif frame.get("kind") == "line":
            sys.stderr.write(f"{frame.get('message')}\n")

    def live(self, modules: Sequence[str]) -> int:
        """Imports the handlers, waits for the order and runs it; returns the exit code."""
        failures = self._import(modules)
        start_new_thread(self._listen, ())
        order = self._orders.get()
        if order is None:
            self._finished = True
            return 0
        return self._run(order, failures)

    def _run(self, order: dict[str, Any], failures: Sequence[ImportFailure]) -> int:
        processes.bear(f"{order['uuid']}:{order['fence']}")
        done = self.carry_out(order, failures)
        _flush_output()
        self._finished = True
        self.channel.send(done)
        return CANNOT_REPORT if self.channel.closed else 0

    def carry_out(self, order: dict[str, Any], failures: Sequence[ImportFailure]) -> dict[str, Any]:
        """Calls the handler that ``order`` asks for, and returns the ``done`` frame that says how it ended."""
        self._context = JobContext(
            self.channel,
            job_id=order["id"],
            uuid=order["uuid"],
            type=order["type"],
            attempt=order["attempt"],
            fence=order["fence"],
            params=jsontext.loads(order["params"]),
            resume_step=order.get("resume_step"),
            cancel=self._cancel,
        )
        limit = order["result_max_bytes"]
        done = perform(self._context, failures=failures, result_max_bytes=limit, invoke=self._invoke)
        self._context.flush()
        return done

    def _import(self, modules: Sequence[str]) -> list[Any]:
        from jobrunner.handlers import discovery, registry

        failures = []
        try:
            self._interruptible = True
            failures = discovery.discover(modules)
        except JobCancelled:
            pass
        finally:
            self._interruptible = False
        if os.getpid() != self._process:
            os._exit(0)
        types = [one.type for one in registry.all_types()]
        told = [dataclasses.asdict(one) for one in failures]
        self.channel.send({"kind": "ready", "types": types, "failures": told})
        return failures

    def _invoke(self, body: Callable[[], Any]) -> Any:
        try:
            self._interruptible = True
            return run_to_end(body, self._on_start)
        finally:
            self._interruptible = False
            self._cancel_coroutine = None
            if os.getpid() != self._process:
                _leave_copy(sys.exception())

    def _on_start(self, cancel_coroutine: Callable[[], None]) -> None:
        self._cancel_coroutine = cancel_coroutine
        if self._cancel.mode not in (None, "cancel"):
            cancel_coroutine()

    def _listen(self) -> None:
        try:
            while (frame := self.channel.recv()) is not None:
                kind = frame.get("kind")
                if kind == "run":
                    self._orders.put(frame["job"])
                elif kind == "exit":
                    self._orders.put(None)
                elif kind == "cancel":
                    self._cancel.request(frame["mode"])
                    if frame["mode"] != "cancel" and self._cancel_coroutine is not None:
                        self._cancel_coroutine()
        finally:
            self._end_as_orphan()

    def _end_as_orphan(self) -> None:
        if self._finished:
            # The main thread is on its way out; this is for one that hangs there.
            clock.sleep(_FAREWELL)
        elif os.getpgrp() == self._process:
            failpoint("signal.orphans.before")
            os.killpg(self._process, signal.SIGKILL)
        os._exit(CANNOT_REPORT)

    def _take_signals(self) -> None:
        signal.set_wakeup_fd(-1)
        for number in signal.valid_signals():
            usual = signal.SIG_IGN if number in _IGNORED_BY_PYTHON else signal.SIG_DFL
            if number not in (signal.SIGKILL, signal.SIGSTOP) and signal.getsignal(number) not in (
                usual,
                None,
            ):
                signal.signal(number, usual)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, self._on_term)
        signal.pthread_sigmask(signal.SIG_SETMASK, [])
        os.register_at_fork(after_in_child=self._forget_term)

    def _on_term(self, number: int, frame: FrameType | None) -> None:
        self._cancel.request("stop")
        if self._cancel_coroutine is not None:
            self._cancel_coroutine()
        elif self._interruptible:
            self._interruptible = False
            raise JobCancelled("The job was asked to stop (SIGTERM).")

    def _forget_term(self) -> None:
        """Lets SIGTERM end forked processes of the handler as it ends any process."""
        # asked first: a nursery forks often, and what it has not read it need not copy
        if self._channel is not None and signal.getsignal(signal.SIGTERM) == self._on_term:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)

    def _step(self) -> str | None:
        return self._context.current_step if self._context is not None else None

    def _bar_moved(self, current: float, total: float | None, description: str | None) -> None:
        if self._context is not None:
            self._context.progress(text=description, current=current, total=total)


def _out_of_reach(sock: socket.socket) -> socket.socket:
    """Returns ``sock`` under a high number, where a handler that closes and reopens descriptors does not meet it."""
    try:
        moved = socket.socket(fileno=fcntl.fcntl(sock, fcntl.F_DUPFD_CLOEXEC, _OUT_OF_REACH))
    except OSError:
        moved = socket.socket(fileno=os.dup(sock.fileno()))
    sock.close()
    moved.setblocking(True)
    return moved


def _flush_output() -> None:
    """Writes out what print and logging still hold; gives up after some seconds on a log handler that hangs."""
    if not capture.others_log():
        # only our own streams, which the worker reads: no thread is needed for what cannot hang
        capture.flush_streams()
        return
    written = threading.Event()

    def write() -> None:
        try:
            capture.flush_streams()
            logging.shutdown()
            capture.flush_streams()
        finally:
            written.set()

    start_new_thread(write, ())
    written.wait(_FLUSH)


def _leave_copy(error: BaseException | None) -> NoReturn:
    """Ends a forked copy that came back from the handler: only the process that was ordered reports."""
    status = 0
    if isinstance(error, SystemExit):
        status = error.code if isinstance(error.code, int) else int(error.code is not None)
    elif error is not None:
        traceback.print_exception(error)
        status = 1
    capture.flush_streams()
    os._exit(status & 0xFF)
