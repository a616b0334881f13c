"""JSON from outside, read strictly: what two readers might understand differently is refused."""

from __future__ import annotations

import json
import math
from typing import Any

from jobrunner import jsontext
from jobrunner.errors import InvalidField
from jobrunner.web.faults import TooLarge, WebFault

# the parameters of one of many jobs stand three levels down; how deep they may be, the start says
DEEPEST = jsontext.DEEPEST + 3


class NotJson(WebFault):
    """The body is not JSON."""

    code = "not_json"
    status = 400
    default_hint = "Send one JSON document in UTF-8, without a byte order mark."


def read(body: bytes) -> Any:
    """Returns the value of a JSON document.

    Raises NotJson for what strict JSON does not have (NaN, an infinity, a name twice in one object, a lone
    surrogate, a byte order mark), TooLarge for more levels than parameters may have anywhere.
    """
    try:
        text = body.decode("utf-8")
        if text.startswith("\ufeff"):
            raise NotJson("The body begins with a byte order mark.")
        value = json.loads(
            text, object_pairs_hook=_object, parse_constant=_refuse_constant, parse_float=_finite
        )
    except RecursionError:
        raise _too_deep() from None
    except ValueError as error:
        told = "it is not UTF-8" if isinstance(error, UnicodeError) else str(error)[:200]
        raise NotJson(f"The body is not JSON: {told}.") from None
    _check(value)
    return value


def read_object(body: bytes) -> dict[str, Any]:
    """Returns the object of a JSON document, an empty one for no body at all."""
    value = read(body) if body.strip() else {}
    if not isinstance(value, dict):
        raise InvalidField("The body is not an object.", fields={"body": "is not an object"})
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise NotJson("The body has an object with the same name twice.")
    return found


def _check(value: Any) -> None:
    level, depth = [value], 0
    while level:
        below: list[Any] = []
        for item in level:
            if isinstance(item, str):
                _check_text(item)
                continue
            if not isinstance(item, dict | list):
                continue
            if depth == DEEPEST:
                raise _too_deep()
            if isinstance(item, dict):
                for name in item:
                    _check_text(name)
            below += item.values() if isinstance(item, dict) else item
        level, depth = below, depth + 1


def _check_text(text: str) -> None:
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        raise NotJson("The body has text that is not valid Unicode (a lone surrogate).")


def _finite(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise ValueError("it has a number that no computer keeps as it is")
    return value


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a JSON number")


def _too_deep() -> TooLarge:
    return TooLarge(f"The body is nested more than {DEEPEST} levels deep.")
