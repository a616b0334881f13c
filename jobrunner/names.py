"""Names that people give: what is refused in them, and which one was probably meant."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence

from jobrunner.errors import InvalidField

_FORBIDDEN = frozenset({"Cc", "Cs", "Zl", "Zp"})


def fault(name: object, longest: int) -> str | None:
    """Returns what is wrong with ``name``, or None.

    A name is text of at most ``longest`` bytes of UTF-8, not empty, without control characters,
    line separators and lone surrogates, and without white space at its edges.
    """
    if not isinstance(name, str):
        return "is not text"
    if not name.strip():
        return "is empty"
    if any(unicodedata.category(character) in _FORBIDDEN for character in name):
        return "holds a control character or invalid Unicode"
    if name != name.strip():
        return "has white space at its edges"
    if len(name.encode("utf-8")) > longest:
        return f"is longer than {longest} bytes"
    return None


def unstorable(text: object, longest: int | None = None) -> str | None:
    """Returns why no database takes ``text``, or None; ``longest`` counts bytes of UTF-8."""
    if not isinstance(text, str):
        return "is not text"
    if "\0" in text:
        return "holds a NUL character"
    if any("\ud800" <= character <= "\udfff" for character in text):
        return "is not valid Unicode"
    if longest is not None and len(text.encode()) > longest:
        return f"is longer than {longest} bytes"
    return None


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Returns the one of ``known`` that looks most like ``name``, or None when none is near."""
    from difflib import get_close_matches

    plain = {candidate.lower().replace("-", "_"): candidate for candidate in known}
    found = get_close_matches(name.lower().replace("-", "_"), plain, n=1, cutoff=0.6)
    return plain[found[0]] if found else None


def pairs(field: str, given: Sequence[str]) -> dict[str, str]:
    """Returns the names and values of texts like ``name=value``; raises InvalidField naming ``field``."""
    found: dict[str, str] = {}
    for text in given:
        key, equals, value = text.partition("=")
        if not equals or not key.strip():
            raise InvalidField(f"{field} {text!r} is not name=value.", fields={field: "is not name=value"})
        found[key] = value
    return found
