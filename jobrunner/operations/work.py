"""Work: this process becomes a pool worker."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from jobrunner import launcher, names
from jobrunner.operations.acting import refuse
from jobrunner.operations.start import QUEUE_BYTES
from jobrunner.settings import Settings
from jobrunner.store import schema
from jobrunner.store.database import Database


def work(
    database: Database,
    settings: Settings,
    *,
    queues: Sequence[str] = (),
    once: bool = False,
    max_jobs: int | None = None,
    allow_exec: bool = False,
) -> NoReturn:
    """Replaces this process by a pool worker of these settings; never returns.

    ``queues`` are those to claim from, none meaning the settings', and none there all. ``once`` ends it when nothing
    is due any more, ``max_jobs`` after so many claims; ``allow_exec`` lets it take jobs of type
    jobrunner.exec. Raises InvalidField, a StoreError when the database cannot be used, and LaunchFailed.
    """
    for queue in queues:
        refuse("queue", names.fault(queue, QUEUE_BYTES))
    schema.ensure(database)
    database.close()
    told = settings.to_order()
    if database.path is not None:
        told["database_url"] = f"sqlite:///{database.path}"
    order = {
        "kind": "pool",
        "detach": False,
        "token": None,
        "scope": "none",
        "settings": told,
        "sys_path": [entry for entry in sys.path if isinstance(entry, str)],
        "cwd": launcher.directory(),
        "modules": list(settings.handlers),
        "capacity": settings.capacity,
        "queues": list(queues or settings.queues),
        "once": once,
        "max_jobs": max_jobs,
        "allow_exec": allow_exec,
        "notify_socket": os.environ.get("NOTIFY_SOCKET"),
        "watchdog_usec": os.environ.get("WATCHDOG_USEC"),
    }
    launcher.become(order, settings)
