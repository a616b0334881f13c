"""The parameters of a job as they are typed: ``-p key=value``, ``-p key:=JSON`` and ``--params``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from jobrunner import jsontext
from jobrunner.errors import InvalidParams, NotEncodable

_ONE, _ALL = "-p", "--params"
HINT = (
    "Use -p key=value for text, -p key:=JSON for anything else, or --params with a JSON object, @FILE or -."
)


def parameters(singles: Sequence[str], objects: Sequence[str], arguments: Sequence[str]) -> dict[str, Any]:
    """Returns the parameters that ``-p`` and ``--params`` give together; the later one wins.

    ``arguments`` is the command line, which alone knows the order between the two. Raises
    InvalidParams, naming what cannot be read.
    """
    found: dict[str, Any] = {}
    left = {_ONE: list(singles), _ALL: list(objects)}
    for option in _order(arguments, len(singles), len(objects)):
        text = left[option].pop(0)
        if option == _ALL:
            found |= _object(text)
        else:
            key, value = _single(text)
            found[key] = value
    return found


def _order(arguments: Sequence[str], singles: int, objects: int) -> list[str]:
    order: list[str] = []
    words = iter(arguments)
    for word in words:
        if word == "--":
            break
        if word in (_ONE, "--param", _ALL):
            order.append(_ALL if word == _ALL else _ONE)
            next(words, None)
        elif word.startswith((_ALL + "=", "--param=")):
            order.append(_ALL if word.startswith(_ALL) else _ONE)
        elif word.startswith(_ONE) and not word.startswith("--"):
            order.append(_ONE)
    if order.count(_ONE) == singles and order.count(_ALL) == objects:
        return order
    # An option's value that looks like one of these hides the order; the single ones then come last.
    return [_ALL] * objects + [_ONE] * singles


def _single(text: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    is_json = key.endswith(":")
    key = key.removesuffix(":")
    if not equals or not key:
        shown = text.encode("utf-8", "backslashreplace").decode()[:80]
        raise InvalidParams(
            f"-p {shown!r} is neither key=value nor key:=JSON.",
            hint=HINT,
            fields={"params": "is neither key=value nor key:=JSON"},
        )
    if not is_json:
        return key, value
    try:
        return key, jsontext.loads(value)
    except NotEncodable as error:
        raise InvalidParams(f"-p {key}:= {error.message}.", hint=HINT, fields={key: error.message}) from None


def _object(text: str) -> dict[str, Any]:
    try:
        found = jsontext.loads(_read(text))
    except NotEncodable as error:
        raise _unreadable(error.message) from None
    if not isinstance(found, dict):
        raise _unreadable("is not a JSON object")
    return found


def _read(text: str) -> str:
    try:
        if text == "-":
            raw = sys.stdin.buffer.read() if sys.stdin is not None else b""
        elif text.startswith("@"):
            with open(text[1:], "rb") as file:
                raw = file.read()
        else:
            # what was no UTF-8 in argv came as lone surrogates
            raw = text.encode("utf-8", "surrogateescape")
        return raw.decode("utf-8")
    except UnicodeError:
        raise _unreadable("is not UTF-8") from None
    except (OSError, ValueError) as error:
        raise _unreadable(
            f"cannot be read from {text}: {getattr(error, 'strerror', None) or error}"
        ) from None


def _unreadable(reason: str) -> InvalidParams:
    return InvalidParams(f"--params {reason}.", hint=HINT, fields={"params": reason})
