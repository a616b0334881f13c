"""Reads what a child says on its control channel and its two pipes, and stops reading when nothing can be stored."""

from __future__ import annotations

import os
import selectors
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from jobrunner import clock
from jobrunner.worker.desk import Station
from jobrunner.worker.nursery import Child
from jobrunner.worker.spool import HIGH_WATER, LOW_WATER

CHUNK = 256 * 1024
STREAMS = ("stdout", "stderr")
_FRAMES = 4096
_REMEMBERED = 256
_REST = 0.005
_LOOK_AGAIN = 0.25
_LONG = 3600.0
_PULLS = 16


class Listener(Protocol):
    """What a selector does that is needed here."""

    def register(self, fileobj: int, events: int, data: Callable[[], object]) -> object:
        """Calls ``data`` whenever the descriptor is readable."""

    def unregister(self, fileobj: int) -> object:
        """Forgets the descriptor."""


class Reads:
    """When how much was read from one pipe."""

    def __init__(self) -> None:
        self._total = 0
        self._latest: deque[tuple[float, float, int]] = deque(maxlen=_REMEMBERED)

    def note(self, began: float, ended: float, size: int) -> None:
        """Remembers a read of ``size`` bytes."""
        self._total += size
        self._latest.append((began, ended, size))

    def position(self, moment: float, waiting: int, at_least: int) -> int:
        """Returns how many bytes had been written at ``moment``, when ``waiting`` of them were in the pipe.

        ``at_least`` are those that the sender had written itself; mostly there are no others.
        """
        read = self._total
        for began, ended, size in reversed(self._latest):
            if ended < moment:
                break
            # A read that was going on at that moment came after it, unless it left some of what waited.
            if began > moment or size >= waiting:
                read -= size
        return max(read + waiting, at_least)


class Output:
    """The descriptors of one child in a selector.

    A pipe that was read rests for some milliseconds, so that a child that prints line by line is read
    in large pieces. While the database keeps up but the spool is full nothing is read, and the child
    waits (``blocked``); when the database is away reading goes on, and the spool drops what it must.
    """

    def __init__(
        self,
        child: Child,
        desk: Station,
        selector: Listener,
        take: Callable[[Mapping[str, Any]], None],
    ) -> None:
        self.blocked = False
        self._channel, self._intake, self._spool, self._writer = (
            child.channel,
            desk.intake,
            desk.spool,
            desk.writer,
        )
        self._selector, self._take = selector, take
        self._pipes = {"stdout": child.stdout, "stderr": child.stderr}
        self._registered: set[int] = set()
        self._rest_until = 0.0
        self._resting = False
        self._taken = dict.fromkeys(STREAMS, 0)
        self._held: dict[str, bytes] = {}
        self._frames: list[Mapping[str, Any]] = []
        self._reads = {stream: Reads() for stream in STREAMS}

    @property
    def is_open(self) -> bool:
        """True while some process holds the writing end of a pipe."""
        return bool(self._pipes)

    def arrange(self, *, final: bool = False) -> None:
        """Decides what is listened to until the next call; with ``final`` a full spool does not matter."""
        if final or self._spool.bytes <= LOW_WATER:
            self.blocked = False
        elif self._spool.bytes >= HIGH_WATER or self.blocked:
            self.blocked = self._writer.is_healthy()
        self._resting = clock.monotonic() < self._rest_until
        if self._is_behind and not self.blocked and not self._resting:
            self._ready()
            self._resting = True
        for descriptor in self._pipes.values():
            self._listen(descriptor, not self.blocked and not self._resting, self._ready)
        if not self._channel.closed:
            self._listen(self._channel.fileno(), not self.blocked, self._ready)

    def next_at(self, now: float) -> float:
        """Returns when ``arrange`` should be called again at the latest, by the monotonic clock."""
        if self.blocked:
            return now + _LOOK_AGAIN
        # Asked of the decision, not of the clock: it may have gone on since, and who rests must be woken.
        return self._rest_until if self._resting else now + _LONG

    def read_all(self) -> None:
        """Takes everything that has arrived, without waiting."""
        while self._pull():
            pass

    def close(self) -> None:
        """Lets go of every descriptor."""
        for descriptor in (*self._pipes.values(), self._channel.fileno()):
            self._listen(descriptor, False, self._ready)
        for descriptor in self._pipes.values():
            os.close(descriptor)
        self._pipes.clear()
        self._channel.close()

    def _ready(self) -> None:
        for _ in range(_PULLS):
            self._pull()
            if not self._is_behind:
                break
        self._rest_until = clock.monotonic() + _REST

    def _pull(self) -> int:
        """Takes what pipes and channel hold, in the order in which it was said; returns how much there was."""
        data, self._held = self._held, {}
        if self._has_room:
            for stream in list(self._pipes):
                data[stream] = data.get(stream, b"") + self._read(stream)
            self._hear()
        frames, self._frames = self._frames, []
        size = len(frames) + sum(map(len, data.values()))
        newer: set[str] = set()
        for frame in frames:
            newer |= self._take_before(frame, data)
            self._take(frame)
        for stream, rest in data.items():
            if stream in newer and rest:
                # read after these frames, so frames that belong before it may be waiting
                self._held[stream] = rest
            else:
                self._take_output(stream, rest)
        if self._channel.closed:
            self._listen(self._channel.fileno(), False, self._ready)
        return size

    @property
    def _is_behind(self) -> bool:
        return bool(self._held or self._frames)

    @property
    def _has_room(self) -> bool:
        return len(self._frames) < _FRAMES

    def _hear(self) -> None:
        """Fetches what waits in the channel; what it says is secret counts at once.

        After each read and before what was read is taken: a secret that the child declared before it printed it
        waits here then, since the channel never holds more than is fetched.
        """
        if self._channel.fileno() < 0:
            return
        for frame in self._channel.receive_ready(_FRAMES):
            if frame.get("kind") == "mask":
                self._take(frame)
            else:
                self._frames.append(frame)

    def _take_before(self, frame: Mapping[str, Any], data: dict[str, bytes]) -> set[str]:
        """Takes the output that had been written when ``frame`` was sent; returns the streams that it had to read on."""
        newer: set[str] = set()
        out = frame.get("out")
        if not isinstance(out, list) or len(out) != 5 or not all(isinstance(n, int | float) for n in out):
            return newer
        for stream, waiting, own in zip(STREAMS, out[1:3], out[3:], strict=True):
            have = data.get(stream, b"")
            if waiting < 0:
                # Who has closed its end writes no more there: all of it came before.
                ahead = len(have) + 1
            else:
                ahead = self._reads[stream].position(out[0], int(waiting), int(own)) - self._taken[stream]
            if len(have) < ahead and self._has_room:
                have += self._read(stream)
                self._hear()
                newer.add(stream)
                data[stream] = have
            if ahead > 0 and have:
                self._take_output(stream, have[:ahead], frame.get("at"))
                data[stream] = have[ahead:]
        return newer

    def _take_output(self, stream: str, data: bytes, at: str | None = None) -> None:
        if data:
            self._taken[stream] += len(data)
            self._intake.output(stream, data, at)

    def _read(self, stream: str) -> bytes:
        descriptor = self._pipes.get(stream)
        if descriptor is None:
            return b""
        began = clock.monotonic()
        try:
            data = os.read(descriptor, CHUNK)
        except BlockingIOError:
            return b""
        if data:
            self._reads[stream].note(began, clock.monotonic(), len(data))
            return data
        del self._pipes[stream]
        self._listen(descriptor, False, self._ready)
        os.close(descriptor)
        return b""

    def _listen(self, descriptor: int, wanted: bool, act: Callable[[], object]) -> None:
        if wanted and descriptor not in self._registered:
            self._selector.register(descriptor, selectors.EVENT_READ, act)
            self._registered.add(descriptor)
        elif not wanted and descriptor in self._registered:
            self._selector.unregister(descriptor)
            self._registered.discard(descriptor)
