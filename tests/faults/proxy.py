"""A wire between clients and a server of MySQL's or PostgreSQL's protocol, which can be made bad while it is used."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from dataclasses import dataclass, field

# a query of its own, in the words of MySQL's and of PostgreSQL's protocol
_COMMITS = (b"\x03COMMIT", b"\x00\x00\x00\x0bCOMMIT\x00")


@dataclass
class Wire:
    """One connection through the proxy."""

    client: socket.socket
    server: socket.socket
    loses_answer: threading.Event = field(default_factory=threading.Event)
    bytes_left: int | None = None

    def reset(self) -> None:
        """Ends it with RST, to both sides."""
        for side in (self.client, self.server):
            with contextlib.suppress(OSError):
                side.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.shut(side, socket.SHUT_RDWR)
            side.close()

    def end(self) -> None:
        """Ends it in order."""
        for side in (self.client, self.server):
            self.shut(side, socket.SHUT_RDWR)
            side.close()

    @staticmethod
    def shut(side: socket.socket, how: int) -> None:
        """Closes one direction, or both."""
        with contextlib.suppress(OSError):
            side.shutdown(how)


class Proxy:
    """Forwards a local port to a server.

    ``delay`` seconds pass before anything is forwarded; while it is a ``blackhole``, nothing is, and new connections
    are taken in silence; the next ``refuses`` connections are ended at once; ``swallow`` counts how many COMMITs are still to be forwarded without their
    answer, ``swallowed`` those that were. Each of the methods makes all present connections bad, once.
    """

    def __init__(self, host: str, port: int) -> None:
        self.delay = 0.0
        self.swallow = self.swallowed = self.refuses = 0
        self._through = threading.Event()
        self._through.set()
        self._guard = threading.Lock()
        self._wires: list[Wire] = []
        self._server = (host, port)
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def blackhole(self) -> bool:
        """True while packets vanish."""
        return not self._through.is_set()

    @blackhole.setter
    def blackhole(self, wanted: bool) -> None:
        if wanted:
            self._through.clear()
        else:
            # what has vanished does not come back: such connections are dead when the network is well again
            self.reset()
            self._through.set()

    def reset(self) -> int:
        """Ends every connection with RST; returns how many there were."""
        return self._each(Wire.reset)

    def half_close(self) -> int:
        """Ends the server's direction of every connection: clients read the end, and may still write."""
        return self._each(lambda wire: Wire.shut(wire.client, socket.SHUT_WR))

    def cut_after(self, count: int) -> int:
        """Ends every connection when the server has answered ``count`` more bytes on it."""

        def arm(wire: Wire) -> None:
            wire.bytes_left = count

        return self._each(arm)

    def close(self) -> None:
        """Takes no further connections, and ends those there are."""
        self._listener.close()
        self._through.set()
        self.reset()

    def _each(self, act: object) -> int:
        with self._guard:
            wires, self._wires = self._wires, self._wires if act is not Wire.reset else []
        for wire in wires:
            act(wire)  # type: ignore[operator]
        return len(wires)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
                if self.refuses:
                    self.refuses -= 1
                    client.close()
                    continue
                server = socket.create_connection(self._server)
            except OSError:
                if self._listener.fileno() < 0:
                    return
                with contextlib.suppress(OSError, UnboundLocalError):
                    client.close()
                continue
            for side in (client, server):
                side.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            wire = Wire(client, server)
            with self._guard:
                self._wires.append(wire)
            for pump in (self._to_server, self._to_client):
                threading.Thread(target=pump, args=(wire,), daemon=True).start()

    def _to_server(self, wire: Wire) -> None:
        with contextlib.suppress(OSError):
            while data := wire.client.recv(65536):
                self._hold()
                if self.swallow and any(commit in data for commit in _COMMITS):
                    with self._guard:
                        if self.swallow:
                            self.swallow -= 1
                            wire.loses_answer.set()
                wire.server.sendall(data)
        self._drop(wire)

    def _to_client(self, wire: Wire) -> None:
        with contextlib.suppress(OSError):
            while data := wire.server.recv(65536):
                self._hold()
                if wire.loses_answer.is_set():
                    self.swallowed += 1
                    wire.reset()
                    break
                if wire.bytes_left is not None:
                    wire.client.sendall(data[: wire.bytes_left])
                    wire.bytes_left -= len(data)
                    if wire.bytes_left <= 0:
                        break
                    continue
                wire.client.sendall(data)
        self._drop(wire)

    def _hold(self) -> None:
        if self.delay:
            time.sleep(self.delay)
        self._through.wait()

    def _drop(self, wire: Wire) -> None:
        wire.end()
        with self._guard:
            if wire in self._wires:
                self._wires.remove(wire)
