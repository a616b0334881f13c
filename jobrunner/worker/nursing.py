"""The pool's end of its nursery: hands jobs over, and hears what becomes of their children."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jobrunner import launcher
from jobrunner.child import frames
from jobrunner.child.frames import Channel
from jobrunner.store.claims import Claimed
from jobrunner.worker.pipes import pipe


@dataclass(frozen=True)
class Ends:
    """What the pool keeps of a job's connections: its control channel, and the reading ends of its output."""

    channel: Channel
    stdout: int
    stderr: int

    def close(self) -> None:
        """Lets go of all of them."""
        self.channel.close()
        os.close(self.stdout)
        os.close(self.stderr)


class Nursery:
    """A running nursery process; ``types`` are known once it ``is_ready``. ``is_gone`` when it has died."""

    def __init__(self, order: Mapping[str, Any]) -> None:
        ours, its = frames.pair()
        told = {name: order[name] for name in ("sys_path", "modules", "settings")}
        self._process = launcher.nursery(told, its)
        its.close()
        self._socket = ours
        self._channel = Channel(ours)
        self.types: list[str] = []
        self.failures: list[dict[str, Any]] = []
        self.is_ready = False

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def is_gone(self) -> bool:
        """True when nothing more will be heard of it."""
        return self._channel.closed

    def fileno(self) -> int:
        """Returns the descriptor that becomes readable when there is something to ``hear``."""
        return self._channel.fileno()

    def fork(self, key: int, job: Claimed, result_max_bytes: int) -> Ends | None:
        """Has a child forked that runs ``job``; None when the nursery is gone. ``key`` stands in what is heard of it."""
        ours, its = frames.pair()
        channel = Channel(ours)
        outputs = (pipe(), pipe())
        ends = Ends(channel, outputs[0][0], outputs[1][0])
        order = {
            "id": job.job_id, "uuid": job.uuid, "type": job.type, "attempt": job.attempt, "fence": job.fence,
            "params": job.params, "resume_step": job.resume_step, "result_max_bytes": result_max_bytes,
        }  # fmt: skip
        channel.post({"kind": "run", "job": order})
        try:
            packet = json.dumps({"key": key}).encode()
            socket.send_fds(self._socket, [packet], [its.fileno(), outputs[0][1], outputs[1][1]])
        except OSError:
            ends.close()
            return None
        finally:
            its.close()
            for _, writing in outputs:
                os.close(writing)
        return ends

    def hear(self) -> list[dict[str, Any]]:
        """Returns what the nursery has reported, without waiting."""
        heard = self._channel.receive_ready()
        for frame in heard:
            if frame["kind"] == "ready":
                self.is_ready, self.types, self.failures = True, frame["types"], frame["failures"]
        return heard

    def close(self) -> None:
        """Ends the nursery, and with it every child."""
        self._channel.close()
