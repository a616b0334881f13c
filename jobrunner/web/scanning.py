"""Looking through many messages for an expression: a few requests at a time, and none whose client has left."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

from anyio import from_thread
from fastapi import Request

from jobrunner.store.loglines import Wanted
from jobrunner.web.faults import ClientGone
from jobrunner.web.house import house


@asynccontextmanager
async def scan(request: Request, wanted: Wanted) -> AsyncIterator[Wanted]:
    """Waits for a turn when ``wanted`` needs one, holding no thread, and gives it for the route's own thread.

    There its ``match`` raises ClientGone once nobody waits for the answer.
    """
    match = wanted.match
    if match is None:
        yield wanted
        return

    def watched(messages: Sequence[str]) -> Sequence[bool]:
        if from_thread.run(request.is_disconnected):
            raise ClientGone
        return match(messages)

    async with house(request).scans:
        yield replace(wanted, match=watched)
