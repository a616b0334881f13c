"""Arguments and options that several commands share, and what their values mean."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, TypeVar

import typer

Command = TypeVar("Command", bound=Callable[..., object])

Job = Annotated[
    str, typer.Argument(metavar="ID", help="An id, a uuid, or at least 6 characters of its beginning.")
]
Jobs = Annotated[
    list[str],
    typer.Argument(metavar="ID", help="Ids, uuids, or at least 6 characters of their beginning."),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Ndjson = Annotated[bool, typer.Option("--ndjson", help="Print one JSON object per line.")]
After = Annotated[int, typer.Option("--after", metavar="SEQ", min=0, help="Only what came after this seq.")]
Reason = Annotated[
    str | None, typer.Option("--reason", metavar="TEXT", help="Why; it stands in the job's history.")
]
Timeout = Annotated[
    str | None,
    typer.Option(
        "--timeout", metavar="DURATION", help="Stop waiting after this long (90, 15m); the job goes on."
    ),
]
Since = Annotated[
    str | None,
    typer.Option(
        "--since",
        metavar="TIME",
        help="From this moment on: 10m for ten minutes ago, or ISO 8601 with a zone.",
    ),
]


def examples(*lines: str) -> Callable[[Command], Command]:
    """Marks a command with the examples that its help shows."""

    def mark(command: Command) -> Command:
        command.__dict__["examples"] = lines
        return command

    return mark


def refuse_document(of_a_stream: bool) -> None:
    """Raises InvalidField when --json was asked of what is a stream."""
    from jobrunner.errors import InvalidField

    if of_a_stream:
        raise InvalidField(
            "--json is one document; for a stream use --ndjson.", fields={"json": "is one document"}
        )


def timeout_seconds(value: str | None) -> float | None:
    """Returns the seconds of ``--timeout``; raises InvalidTime."""
    from jobrunner import durations

    return None if value is None else durations.seconds(value, "timeout")


def moment(name: str, value: str | None) -> str | None:
    """Returns the moment that an option means: so long ago, or ISO 8601 with a zone; raises InvalidTime naming it."""
    from jobrunner import durations

    return durations.ago(name, value)


def pairs(name: str, given: list[str] | None) -> dict[str, str]:
    """Returns the names and values of options like ``--tag name=value``; raises InvalidField naming the option."""
    from jobrunner import names

    return names.pairs(name, given or ())
