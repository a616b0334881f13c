"""Does it live, and can it work? For whoever watches over the process; strangers may ask."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel
from starlette.responses import Response

from jobrunner.errors import SchemaMissing, SchemaOutdated, StoreError
from jobrunner.store import schema
from jobrunner.store.database import Database
from jobrunner.version import SCHEMA_VERSION
from jobrunner.web.api import examples, names
from jobrunner.web.api.answers import Problem, answer
from jobrunner.web.house import house

router = APIRouter(tags=["health"], generate_unique_id_function=names.of)
# a probe wants an answer, not patience
PATIENCE = 2.0
_OPEN: dict[str, Any] = {"security": []}


class Live(BaseModel):
    """The process answers."""

    status: str = "ok"


class Ready(BaseModel):
    """The database can be reached and has its tables."""

    ready: bool = True


class NotReady(Problem):
    """It cannot work at present: which kind of error the database gives; more stands in the server's own log."""

    ready: bool = False


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
        503: {"model": NotReady, "description": "It cannot work at present.", **examples.of(examples.NOT_READY)},
    },
)  # fmt: skip
def readyz(request: Request) -> Response:
    """Answers 200 when the database can be reached and has its tables, else 503."""
    fault = _fault(house(request).runner.database)
    if fault is None:
        return answer(Ready())
    # strangers may ask: they are told the kind of error, and not its own words
    return answer(NotReady(**fault().as_dict()), 503, {"Retry-After": "5"})


def _fault(database: Database) -> type[StoreError] | None:
    try:
        found = schema.version(database, patience=PATIENCE)
    except StoreError as error:
        return type(error)
    # a SQLite file is made by the first write
    if found == SCHEMA_VERSION or (found is None and database.path is not None):
        return None
    return SchemaMissing if found is None else SchemaOutdated
