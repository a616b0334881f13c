"""How long after its commit a line reaches a hundred open streams: its share of 300 ms."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator

from filling import claimed_job
from measure import Result, Target
from places import Place
from plan import Plan
from web import Visitor, served

from jobrunner import clock
from jobrunner.store import logs
from jobrunner.store.logs import Line

LIMIT, STREAMS, EVERY = 0.3, 100, 0.15


def measure(plan: Plan) -> Iterator[Result]:
    """Yields per database the slowest line, and the 95th of a hundred, until the last of the streams has it."""
    for place in plan.on("sqlite", "mariadb", "postgres"):
        delays = sorted(_delays(plan, place))
        for name, delay in (("the slowest", delays[-1]), ("95 of 100", delays[int(len(delays) * 0.95)])):
            yield Result(
                f"a committed line until {STREAMS} streams have it: {name} of {len(delays)}", f"{LIMIT * 1000:g} ms",
                place.title, [delay / LIMIT], Target(1, at_least=False),
            )  # fmt: skip


def _delays(plan: Plan, place: Place) -> Iterator[float]:
    with place.store() as store:
        runner = store.runner()
        job_id, tail = claimed_job(runner)
        with served(store, plan.scratch) as visitor:
            crowd = Crowd(visitor, job_id)
            crowd.wait_for(2)
            for number in range(10 * plan.rounds):
                line = Line(clock.now(), "info", "stdout", None, None, f"line {number}", None)
                logs.append(runner.database, tail, [line], {})
                committed = time.perf_counter()
                yield crowd.wait_for(number + 3) - committed
                time.sleep(EVERY)
            crowd.leave()
        runner.database.close()


class Crowd:
    """The readers of one job, all in one thread."""

    def __init__(self, visitor: Visitor, job_id: int) -> None:
        self._request = (
            f"GET /api/jobs/{job_id}/events HTTP/1.1\r\nHost: localhost\r\n"
            f"Authorization: Bearer {visitor.token}\r\n\r\n"
        ).encode()
        self._port, self._news = visitor.port, threading.Condition()
        self._have: dict[int, int] = {}
        self._last: dict[int, float] = {}
        self._thread = threading.Thread(target=lambda: asyncio.run(self._read()), daemon=True)
        self._thread.start()

    def wait_for(self, seq: int, patience: float = 60.0) -> float:
        """Returns when the last of them had this seq; raises TimeoutError."""
        with self._news:
            if not self._news.wait_for(lambda: self._have.get(seq) == STREAMS, patience):
                raise TimeoutError(f"{self._have.get(seq, 0)} of {STREAMS} streams have {seq}")
            return self._last[seq]

    def leave(self) -> None:
        """Closes the streams."""
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(10)

    async def _read(self) -> None:
        readers = [asyncio.create_task(self._one()) for _ in range(STREAMS)]
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        await self._over.wait()
        for reader in readers:
            reader.cancel()
        await asyncio.gather(*readers, return_exceptions=True)

    async def _one(self) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            writer.write(self._request)
            while line := await reader.readline():
                if line.startswith(b"id: "):
                    with self._news:
                        seq = int(line[4:])
                        self._have[seq] = self._have.get(seq, 0) + 1
                        self._last[seq] = time.perf_counter()
                        self._news.notify_all()
        finally:
            writer.close()
