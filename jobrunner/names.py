"""Names that people give: what is refused in them, and which one was probably meant."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Self

from jobrunner.errors import InvalidField

Named = Mapping[str, Any] | str | Sequence[str]
"""Names and values: as a mapping, or as one or several texts like ``name=value``."""
TAG_BYTES, VALUE_BYTES = 64, 200
LARGEST = 2**63 - 1
_CONTROL, _SURROGATE = frozenset({"Cc", "Zl", "Zp"}), "Cs"


class Fault(str):
    """What is wrong with a value; ``hint`` says how to mend it."""

    __slots__ = ("hint",)
    hint: str

    def __new__(cls, reason: str, hint: str) -> Self:
        made = super().__new__(cls, reason)
        made.hint = hint
        return made


def hint_of(reason: str | None) -> str | None:
    """Returns how to mend what a ``reason`` says is wrong; None where nothing is known but the reason."""
    return reason.hint if isinstance(reason, Fault) else None


def refuse(field: str, reason: str | None) -> None:
    """Raises InvalidField naming ``field`` when there is a ``reason`` to, with the hint that belongs to it."""
    if reason is not None:
        raise InvalidField(f"{field} {reason}.", hint=hint_of(reason), fields={field: reason})


def whole(field: str, value: object) -> None:
    """Raises InvalidField naming ``field`` for what is no cursor and no count: a whole number that databases can hold."""
    is_whole = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= LARGEST
    refuse(field, None if is_whole else "is not a whole number from 0 up")


NOT_TEXT = Fault("is not text", "Give text.")
NOT_UNICODE = Fault("is not valid Unicode", "Give text that is valid UTF-8.")


def fault(name: object, longest: int) -> str | None:
    """Returns what is wrong with ``name``, or None.

    A name is text of at most ``longest`` bytes of UTF-8, not empty, without control characters,
    line separators and lone surrogates, and without white space at its edges.
    """
    if not isinstance(name, str):
        return NOT_TEXT
    if not name.strip():
        return Fault("is empty", "Give one character at least, or leave it out where it may be.")
    kinds = {unicodedata.category(character) for character in name}
    if _SURROGATE in kinds:
        return NOT_UNICODE
    if kinds & _CONTROL:
        return Fault("holds a control character", "Take out line breaks, tabs and other control characters.")
    if name != name.strip():
        return Fault("has white space at its edges", "Take the white space at its edges away.")
    return _too_long(name, longest)


def unstorable(text: object, longest: int | None = None) -> str | None:
    """Returns why no database takes ``text``, or None; ``longest`` counts bytes of UTF-8."""
    if not isinstance(text, str):
        return NOT_TEXT
    if "\0" in text:
        return Fault("holds a NUL character", "Take the NUL characters out.")
    if any("\ud800" <= character <= "\udfff" for character in text):
        return NOT_UNICODE
    return None if longest is None else _too_long(text, longest)


def trimmed(field: str, value: object, longest: int) -> str | None:
    """Returns ``value`` without blank edges, None for a blank one; raises InvalidField naming ``field``.

    At most ``longest`` bytes of UTF-8, without control characters and lone surrogates.
    """
    if value is None:
        return None
    refuse(field, None if isinstance(value, str) else "is not text")
    text = str(value).strip()
    if not text:
        return None
    refuse(field, fault(text, longest))
    return text


def tags(field: str, given: object) -> dict[str, str]:
    """Returns tags, or labels, without blank edges; raises InvalidField naming ``field`` and the tag.

    A name has at most 64 bytes of UTF-8, a value at most 200; numbers become text.
    """
    if not isinstance(given, Mapping):
        reason = "is not an object of names and values"
        raise InvalidField(f"{field} {reason}.", fields={field: reason})
    found: dict[str, str] = {}
    for name, value in given.items():
        key = trimmed(field, name, TAG_BYTES)
        if key is None:
            raise InvalidField(f"{field} has a blank name.", fields={field: "has a blank name"})
        refuse(field, f"names {key} twice" if key in found else None)
        refuse(f"{field}.{key}", None if isinstance(value, str | int | float) else "is not text")
        found[key] = trimmed(f"{field}.{key}", str(value), VALUE_BYTES) or ""
    return found


def _too_long(text: str, longest: int) -> Fault | None:
    size = len(text.encode())
    if size <= longest:
        return None
    return Fault(f"is longer than {longest} bytes", f"Shorten it to {longest} bytes of UTF-8; it has {size}.")


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Returns the one of ``known`` that looks most like ``name``, or None when none is near."""
    from difflib import get_close_matches

    plain = {candidate.lower().replace("-", "_"): candidate for candidate in known}
    found = get_close_matches(name.lower().replace("-", "_"), plain, n=1, cutoff=0.6)
    return plain[found[0]] if found else None


def pairs(field: str, given: Iterable[str]) -> dict[str, str]:
    """Returns the names and values of texts like ``name=value``; raises InvalidField naming ``field``."""
    found: dict[str, str] = {}
    for text in given:
        key, equals, value = text.partition("=") if isinstance(text, str) else ("", "", "")
        if not equals or not key.strip():
            raise InvalidField(
                f"{field} {text!r} is not name=value.",
                hint="Put = between the name and the value, as in shop=7.",
                fields={field: "is not name=value"},
            )
        if found.setdefault(key, value) != value:
            raise InvalidField(
                f"{field} {key} has two values.",
                hint="Give it once.",
                fields={field: f"{key} has two values"},
            )
    return found


def listed(field: str, given: str | Iterable[str]) -> tuple[str, ...]:
    """Returns one text or several as several; raises InvalidField naming ``field`` for what is neither."""
    if isinstance(given, str):
        return (given,)
    refuse(field, None if isinstance(given, Iterable) else "is neither text nor a list of texts")
    return tuple(given)


def named(field: str, given: Named | None) -> Mapping[str, Any]:
    """Returns names and values however they were given; raises InvalidField naming ``field``."""
    found = (
        given if isinstance(given, Mapping) else pairs(field, listed(field, () if given is None else given))
    )
    refuse(field, None if all(isinstance(name, str) for name in found) else "has a name that is not text")
    return found
