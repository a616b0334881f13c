"""Values of a handler made fit to be written: text that every database takes, and JSON that never fails."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from jobrunner import hiding, jsontext
from jobrunner.errors import NotEncodable

CONTEXT_BYTES = 256 * 1024
_DEEPEST = 40
_MOST = 10_000
_MOST_SECRETS = 1_000
_secrets: list[str] = []


def hide(texts: Iterable[str]) -> None:
    """Hides each of ``texts`` in what this process writes from now on; raises ValueError beyond 1,000 of them."""
    secrets = hiding.longest_first([*_secrets, *texts])
    if len(secrets) > _MOST_SECRETS:
        raise ValueError(f"more than {_MOST_SECRETS} texts were to be hidden in this process")
    _secrets[:] = secrets


@contextmanager
def hiding_until_the_end() -> Iterator[None]:
    """Lets what is hidden inside the ``with`` be seen again after it, in a process that goes on."""
    before = list(_secrets)
    try:
        yield
    finally:
        _secrets[:] = before


def visible(text: str) -> str:
    """Returns ``text`` with lone surrogates and NUL as visible escapes, and without what is hidden here.

    The worker hides the same; here it happens before anything is cut, so no part of a secret stays at an edge.
    """
    if "\0" in text:
        text = text.replace("\0", "\\x00")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        text = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return hiding.hide(text, _secrets)


def as_text(value: object, write: Callable[[object], str] = str) -> str:
    """Returns ``write(value)``, by default ``str(value)``, made visible; never raises an Exception."""
    try:
        return visible(write(value))
    except Exception:
        return f"<unprintable {type(value).__name__}>"


def cut(text: str, most: int) -> str:
    """Returns the longest beginning of ``text`` that has at most ``most`` bytes of UTF-8 and splits no character."""
    if len(text) * 4 <= most:
        return text
    encoded = text.encode("utf-8")
    return text if len(encoded) <= most else encoded[:most].decode("utf-8", "ignore")


def as_json(values: Mapping[str, Any]) -> str | None:
    """Returns ``values`` as JSON text, None when there are none; never raises an Exception.

    What JSON does not know is written as text. More than 256 KiB becomes ``{"truncated": …}`` with
    the beginning of the JSON text.
    """
    if not values:
        return None
    try:
        text = jsontext.dumps(values)
    except (NotEncodable, RuntimeError):
        text = jsontext.dumps(_Writer().writable(values, ()))
    if len(text) > CONTEXT_BYTES // 4 and len(text.encode("utf-8")) > CONTEXT_BYTES:
        text = jsontext.dumps({"truncated": cut(hiding.hide(text, _secrets), CONTEXT_BYTES // 4)})
    return text


class _Writer:
    """Turns one value into what JSON knows, visiting a bounded number of parts."""

    def __init__(self) -> None:
        self._left = _MOST

    def writable(self, value: Any, above: tuple[int, ...]) -> Any:
        self._left -= 1
        if value is None or type(value) is bool:
            return value
        if type(value) is int:
            return value if value.bit_length() <= 4096 else f"<an integer of {value.bit_length()} bits>"
        if type(value) is float:
            return value if math.isfinite(value) else str(value)
        if isinstance(value, str):
            return as_text(value)
        if self._left <= 0 or len(above) > _DEEPEST or id(value) in above:
            return "…"
        try:
            return self._inside(value, (*above, id(value)))
        except Exception:
            return as_text(value, repr)

    def _inside(self, value: Any, above: tuple[int, ...]) -> Any:
        if isinstance(value, Mapping):
            return {as_text(key): self.writable(item, above) for key, item in list(value.items())[:_MOST]}
        if isinstance(value, list | tuple | set | frozenset):
            return [self.writable(item, above) for item in list(value)[:_MOST]]
        # A type that says how to print itself (dates, paths, decimals, UUIDs) is printed; the rest is shown.
        prints = getattr(type(value), "__str__", None) is not object.__str__
        return as_text(value, str if prints and not isinstance(value, bytes | bytearray) else repr)
