"""The command ``systemd``: unit files for what is to run as a service."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import Annotated

import typer

from jobrunner import launcher, processes
from jobrunner.cli import output, session
from jobrunner.cli.options import examples
from jobrunner.errors import InvalidField
from jobrunner.settings import Settings

PLACE = Path(__file__).resolve().parent.parent / "systemd"
TO_STORE = 20.0


def names() -> list[str]:
    """Returns the names of the unit files that there are."""
    return sorted(path.name for path in PLACE.iterdir() if path.suffix in (".service", ".timer"))


def unit(name: str, settings: Settings) -> str:
    """Returns a unit file for this interpreter, directory and user; ``name`` is one of ``names``."""
    stop = math.ceil(settings.drain_timeout + settings.stop_grace + TO_STORE)
    found = {
        "@PYTHON@": _quoted(sys.executable),
        "@DIRECTORY@": launcher.directory().replace("%", "%%"),
        "@USER@": processes.login(),
        "@STOP@": str(stop),
    }
    text = (PLACE / name).read_text("ascii")
    for placeholder, value in found.items():
        text = text.replace(placeholder, value)
    return text


@examples(
    "jobrunner systemd",
    "jobrunner systemd jobrunner-work.service > /etc/systemd/system/jobrunner-work.service",
)
def systemd(
    name: Annotated[str | None, typer.Argument(metavar="[UNIT]", help="Print this unit file.")] = None,
) -> None:
    """Prints a systemd unit for this interpreter, directory and user; without a name, the names that there are.

    jobrunner-work.service is a pool, jobrunner-reap.timer and .service sweep where no pool runs, and
    jobrunner-serve.service is the web interface. Settings come from the directory or from /etc/jobrunner.env.
    """
    known = names()
    if name is None:
        for one in known:
            output.put(one)
        output.say(
            "Put one into /etc/systemd/system, then: systemctl daemon-reload, systemctl enable --now NAME."
        )
        return
    if name not in known:
        raise InvalidField(
            f"There is no unit {name!r}.",
            hint=f"Use one of {', '.join(known)}.",
            fields={"unit": "is not known"},
        )
    output.put(unit(name, session.runner().settings).rstrip("\n"))


def _quoted(path: str) -> str:
    escaped = path.replace("%", "%%")
    return f'"{escaped}"' if " " in escaped else escaped
