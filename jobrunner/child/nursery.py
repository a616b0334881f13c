"""The nursery of a pool: has the handlers, and forks a child for each job that the pool hands it.

It is a process of its own with one thread, and has never held a connection to a database. The pool
sends a packet with three descriptors for each job (the child's end of its control socket, and the
writing ends of its two pipes); the nursery answers with frames:

    {"kind": "ready", "types": [...], "failures": [...]}          once, when the handlers are imported
    {"kind": "born", "key": n, "pid": ..., "started": ...}        the child runs
    {"kind": "refused", "key": n, "message": ...}                 it could not be forked
    {"kind": "ended", "key": n, "status": ..., "cpu": ..., "rss": ..., "orphans": true|false}
"""

from __future__ import annotations

import dataclasses
import gc
import json
import os
import select
import signal
import socket
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from jobrunner import processes, settings
from jobrunner.child import calling, main, rehearsal
from jobrunner.child.frames import Channel
from jobrunner.failpoints import failpoint
from jobrunner.handlers.discovery import ImportFailure

PACKET = 4096
_DESCRIPTORS = 3
_OOM_SCORE = 200


def serve(sock: socket.socket, modules: Sequence[str], order_settings: dict[str, Any]) -> int:
    """Imports ``modules`` and forks children until the pool at the other end of ``sock`` is gone; returns 0."""
    settings.inherited = settings.Settings.from_order(order_settings)
    return _Nursery(sock).live(modules)


class _Nursery:
    def __init__(self, sock: socket.socket) -> None:
        self._process = os.getpid()
        self._socket = sock
        self._channel = Channel(sock)
        self._wake, self._woken = os.pipe()
        self._keys: dict[int, int] = {}
        self._failures: list[ImportFailure] = []
        self._child = main.Child()
        self._usual: dict[signal.Signals, Any] = {}

    def live(self, modules: Sequence[str]) -> int:
        processes.adopt_orphans()
        _prefer_to_die()
        self._child.prepare()
        self._import(modules)
        self._take_signals()
        rehearsal.rehearse()
        for descriptor in (self._wake, self._woken):
            os.set_blocking(descriptor, False)
        signal.set_wakeup_fd(self._woken, warn_on_full_buffer=False)
        # what exists now is never collected, so its pages stay shared with every child
        gc.collect()
        gc.freeze()
        poller = select.poll()
        for descriptor in (self._socket.fileno(), self._wake):
            poller.register(descriptor, select.POLLIN)
        while not self._channel.closed:
            for descriptor, _ in poller.poll():
                if descriptor == self._wake:
                    self._rest()
                elif not self._take():
                    return 0
            self._reap()
        return 0

    def _import(self, modules: Sequence[str]) -> None:
        from jobrunner.handlers import discovery, registry

        self._failures = discovery.discover(modules)
        calling.rehearse()
        types = [one.type for one in registry.all_types()]
        failures = [dataclasses.asdict(one) for one in self._failures]
        sys.stdout.flush()
        sys.stderr.flush()
        self._channel.send({"kind": "ready", "types": types, "failures": failures})

    def _take_signals(self) -> None:
        """Leaves it to the pool when children end; they get back what the handlers' modules have set."""
        ignored: Any = signal.SIG_IGN
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            self._usual[number] = signal.signal(number, ignored)
        self._usual[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda *_: None)

    def _take(self) -> bool:
        """Forks the child that the pool asks for; returns False when the pool is gone."""
        try:
            packet, descriptors, _, _ = socket.recv_fds(
                self._socket, PACKET, _DESCRIPTORS, socket.MSG_CMSG_CLOEXEC
            )
        except OSError:
            return False
        if not packet:
            return False
        order = json.loads(packet)
        try:
            failpoint("spawn.job.before")
            pid = os.fork()
        except OSError as error:
            self._channel.send({"kind": "refused", "key": order["key"], "message": str(error)})
        else:
            if pid == 0:
                self._become_child(*descriptors)
            failpoint("spawn.job.after")
            self._keys[pid] = order["key"]
            born = {"kind": "born", "key": order["key"], "pid": pid, "started": processes.started(pid)}
            self._channel.send(born)
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
        return True

    def _become_child(self, control: int, stdout: int, stderr: int) -> NoReturn:
        try:
            processes.die_with_parent()
            if os.getppid() != self._process:
                os._exit(main.CANNOT_REPORT)
            os.setsid()
            signal.set_wakeup_fd(-1)
            self._socket.close()
            nothing = os.open(os.devnull, os.O_RDONLY)
            for number, descriptor in enumerate((nothing, stdout, stderr)):
                os.dup2(descriptor, number)
            for descriptor in (nothing, stdout, stderr, self._wake, self._woken):
                os.close(descriptor)
            for one, usual in self._usual.items():
                signal.signal(one, usual)
            self._child.attend(socket.socket(fileno=control), self._failures)
        finally:
            os._exit(main.CANNOT_REPORT)

    def _rest(self) -> None:
        try:
            while os.read(self._wake, 4096):
                pass
        except BlockingIOError:
            return

    def _reap(self) -> None:
        ended = []
        while True:
            try:
                pid, status, used = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                break
            if pid == 0:
                break
            key = self._keys.pop(pid, None)
            if key is not None:
                cpu = round(used.ru_utime + used.ru_stime, 6)
                ended.append(
                    {"kind": "ended", "key": key, "status": status, "cpu": cpu, "rss": used.ru_maxrss * 1024}
                )
        orphans = bool(ended) and self._has_orphans()
        for frame in ended:
            self._channel.send(frame | {"orphans": orphans})

    def _has_orphans(self) -> bool:
        """True when processes that are no job's own child have come to this one; where the kernel does not tell, too."""
        children = processes.children()
        return children is None or any(pid not in self._keys for pid in children)


def _prefer_to_die() -> None:
    try:
        # when memory runs out it is a job that goes, so that the pool is left to say why
        with open(f"{processes.PROC}/self/oom_score_adj", "w", encoding="ascii") as file:
            file.write(str(_OOM_SCORE))
    except OSError:
        return
