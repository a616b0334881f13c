"""What the API is sent: strict models, in which nothing is guessed and nothing is overlooked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar

from fastapi import Depends, Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from jobrunner import names
from jobrunner.errors import InvalidField
from jobrunner.handlers.registry import TYPE_BYTES
from jobrunner.operations import filtering
from jobrunner.web import bulk
from jobrunner.web.api import document

LONGEST_NAME = 200
# parts of a filter that may be given several times
SEVERAL = ("status", "tag", "param")


async def _raw(request: Request) -> bytes:
    return await request.body()


Raw = Annotated[bytes, Depends(_raw)]
"""The body as it came; it is read where reading does not keep anybody waiting."""


class Body(BaseModel):
    """The body of a request."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


Sent = TypeVar("Sent", bound=Body)


class StartBody(Body):
    """A job to be started; what is left out comes from its type or the settings."""

    type: str = Field(max_length=TYPE_BYTES, description="The name of a registered job type.")
    params: dict[str, Any] | None = Field(None, description="Its parameters, by the type's own schema.")
    lock_key: str | None = Field(
        None, description="No second job with it can be created until this one has ended."
    )
    title: str | None = None
    queue: str | None = None
    priority: int | None = Field(None, description="Higher runs first.")
    delay: str | int | float | None = Field(None, description="Seconds, or a duration such as 90s or 2h.")
    at: str | None = Field(None, description="Not before this moment: ISO 8601 with a zone.")
    hold: bool = Field(False, description="Put aside until it is released.")
    idempotency_key: str | None = Field(None, description="The same as the header Idempotency-Key.")
    tags: dict[str, str | int | float] | None = None
    created_by: str | None = Field(
        None, description="On whose behalf; by default the caller, whom the ledger names in any case."
    )
    launcher: Literal["detached", "pool", "inline"] | None = Field(
        None, description="inline is refused over HTTP."
    )


class SeenBody(Body):
    """How the caller saw the job when they decided."""

    status: str
    attempt: int = Field(ge=0)


class VerbBody(Body):
    """Why, and how the job was seen; a job that stands otherwise by now is left as it is (409, changed)."""

    reason: str | None = Field(None, description="Why; it stands in the job's history.")
    seen: SeenBody | None = None


class RetryBody(VerbBody):
    """``force`` has a job run again that is not idempotent."""

    force: bool = False


class ResolveBody(VerbBody):
    """How a parked job is closed, by somebody who looked at what it did."""

    as_: Literal["succeeded", "failed"] = Field(alias="as")


class FilterBody(Body):
    """Which jobs are meant, written as in the list; every part that is given must hold."""

    status: str | list[str] = Field([], description="In one of these; a text may hold several, with commas.")
    type: str | None = None
    queue: str | None = None
    tag: dict[str, str] | str | list[str] = Field(
        {}, description="Names and values, or texts like name=value."
    )
    created_by: str | None = None
    since: str | None = Field(None, description="Created at or after: 2h ago, or ISO 8601 with a zone.")
    until: str | None = Field(None, description="Created before this moment, written like since.")
    search: str | None = Field(None, description="Title or type holds this text.")
    worker: str | None = Field(None, description="Run by the worker of this id or host, at the latest.")
    param: dict[str, Any] | str | list[str] = Field(
        {}, description="Dotted paths of the parameters and values, or texts like path=value."
    )

    def spoken(self) -> dict[str, Any]:
        """Returns what ``JobRunner.jobs`` takes for it; raises InvalidField or InvalidTime."""
        given = self.model_dump()
        named = {name: given.pop(name) for name in ("tag", "param") if isinstance(given[name], dict)}
        texts = {name: [given[name]] for name in SEVERAL if isinstance(given.get(name), str)}
        return filtering.spoken(**given | texts) | named


class BulkBody(Body):
    """A verb on many jobs: those of ``ids`` or those that ``filter`` finds, if there are ``expect`` of them."""

    verb: Literal["cancel", "stop", "kill", "hold", "release", "retry", "resolve", "abandon", "delete"]
    ids: list[int | str] | None = Field(None, max_length=bulk.MOST)
    filter: FilterBody | None = None
    expect: int = Field(ge=0, description="How many jobs the caller means.")
    reason: str | None = None
    force: bool = Field(False, description="For retry.")
    as_: Literal["succeeded", "failed"] | None = Field(None, alias="as", description="For resolve.")


def read(kind: type[Sent], body: bytes) -> Sent:
    """Returns a body as its model; raises InvalidField naming every field at fault, or NotJson."""
    found = document.read_object(body)
    try:
        return kind.model_validate(found)
    except ValidationError as error:
        raise _invalid(kind, error) from None


def wanted(kind: type[Body], *, required: bool, example: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what OpenAPI says about a body."""
    schema = {"$ref": f"#/components/schemas/{kind.__name__}"}
    examples = {name: {"value": value} for name, value in example.items()}
    return {
        "requestBody": {
            "required": required,
            "content": {"application/json": {"schema": schema, "examples": examples}},
        }
    }


def _invalid(kind: type[Body], error: ValidationError) -> InvalidField:
    fields: dict[str, str] = {}
    hint = None
    for problem in error.errors(include_url=False, include_input=False):
        where = [str(part)[:LONGEST_NAME] for part in problem["loc"]]
        if where[0] == "items" and len(where) > 1:
            where = where[1:]  # an item of many is named as the library does
        # a union names its members too: the field itself is enough
        end = 2 if where[0] in _OF_UNIONS else None
        end = next((place for place, part in enumerate(where, 1) if part in _UNIONS), end)
        name = ".".join(where[:end])
        if problem["type"] == "extra_forbidden":
            near = names.nearest(where[-1], [field.alias or one for one, field in kind.model_fields.items()])
            hint = f"Did you mean {near}?" if near and len(where) == 1 else hint
            fields.setdefault(name, "is not known")
        elif problem["type"] == "missing":
            fields.setdefault(name, "is missing")
        else:
            fields.setdefault(name, problem["msg"])
    told = "; ".join(f"{name}: {reason}" for name, reason in list(fields.items())[:10])
    return InvalidField(f"The body is not valid: {told}.", hint=hint, fields=dict(list(fields.items())[:100]))


_UNIONS, _OF_UNIONS = ("delay", *SEVERAL), ("ids", "tags")
