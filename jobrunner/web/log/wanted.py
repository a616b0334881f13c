"""Which lines a request wants: one set of names for the viewer, the plain page and the downloads."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends

from jobrunner import names
from jobrunner.errors import InvalidField
from jobrunner.store.loglines import Wanted
from jobrunner.store.views import LARGEST_ID, LEVELS, STREAMS

LONGEST = 200
HIGHEST_ATTEMPT = 2**31 - 1


def wanted(
    level: str = "", stream: str = "", step: str = "", attempt: str = "", logger: str = "", grep: str = "",
    icase: str = "",
) -> Wanted:  # fmt: skip
    """Returns what the query asks for; what is empty asks for nothing. Raises InvalidField."""
    _one_of("level", level, LEVELS)
    _one_of("stream", stream, STREAMS)
    for name, value in (("step", step), ("logger", logger), ("grep", grep)):
        fault = names.unstorable(value, 4 * LONGEST if name == "grep" else 255)
        if fault is None and name == "grep" and len(value) > LONGEST:
            fault = f"is longer than {LONGEST} characters"
        if fault is not None:
            raise InvalidField(f"{name} {fault}.", fields={name: fault})
    return Wanted(
        level=level or None,
        stream=stream or None,
        step=step or None,
        attempt=whole("attempt", attempt, HIGHEST_ATTEMPT),
        logger=logger or None,
        grep=grep or None,
        icase=bool(grep) and icase not in ("", "0", "false"),
    )


WantedLines = Annotated[Wanted, Depends(wanted)]


def whole(name: str, value: str, most: int = LARGEST_ID) -> int | None:
    """Returns a number of a query, or None for an empty one; raises InvalidField."""
    if not value:
        return None
    if not (value.isascii() and value.isdigit() and len(value) < 20 and int(value) <= most):
        fault = "is not a whole number from 0 up"
        raise InvalidField(f"{name} {fault}.", fields={name: fault})
    return int(value)


def asking(lines: Wanted) -> dict[str, str | int]:
    """Returns the parameters of a query that asks for these lines."""
    named = {name: getattr(lines, name) for name in ("level", "stream", "step", "attempt", "logger", "grep")}
    given = {name: value for name, value in named.items() if value is not None}
    return given | ({"icase": 1} if lines.icase else {})


def _one_of(name: str, value: str, known: tuple[str, ...]) -> None:
    if value and value not in known:
        raise InvalidField(f"There is no {name} {value!r}.", fields={name: f"is none of {', '.join(known)}"})
