"""Whether those who read a stream still may: asked now and then, once for all streams of one credential."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import NamedTuple

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from jobrunner import clock
from jobrunner.errors import Forbidden, StoreError, Unauthorized

KEPT = 5.0
Key = tuple[tuple[str, str], ...]


class Answer(NamedTuple):
    """An answer, or the question while it is asked, and when it was put."""

    at: float
    task: asyncio.Task[bool]


class Standings:
    """Remembers for a few seconds who may go on. Lives in one event loop."""

    def __init__(self) -> None:
        self._answers: dict[Key, Answer] = {}

    async def holds(self, request: Request, ask: Callable[[], object]) -> bool:
        """True unless ``ask``, which runs in a thread, raises Unauthorized or Forbidden.

        A database that does not answer takes nobody's right away. Requests that look alike share an answer.
        """
        now = clock.monotonic()
        host = request.client.host if request.client is not None else ""
        key: Key = (("", host), *sorted(request.headers.items()))
        answer = self._answers.get(key)
        if answer is None or now - answer.at >= KEPT:
            self._answers = {k: a for k, a in self._answers.items() if now - a.at < KEPT}
            answer = self._answers[key] = Answer(now, asyncio.create_task(_asked(ask)))
        return await asyncio.shield(answer.task)


async def _asked(ask: Callable[[], object]) -> bool:
    try:
        await run_in_threadpool(ask)
    except (Unauthorized, Forbidden):
        return False
    except StoreError:
        return True
    return True
