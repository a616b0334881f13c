"""Which lines a request wants: one set of names for the viewer, the plain page and the downloads."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, Request

from jobrunner import names
from jobrunner.errors import InvalidField
from jobrunner.store.loglines import Wanted
from jobrunner.store.views import LARGEST_ID, LEVELS, STREAMS
from jobrunner.web.expression import Expression
from jobrunner.web.scanning import scan

LONGEST = 200
HIGHEST_ATTEMPT = 2**31 - 1


async def wanted(
    request: Request, level: str = "", stream: str = "", step: str = "", attempt: str = "", logger: str = "",
    grep: str = "", icase: str = "", regex: str = "",
) -> AsyncIterator[Wanted]:  # fmt: skip
    """Gives what the query asks for, when it is its turn; what is empty asks for nothing. Raises InvalidField."""
    _one_of("level", level, LEVELS)
    _one_of("stream", stream, STREAMS)
    for name, value in (("step", step), ("logger", logger)):
        _storable(name, value, 255)
    expression = sought("grep", grep, icase, regex)
    asked = Wanted(
        level=level or None,
        stream=stream or None,
        step=step or None,
        attempt=whole("attempt", attempt, HIGHEST_ATTEMPT),
        logger=logger or None,
        grep=grep or None,
        icase=bool(grep) and _yes(icase),
        regex=bool(grep) and _yes(regex),
        match=expression.among if expression is not None and _yes(regex) else None,
    )
    async with scan(request, asked) as lines:
        yield lines


WantedLines = Annotated[Wanted, Depends(wanted)]


def sought(name: str, text: str, icase: str, regex: str) -> Expression | None:
    """Returns what is looked for, None for an empty text; raises InvalidField."""
    _storable(name, text, 4 * LONGEST)
    if len(text) > LONGEST:
        fault = f"is longer than {LONGEST} characters"
        raise InvalidField(f"{name} {fault}.", fields={name: fault})
    return Expression(text, icase=_yes(icase), regex=_yes(regex), field=name) if text else None


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
    return given | {name: 1 for name in ("icase", "regex") if getattr(lines, name)}


def _yes(value: str) -> bool:
    return value not in ("", "0", "false")


def _storable(name: str, value: str, most: int) -> None:
    fault = names.unstorable(value, most)
    if fault is not None:
        raise InvalidField(f"{name} {fault}.", fields={name: fault})


def _one_of(name: str, value: str, known: tuple[str, ...]) -> None:
    if value and value not in known:
        raise InvalidField(f"There is no {name} {value!r}.", fields={name: f"is none of {', '.join(known)}"})
