"""JSON as the store keeps it: compact text that means the same to every reader."""

from __future__ import annotations

import json
from typing import Any

from jobrunner.errors import NotEncodable

DEEPEST = 200
_compact = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, separators=(",", ":"), check_circular=False
).encode


def dumps(value: Any) -> str:
    """Returns compact JSON text.

    Raises NotEncodable for NaN and infinities, text with lone surrogates, keys that are not text,
    cycles, more than 200 levels, and every type that JSON does not have.
    """
    _check(value, "", 1)
    text = _compact(value)
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise NotEncodable("holds text that is not valid Unicode (a lone surrogate)") from error
    return text


def shown(value: Any) -> str:
    """Returns a value as a person types it: text as it is, anything else as JSON; raises NotEncodable."""
    return value if isinstance(value, str) else dumps(value)


def loads(text: str | bytes) -> Any:
    """Returns the value of JSON text; raises NotEncodable for text that strict JSON does not allow."""
    try:
        value = json.loads(text, parse_constant=_refuse_constant)
    except RecursionError as error:
        raise NotEncodable(f"is nested more than {DEEPEST} levels deep") from error
    except ValueError as error:
        raise NotEncodable(f"is not JSON: {str(error)[:200]}") from error
    return value


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a JSON number")


def _check(value: Any, path: str, depth: int) -> None:
    if value is None or isinstance(value, str | bool):
        return
    if isinstance(value, int):
        if value.bit_length() > 4096:
            raise _refusal(path, "is an integer of more than 4096 bits")
        return
    if isinstance(value, float):
        if value != value or value in (float("inf"), float("-inf")):
            raise _refusal(path, f"is {value}, which JSON does not have")
        return
    if depth > DEEPEST:
        raise NotEncodable(f"is nested more than {DEEPEST} levels deep")
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                raise _refusal(path, f"has a key that is not text: {key!r}")
            _check(item, f"{path}.{key}"[:200] if path else key[:200], depth + 1)
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            _check(item, f"{path}[{index}]"[:200], depth + 1)
    else:
        raise _refusal(path, f"is of type {type(value).__name__}, which JSON does not have")


def _refusal(path: str, reason: str) -> NotEncodable:
    return NotEncodable(f"{path or 'the value'} {reason}", fields={path: reason})
