"""What a handler or a setting says is secret: values, hidden wherever they stand, and names whose values are hidden."""

from __future__ import annotations

import fnmatch
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any
from urllib.parse import quote

HIDDEN = "***"
SHORTEST, LONGEST = 4, 16 * 1024


def spellings(value: object) -> tuple[str, ...]:
    """Returns the texts to look for so that ``value`` is found.

    They are its lines without their blank edges, each as it is and as JSON, ``repr`` and a URL write it; lines of less
    than 4 characters are left out. Raises ValueError, which does not show the value, for what is not text, has more
    than 16,384 characters, or has no line of 4.
    """
    if not isinstance(value, str):
        raise ValueError("the value is not text")
    if len(value) > LONGEST:
        raise ValueError(f"the value has more than {LONGEST} characters")
    lines = [line for part in value.splitlines() if len(line := part.strip()) >= SHORTEST]
    if not lines:
        raise ValueError(f"the value has no line of at least {SHORTEST} characters")
    return tuple(dict.fromkeys(text for line in lines for text in _written(line)))


def _written(line: str) -> Iterator[str]:
    # as output shows it that is no text for a database
    visible = line.replace("\0", "\\x00").encode("utf-8", "backslashreplace").decode()
    yield from (line, visible, repr(line)[1:-1])
    yield from (json.dumps(line, ensure_ascii=ascii_only)[1:-1] for ascii_only in (True, False))
    yield from (quote(line, safe, errors="backslashreplace") for safe in ("/", ""))


def longest_first(secrets: Iterable[str]) -> list[str]:
    """Returns each of ``secrets`` once, so that one which is a part of another comes after it."""
    return sorted(set(secrets), key=len, reverse=True)


def hide(text: str, secrets: Iterable[str]) -> str:
    """Returns ``text`` with ``***`` for each of ``secrets``, which come longest first."""
    for secret in secrets:
        if secret in text:
            text = text.replace(secret, HIDDEN)
    return text


class SecretNames:
    """Patterns of names whose values are secret: as in ``fnmatch``, in capitals or not. False when there are none."""

    def __init__(self, patterns: Sequence[str] = ()) -> None:
        self._match = re.compile("|".join(map(fnmatch.translate, patterns)), re.IGNORECASE).match
        self._patterns = patterns

    def __bool__(self) -> bool:
        return bool(self._patterns)

    def __contains__(self, name: str) -> bool:
        return bool(self._patterns) and self._match(name) is not None

    def within(self, value: Any, path: str = "") -> Iterator[str]:
        """Yields where such names stand in JSON-ready ``value``, at any depth, as in ``auth.tokens.0.key``."""
        for key, item in _items(value):
            here = f"{path}.{key}" if path else str(key)
            if isinstance(key, str) and key in self:
                yield here
            else:
                yield from self.within(item, here)


def _items(value: Any) -> Iterable[tuple[Any, Any]]:
    if isinstance(value, dict):
        return value.items()
    return enumerate(value) if isinstance(value, list | tuple) else ()
