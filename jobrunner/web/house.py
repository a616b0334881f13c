"""What every route needs, under one roof."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.requests import HTTPConnection

from jobrunner.runner import JobRunner
from jobrunner.web.assets import Assets
from jobrunner.web.security import Security

if TYPE_CHECKING:
    from jobrunner.web.hub import Hub


@dataclass(frozen=True)
class Web:
    """One application: the runner that it serves, who may use it, its files, and what watches jobs for streams."""

    runner: JobRunner
    security: Security
    assets: Assets
    hub: Hub


def house(request: HTTPConnection) -> Web:
    """Returns the application's own things."""
    found: Web = request.app.state.web
    return found
