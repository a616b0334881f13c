"""Tokens: who may use HTTP, for administrators."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from jobrunner.errors import Forbidden, TokenNotFound
from jobrunner.models import NewToken, Scope, TokenModel
from jobrunner.operations import tokens
from jobrunner.store import schema
from jobrunner.store.database import Database
from jobrunner.web.api import examples, names
from jobrunner.web.api.answers import WITH_BODY, answer, problems
from jobrunner.web.api.bodies import Body, Raw, read, wanted
from jobrunner.web.caller import Admin, Caller, permit
from jobrunner.web.house import house

router = APIRouter(prefix="/api", tags=["tokens"], generate_unique_id_function=names.of)


class TokenBody(Body):
    """A token to be made."""

    name: str = Field(description="Whose it is, or for what; it stands in the ledger.")
    scope: Scope = Field(
        "read", description="operate may start jobs and give verbs, admin may do everything."
    )
    expires: str | int | float | None = Field(
        None, description="Good for so long: seconds, or 30d; by default for ever."
    )


class TokenList(BaseModel):
    """The tokens by name, those that expired or were revoked too."""

    tokens: list[TokenModel]


@router.get(
    "/tokens", response_model=None, summary="List tokens",
    responses={200: {"model": TokenList, **examples.of(examples.TOKENS)}, **problems()},
)  # fmt: skip
def list_tokens(request: Request, caller: Admin) -> Response:
    """Gives the tokens, never what they are: that is stored nowhere."""
    return answer(TokenList(tokens=tokens.every(_database(request, caller))))


@router.post(
    "/tokens", status_code=201, response_model=None, summary="Make a token",
    responses={
        201: {"model": NewToken, "description": "It can be used from now on, and is never shown again.",
              **examples.of(examples.NEW_TOKEN)},
        **problems(*WITH_BODY),
    },
    openapi_extra=wanted(TokenBody, required=True, example=examples.NEW_TOKENS),
)  # fmt: skip
def make_token(request: Request, caller: Admin, body: Raw) -> Response:
    """Makes a token. A name is given once; that of a revoked token stays taken."""
    wished = read(TokenBody, body)
    made = tokens.create(
        _database(request, caller), wished.name, scope=wished.scope, expires=wished.expires, created_by=caller.name
    )  # fmt: skip
    return answer(made, 201)


@router.delete(
    "/tokens/{token}", response_model=None, summary="Revoke a token",
    responses={200: {"model": TokenModel, **examples.of(examples.REVOKED)}, **problems(404)},
)  # fmt: skip
def revoke_token(
    request: Request, caller: Admin, token: Annotated[str, Path(description="Its name or its id.", examples=["deploy"])]
) -> Response:  # fmt: skip
    """Ends a token at once, and every session that was opened with it; its name stays in the list."""
    database = _database(request, caller)
    found = [one.name for one in tokens.every(database) if token in (one.name, one.id)]
    if not found:
        raise TokenNotFound("There is no such token.", hint="List the tokens with: GET /api/tokens")
    return answer(tokens.revoke(database, found[0]))


def _database(request: Request, caller: Caller) -> Database:
    permit(request, caller, "tokens", None)
    if caller.via == "open":
        # what anybody makes here would still open a server that asks who they are
        raise Forbidden("Nobody is known here.", hint="Use the command line: jobrunner token")
    return schema.readable(house(request).runner.database)
