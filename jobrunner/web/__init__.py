"""The HTTP API, the stream and the pages: ``create_app(runner)`` gives them as one ASGI application.

Needs the extra ``web``; importing this package alone does not.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jobrunner.web.app import create_app as create_app
    from jobrunner.web.caller import Caller as Caller

_HOMES = {"Caller": "caller", "create_app": "app"}
__all__ = [*_HOMES]  # noqa: PLE0604


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'jobrunner.web' has no attribute {name!r}")
    return getattr(import_module(f"jobrunner.web.{home}"), name)
