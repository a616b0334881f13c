"""What there is to run, and how much of it: types and counts."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel
from starlette.responses import Response

from jobrunner.models import TypeModel
from jobrunner.web.api import examples, names
from jobrunner.web.api.answers import answer, plain, problems
from jobrunner.web.caller import Reader
from jobrunner.web.faults import NoSuchPage
from jobrunner.web.house import house

router = APIRouter(prefix="/api", generate_unique_id_function=names.of)


class ImportProblem(BaseModel):
    """A module of handlers that could not be imported."""

    module: str
    error_class: str
    message: str


class TypeList(BaseModel):
    """The job types that are registered here, by name."""

    types: list[TypeModel]
    import_failures: list[ImportProblem]


class Stats(BaseModel):
    """How many jobs there are in each status that has any."""

    jobs: dict[str, int]


@router.get(
    "/types", tags=["types"], response_model=None, summary="List job types",
    responses={200: {"model": TypeList, **examples.of(examples.TYPES)}, **problems()},
)  # fmt: skip
def list_types(request: Request, _caller: Reader) -> Response:
    """Gives the registered job types with the JSON Schema of their parameters, and modules that failed to import."""
    runner = house(request).runner
    failures = [
        ImportProblem(module=one.module, error_class=one.error_class, message=one.message)
        for one in runner.import_failures()
    ]
    return answer(TypeList(types=runner.types(), import_failures=failures))


@router.get(
    "/types/{type}", tags=["types"], response_model=None, summary="Look at a job type",
    responses={200: {"model": TypeModel, **examples.of(examples.TYPE)}, **problems(404)},
)  # fmt: skip
def get_type(
    request: Request, _caller: Reader, type: Annotated[str, Path(examples=["shop.import_products"])]
) -> Response:
    """Gives one job type; its schema makes a form, and is what a start is checked by."""
    found = next((one for one in house(request).runner.types() if one.type == type), None)
    if found is None:
        raise NoSuchPage("There is no such job type.", hint="List them with: GET /api/types")
    return answer(found)


@router.get(
    "/stats", tags=["fleet"], response_model=None, summary="Count jobs",
    responses={200: {"model": Stats, **examples.of(examples.STATS)}, **problems()},
)  # fmt: skip
def get_stats(request: Request, _caller: Reader) -> Response:
    """Counts the jobs of each status, exactly; over a million jobs that takes a moment."""
    return plain(house(request).runner.stats())
