"""What the demonstration asks its reader to type; every command works as it stands, in any POSIX shell."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from pathlib import Path

INDENT = "      "
OURS = ("JOBRUNNER_DATABASE_URL", "JOBRUNNER_HANDLERS", "JOBRUNNER_LAUNCHER")


def program() -> str:
    """Returns how jobrunner is called on the command line, after the preamble."""
    return "jobrunner" if _beside() is not None else f"{shlex.quote(sys.executable)} -m jobrunner"


def preamble(directory: str) -> list[str]:
    """Returns what goes before the first command: the directory, the way to the command, no other store's settings."""
    commands = [f"cd {shlex.quote(directory)}"]
    beside, known = _beside(), shutil.which("jobrunner")
    if beside is not None and (known is None or not os.path.samefile(known, beside)):
        commands.append(f'export PATH={shlex.quote(str(beside.parent))}:"$PATH"')
    foreign = [name for name in OURS if name in os.environ]
    if foreign:
        commands.append(f"unset {' '.join(foreign)}")
    return commands


def groups(directory: str, job: str, type: str) -> list[tuple[str, list[str]]]:
    """Returns words, and the commands that do what they say."""
    run = program()
    return [
        ("Go to the store; the file jobrunner.toml there says where it is.", preamble(directory)),
        (
            "Look at the job again: where it stands, its log, how it came there.",
            [f"{run} status {job}", f"{run} logs {job} -n 5", f"{run} history {job}"],
        ),
        ("Check that nobody changed its rows.", [f"{run} audit verify {job}"]),
        (
            "Start a slower one, look at it, and cancel it.",
            [
                f"id=$({run} start {type} -p pace:=60)",
                f"{run} status $id",
                f"{run} cancel $id --reason 'seen enough' --wait",
                f"{run} history $id",
            ],
        ),
        ("See all jobs, and what else there is.", [f"{run} list", f"{run} --help"]),
    ]


def _beside() -> Path | None:
    """The command that stands beside the running Python, where there is one."""
    found = Path(sys.executable).parent / "jobrunner"
    return found if os.access(found, os.X_OK) else None
