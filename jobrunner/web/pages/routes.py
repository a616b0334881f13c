"""All pages."""

from __future__ import annotations

from fastapi import APIRouter

from jobrunner.web.pages import (
    audit,
    bulk,
    job,
    jobs,
    machine,
    overview,
    payloads,
    taste,
    types,
    verbs,
    workers,
)

router = APIRouter(include_in_schema=False)
# beside each other: a router within a router is asked twice at every request
for _part in (overview, jobs, bulk, payloads, verbs, job, types, workers, machine, audit, taste):
    router.routes.extend(_part.router.routes)
