"""Frames between a child and its worker.

A frame is a dict of plain values. It travels as UTF-8 JSON over a Unix socket of type SEQPACKET,
cut into packets of at most 60 KiB: four bytes of process id, four of a counter, one that is 1 on
the last packet, then the payload. A packet is written whole or not at all, so threads and forked
processes of a handler may all send on one socket without a lock.
"""

from __future__ import annotations

import errno
import itertools
import json
import os
import socket
import struct
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from jobrunner import clock

PAYLOAD = 60 * 1024
LARGEST = 256 * 1024 * 1024
_HEAD = struct.Struct(">LLB")
_BUFFER = 1024 * 1024
_SHORT_OF_MEMORY = (errno.ENOBUFS, errno.ENOMEM)


def pair() -> tuple[socket.socket, socket.socket]:
    """Returns the two ends of a new control socket; programs that either side executes do not inherit them."""
    ends = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for end in ends:
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER)
    return ends


class Channel:
    """One end of a control socket.

    ``closed`` is true once the other end is gone; from then on sending does nothing. ``garbled``
    counts messages that were no frames and were dropped. ``mark`` may add to what ``send`` sends.
    """

    def __init__(self, sock: socket.socket) -> None:
        self.closed = False
        self.garbled = 0
        self.mark: Callable[[dict[str, Any]], dict[str, Any]] | None = None
        self._socket = sock
        self._counter = itertools.count()
        self._unfinished: dict[bytes, list[bytes]] = {}
        self._unfinished_bytes = 0
        self._outgoing: deque[bytes] = deque()

    def fileno(self) -> int:
        """Returns the descriptor, for a selector; -1 when closed here."""
        return self._socket.fileno()

    def send(self, frame: dict[str, Any]) -> None:
        """Sends ``frame``, waiting for room; does nothing when the other end is gone.

        Safe in threads, in forked copies of this process and in signal handlers. Raises ValueError
        for a frame of more than 256 MiB.
        """
        for packet in self._packets(frame if self.mark is None else self.mark(frame)):
            if self.closed or not self._send(packet, 0):
                return

    def post(self, frame: dict[str, Any]) -> None:
        """Queues ``frame`` and sends what there is room for, without waiting. One thread only."""
        self._outgoing.extend(self._packets(frame))
        self.flush()

    def flush(self) -> bool:
        """Sends queued packets without waiting; returns true when none is left."""
        while self._outgoing and not self.closed:
            try:
                if not self._send(self._outgoing[0], socket.MSG_DONTWAIT):
                    break
            except BlockingIOError:
                return False
            self._outgoing.popleft()
        if self.closed:
            self._outgoing.clear()
        return not self._outgoing

    def recv(self) -> dict[str, Any] | None:
        """Waits for the next frame; returns None when the other end is gone. One thread only."""
        while not self.closed:
            packet = self._receive(0)
            frame = self._join(packet) if packet else None
            if frame is not None:
                return frame
        return None

    def receive_ready(self, packets: int = 256) -> list[dict[str, Any]]:
        """Returns the frames that have arrived, without waiting, reading at most ``packets`` packets.

        An empty list with ``closed`` set is the end; frames sent before the end come first.
        """
        frames = []
        for _ in range(packets):
            try:
                packet = self._receive(socket.MSG_DONTWAIT)
            except BlockingIOError:
                break
            if not packet:
                break
            frame = self._join(packet)
            if frame is not None:
                frames.append(frame)
        return frames

    def close(self) -> None:
        """Closes this end."""
        self.closed = True
        self._socket.close()

    def _packets(self, frame: dict[str, Any]) -> Iterator[bytes]:
        text = json.dumps(frame, ensure_ascii=False, separators=(",", ":"))
        # A lone surrogate becomes \udcXX, which JSON reads back as itself.
        payload = text.encode("utf-8", "backslashreplace")
        if len(payload) > LARGEST:
            raise ValueError(f"a frame of {len(payload)} bytes is larger than {LARGEST}")
        number = next(self._counter) & 0xFFFFFFFF
        process = os.getpid()
        for start in range(0, len(payload), PAYLOAD):
            last = start + PAYLOAD >= len(payload)
            yield _HEAD.pack(process, number, last) + payload[start : start + PAYLOAD]

    def _send(self, packet: bytes, flags: int) -> bool:
        while True:
            try:
                self._socket.send(packet, flags)
            except BlockingIOError:
                raise
            except OSError as error:
                if error.errno in _SHORT_OF_MEMORY:
                    clock.sleep(0.05)
                    continue
                self.closed = True
                return False
            return True

    def _receive(self, flags: int) -> bytes:
        try:
            packet = self._socket.recv(_HEAD.size + PAYLOAD, flags)
        except BlockingIOError:
            raise
        except ConnectionResetError:
            # told once to whom something was sent that nobody read; what came before the end still waits
            return self._receive(flags)
        except OSError:
            packet = b""
        if not packet:
            self.closed = True
        return packet

    def _join(self, packet: bytes) -> dict[str, Any] | None:
        key, last, payload = packet[:8], packet[8:9], packet[9:]
        parts = self._unfinished.setdefault(key, [])
        parts.append(payload)
        self._unfinished_bytes += len(payload)
        if last != b"\x01":
            self._forget_the_oldest()
            return None
        del self._unfinished[key]
        message = b"".join(parts)
        self._unfinished_bytes -= len(message)
        try:
            frame = json.loads(message)
        except (ValueError, RecursionError):
            frame = None
        if isinstance(frame, dict):
            return frame
        self.garbled += 1
        return None

    def _forget_the_oldest(self) -> None:
        """Drops what a process that was killed while sending left behind, so that memory stays bounded."""
        while self._unfinished_bytes > 2 * LARGEST:
            parts = self._unfinished.pop(next(iter(self._unfinished)))
            self._unfinished_bytes -= sum(map(len, parts))
            self.garbled += 1
