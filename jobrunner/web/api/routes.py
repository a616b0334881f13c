"""Every address of the API but the stream of events."""

from __future__ import annotations

from fastapi import APIRouter

from jobrunner.web.api import (
    audit,
    catalogue,
    health,
    jobs,
    logs,
    many,
    metrics,
    starts,
    tokens,
    verbs,
    workers,
)

router, open_router = APIRouter(), APIRouter()
# side by side, not one within the other: each level of routers is asked again for every request
for part in (starts, jobs, verbs, many, logs, catalogue, workers, audit, tokens):
    router.routes.extend(part.router.routes)
for part in (health, metrics):
    open_router.routes.extend(part.router.routes)
