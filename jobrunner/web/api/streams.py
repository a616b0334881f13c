"""Long answers in pieces of a sensible size."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator

NDJSON = "application/x-ndjson"
GZIP = "application/gzip"
PIECE = 64 * 1024


def bundled(texts: Iterable[str]) -> Iterator[bytes]:
    """Yields texts in UTF-8, many at a time; what is no valid Unicode is shown in escapes."""
    held: list[str] = []
    size = 0
    for text in texts:
        held.append(text)
        size += len(text)
        if size >= PIECE:
            yield "".join(held).encode("utf-8", "backslashreplace")
            held, size = [], 0
    if held:
        yield "".join(held).encode("utf-8", "backslashreplace")


def packed(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yields the pieces as one gzip file, in constant memory; the same bytes for the same pieces."""
    packing = zlib.compressobj(level=6, wbits=16 + zlib.MAX_WBITS)
    for piece in pieces:
        yield packing.compress(piece)
    yield packing.flush()
