"""The command ``demo``."""

from __future__ import annotations

from typing import Annotated

import typer

from jobrunner.cli import output, session
from jobrunner.cli.options import examples


@examples("jobrunner demo", "jobrunner demo ~/Documents")
def demo(
    path: Annotated[
        str | None, typer.Argument(metavar="[PATH]", help="A directory; by default Python's own library.")
    ] = None,
) -> None:
    """Runs a real job, which indexes a directory tree, and shows its log, its history and its verified ledger."""
    session.needs_database("demo")
    from jobrunner.demo import run

    output.flush()
    raise typer.Exit(run(path))
