"""The group ``token``: who may use HTTP."""

from __future__ import annotations

from typing import Annotated

import typer

from jobrunner.cli import output, session
from jobrunner.cli.options import Json, examples
from jobrunner.processes import login

Name = Annotated[
    str, typer.Argument(metavar="NAME", help="Whose it is, or for what; it stands in the ledger.")
]


@examples("jobrunner token create auditor", "jobrunner token create deploy --scope operate --expires 30d")
def create(
    name: Name,
    scope: Annotated[
        str, typer.Option("--scope", metavar="SCOPE", help="read, operate (starts and verbs) or admin.")
    ] = "read",
    expires: Annotated[
        str | None, typer.Option("--expires", metavar="DURATION", help="Good for this long (30d, 12h).")
    ] = None,
    as_json: Json = False,
) -> None:
    """Makes a token and prints it. This is the only time that it is seen: what is stored is its SHA-256."""
    from jobrunner.operations import tokens
    from jobrunner.store import schema

    database = schema.ensure(session.local("token create").database)
    made = tokens.create(database, name, scope=scope, expires=expires, created_by=login())
    if as_json:
        return output.document(made)
    until = f" until {made.expires_at[:19]}Z" if made.expires_at else ""
    output.say(f"{output.visible(made.name)} may {made.scope}{until}. Keep the token: it is not shown again.")
    output.put(made.token)
    return None


@examples("jobrunner token list", "jobrunner token list --json")
def list_tokens(as_json: Json = False) -> None:
    """Lists the tokens, those that expired or were revoked too; never the tokens themselves."""
    from jobrunner.operations import tokens
    from jobrunner.store import schema

    found = tokens.every(schema.readable(session.local("token list").database))
    if as_json:
        return output.document({"tokens": found})
    rows = [
        (one.name, one.scope, one.state, one.created_by, one.created_at, one.expires_at, one.last_used_at)
        for one in found
    ]
    output.table(("name", "scope", "state", "by", "created", "expires", "used"), rows)
    return None


@examples("jobrunner token revoke auditor")
def revoke(name: Name, as_json: Json = False) -> None:
    """Ends a token at once, and every session that was opened with it."""
    from jobrunner.operations import tokens
    from jobrunner.store import schema

    ended = tokens.revoke(schema.readable(session.local("token revoke").database), name)
    if as_json:
        return output.document(ended)
    output.say(f"{output.visible(ended.name)} is revoked.")
    return None
