"""jobrunner runs long jobs outside the request that started them.

>>> from jobrunner import JobContext, job
>>> @job("shop.import", idempotent=True)
... def import_products(ctx: JobContext, shop_id: int) -> dict:
...     ctx.info("Importing.", shop_id=shop_id)
...     return {"shop_id": shop_id}
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from jobrunner.version import __version__

if TYPE_CHECKING:
    from jobrunner.child.context import JobContext as JobContext
    from jobrunner.client import Client as Client
    from jobrunner.durations import Backoff as Backoff
    from jobrunner.errors import InvalidParams as InvalidParams
    from jobrunner.errors import JobCancelled as JobCancelled
    from jobrunner.errors import JobFailed as JobFailed
    from jobrunner.errors import JobNotFinished as JobNotFinished
    from jobrunner.errors import JobNotFound as JobNotFound
    from jobrunner.errors import JobRunnerError as JobRunnerError
    from jobrunner.errors import WaitTimeout as WaitTimeout
    from jobrunner.handlers.decorator import job as job
    from jobrunner.handlers.decorator import register as register
    from jobrunner.models import ActionResult as ActionResult
    from jobrunner.models import StartResult as StartResult
    from jobrunner.models import StatusModel as StatusModel
    from jobrunner.runner import JobRunner as JobRunner
    from jobrunner.runner import set_default as set_default

# imported on first use: importing the package loads no database, web or command line library
_HOMES = {
    "ActionResult": "models",
    "Backoff": "durations",
    "Client": "client",
    "InvalidParams": "errors",
    "JobCancelled": "errors",
    "JobContext": "child.context",
    "JobFailed": "errors",
    "JobNotFinished": "errors",
    "JobNotFound": "errors",
    "JobRunner": "runner",
    "JobRunnerError": "errors",
    "StartResult": "models",
    "StatusModel": "models",
    "WaitTimeout": "errors",
    "job": "handlers.decorator",
    "register": "handlers.decorator",
    "set_default": "runner",
}
__all__ = [*_HOMES, "__version__"]  # noqa: PLE0604


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'jobrunner' has no attribute {name!r}")
    found = getattr(import_module(f"jobrunner.{home}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted(__all__)
