"""The command ``doctor``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from jobrunner.cli import exits, output, session
from jobrunner.cli.options import Json, examples
from jobrunner.errors import JobRunnerError

if TYPE_CHECKING:
    from jobrunner.diagnosis import Check

_COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}


@examples("jobrunner doctor", "jobrunner --handlers shop.jobs doctor --json")
def doctor(as_json: Json = False) -> None:
    """Checks that everything here is fit to run jobs, and says how to mend what is not.

    Exits 1 when a check failed; a warning alone exits 0.
    """
    session.needs_database("doctor")
    found = list(_checks())
    failed = any(check.state == "fail" for check in found)
    if as_json:
        output.document({"ok": not failed, "checks": [asdict(check) for check in found]})
    else:
        for check in found:
            state = output.paint(f"{check.state:<5}", _COLOURS[check.state])
            output.put(f"{state} {check.name:<12} {output.visible(check.message)}")
            if check.fix:
                output.put(f"{'':<18} {output.visible(check.fix)}")
    raise typer.Exit(exits.FAILED if failed else exits.DONE)


def _checks() -> Iterator[Check]:
    from jobrunner import diagnosis

    yield from diagnosis.environment()
    try:
        runner = session.local("doctor", handlers=True)
    except JobRunnerError as error:
        yield diagnosis.of_error("settings", error)
        return
    try:
        database = runner.database
    except JobRunnerError as error:
        yield diagnosis.of_error("database", error)
    else:
        yield from diagnosis.store(database)
    yield from diagnosis.timing(runner.settings)
    yield from diagnosis.handlers(runner.settings, runner.import_failures())
