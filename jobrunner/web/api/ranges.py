"""A part of a text that is made while it is sent: ``Range: bytes=…`` in constant memory."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from starlette.responses import Response, StreamingResponse

from jobrunner.web.faults import WebFault

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)
# a part of at most this size is cut out in one go, and needs no look at what comes after it
HELD = 1024**2
Pieces = Callable[[], Iterator[bytes]]


class OutOfRange(WebFault):
    """The range lies outside of the text."""

    code = "range_not_satisfiable"
    status = 416


@dataclass(frozen=True)
class Span:
    """A part that is asked for: from ``first`` to ``last`` and including it, or with ``first`` None the last ``last``."""

    first: int | None
    last: int | None


def asked(header: str | None, conditional: str | None) -> Span | None:
    """Returns the part that a request wants, None for all of it: also for several parts at once, for what is no
    range, and for one with If-Range, since nothing here has a validator."""
    match = _RANGE.fullmatch((header or "").strip().replace(" ", ""))
    if match is None or conditional is not None or not (match[1] or match[2]):
        return None
    first = int(match[1]) if match[1] else None
    last = int(match[2]) if match[2] else None
    return None if first is not None and last is not None and last < first else Span(first, last)


def part(make: Pieces, span: Span, media_type: str, headers: dict[str, str]) -> Response:
    """Returns a part of what ``make`` yields: status 206. Raises OutOfRange for one that there is not."""
    if span.first is not None and span.last is not None and span.last - span.first < HELD:
        return _small(make, span.first, span.last, media_type, headers)
    size = sum(map(len, make()))
    first = span.first if span.first is not None else max(0, size - (span.last or 0))
    last = size - 1 if span.first is None or span.last is None else min(span.last, size - 1)
    if first >= size:
        raise _outside(size)
    told = headers | {
        "Content-Range": f"bytes {first}-{last}/{size}",
        "Content-Length": str(last - first + 1),
    }
    return StreamingResponse(_cut(make(), first, last), 206, told, media_type)


def _small(make: Pieces, first: int, last: int, media_type: str, headers: dict[str, str]) -> Response:
    held, at, ended = bytearray(), 0, True
    for piece in make():
        held += piece[max(0, first - at) : max(0, last + 1 - at)]
        at += len(piece)
        if at > last + 1:
            ended = False
            break
    if not held:
        raise _outside(at)
    told = headers | {"Content-Range": f"bytes {first}-{first + len(held) - 1}/{at if ended else '*'}"}
    return Response(bytes(held), 206, told, media_type)


def _cut(pieces: Iterator[bytes], first: int, last: int) -> Iterator[bytes]:
    at = 0
    for piece in pieces:
        kept = piece[max(0, first - at) : max(0, last + 1 - at)]
        at += len(piece)
        if kept:
            yield kept
        if at > last:
            return


def _outside(size: int) -> OutOfRange:
    return OutOfRange(f"There are {size} bytes.", headers={"Content-Range": f"bytes */{size}"})
