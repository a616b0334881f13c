"""The group ``db``: create, check and print the tables."""

from __future__ import annotations

from typing import Annotated

import typer

from jobrunner.cli import exits, output, session
from jobrunner.cli.options import Json, examples
from jobrunner.errors import InvalidField

DIALECTS = ("sqlite", "mysql", "mariadb", "postgresql")


@examples("jobrunner db init", "jobrunner --database-url postgresql://app@db/app db init")
def init(as_json: Json = False) -> None:
    """Creates the tables and loads the seeds; what is there already stays as it is."""
    from jobrunner.version import SCHEMA_VERSION

    runner = session.local("db init")
    runner.init_db()
    where = runner.database.where
    if as_json:
        return output.document({"database": where, "schema_version": SCHEMA_VERSION})
    return output.say(f"The tables of {where} stand, version {SCHEMA_VERSION}.")


@examples("jobrunner db check", "jobrunner db check --json")
def check(as_json: Json = False) -> None:
    """Names every difference between the tables and what this version expects; exits 1 when there is one."""
    runner = session.local("db check")
    found = runner.check_db()
    if as_json:
        output.document({"database": runner.database.where, "differences": found})
    else:
        for difference in found:
            output.put(output.visible(difference))
        if not found:
            output.say(f"The tables of {runner.database.where} are as they should be.")
    raise typer.Exit(exits.FAILED if found else exits.DONE)


@examples("jobrunner db schema --dialect mysql > schema.sql", "jobrunner db schema --dialect postgresql")
def schema(
    dialect: Annotated[
        str | None,
        typer.Option(
            "--dialect", metavar="NAME", help="sqlite, mysql or postgresql; by default the database's."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Prints the tables as SQL, without touching a database."""
    from jobrunner.store import ddl

    if dialect is not None and dialect not in DIALECTS:
        raise InvalidField(
            f"There is no dialect {dialect!r}.",
            hint=f"Use one of {', '.join(DIALECTS)}.",
            fields={"dialect": "is not known"},
        )
    name = dialect or session.local("db schema without --dialect").database.dialect.name
    script = ddl.script(name)
    if as_json:
        output.document({"dialect": name, "sql": script})
    else:
        output.put(script.rstrip("\n"))
