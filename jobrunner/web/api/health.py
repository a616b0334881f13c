"""Does it live, and can it work? For whoever watches over the process; strangers may ask."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel
from starlette.responses import Response

from jobrunner.errors import StoreError
from jobrunner.store import schema
from jobrunner.store.database import Database
from jobrunner.version import SCHEMA_VERSION
from jobrunner.web.api import examples, names
from jobrunner.web.api.answers import answer
from jobrunner.web.house import house

router = APIRouter(tags=["health"], generate_unique_id_function=names.of)
# a probe wants an answer, not patience
PATIENCE = 2.0
_OPEN: dict[str, Any] = {"security": []}


class Live(BaseModel):
    """The process answers."""

    status: str = "ok"


class Ready(BaseModel):
    """Whether the database can be reached and has its tables; why not stands in the server's own log."""

    ready: bool


@router.get(
    "/healthz", response_model=None, summary="Liveness", openapi_extra=_OPEN,
    responses={200: {"model": Live, **examples.of(examples.LIVE)}},
)  # fmt: skip
async def healthz() -> Response:
    """Answers as long as the process does; asks no database."""
    return answer(Live())


@router.get(
    "/readyz", response_model=None, summary="Readiness", openapi_extra=_OPEN,
    responses={
        200: {"model": Ready, **examples.of(examples.READY)},
        503: {"model": Ready, "description": "It cannot work at present.", **examples.of(examples.NOT_READY)},
    },
)  # fmt: skip
def readyz(request: Request) -> Response:
    """Answers 200 when the database can be reached and has its tables, else 503."""
    ready = _is_ready(house(request).runner.database)
    return answer(Ready(ready=ready), 200 if ready else 503, None if ready else {"Retry-After": "5"})


def _is_ready(database: Database) -> bool:
    try:
        found = schema.version(database, patience=PATIENCE)
    except StoreError:
        return False
    # a SQLite file is made by the first write
    return found == SCHEMA_VERSION or (found is None and database.path is not None)
