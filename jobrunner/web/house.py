"""What every route needs, under one roof."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from starlette.requests import HTTPConnection

from jobrunner.runner import JobRunner
from jobrunner.web.assets import Assets
from jobrunner.web.security import Security

if TYPE_CHECKING:
    from jobrunner.web.hub import Hub

SCANS = 2


@dataclass(frozen=True)
class Web:
    """One application: the runner that it serves, who may use it, its files, and what watches jobs for streams.

    Whoever looks through messages in Python takes one of the ``scans``.
    """

    runner: JobRunner
    security: Security
    assets: Assets
    hub: Hub
    scans: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(SCANS))


def house(request: HTTPConnection) -> Web:
    """Returns the application's own things."""
    found: Web = request.app.state.web
    return found
