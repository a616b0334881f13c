"""From a form's fields to parameters and back; what does not parse stays as it was typed, for the one validation.

A field of the form is called by its place: ``p`` and the names on the way to it, with ``/`` between; in a name ``~1`` stands for
``/`` and ``~0`` for ``~``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from jobrunner import jsontext
from jobrunner.errors import NotEncodable
from jobrunner.web.pages.fields import MISSING, Field, beginning, same
from jobrunner.web.pages.values import laid_out

ROOT = "p"
MOST_ITEMS = 200
_WHOLE = re.compile(r"[+-]?\d{1,300}", re.ASCII)
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)


class Broken(str):
    """Text of a JSON field that is no JSON; it goes back into the field as it is."""

    __slots__ = ()


@dataclass
class Filled:
    """Parameters as a form gave them, and what was wrong with the form itself, by dotted path."""

    params: dict[str, Any]
    broken: dict[str, str] = field(default_factory=dict)


Form = Mapping[str, Sequence[str]]


def place(parent: str, name: str | int) -> str:
    """Returns what the form calls a part of ``parent``."""
    return f"{parent}/{str(name).replace('~', '~0').replace('/', '~1')}"


def filled(fields: Sequence[Field], form: Form) -> Filled:
    """Returns the parameters that a form means."""
    found = Filled({})
    found.params = _group(fields, form, ROOT, (), found.broken)
    return found


def _group(
    fields: Sequence[Field], form: Form, at: str, path: tuple[str, ...], broken: dict[str, str]
) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for one in fields:
        value = _value(one, form, place(at, one.name), (*path, one.name), broken)
        if value is not MISSING and (one.required or not same(value, one.default)):
            values[one.name] = value
    return values


def _value(one: Field, form: Form, at: str, path: tuple[str, ...], broken: dict[str, str]) -> Any:
    if f"{at}=" in form:
        # what its own kind could not show was shown as JSON
        return _json(one, form[f"{at}="][-1], path, broken)
    if one.kind == "group":
        if one.optional_group and not form.get(f"{at}?"):
            return _absent(one)
        return _group(one.parts, form, at, path, broken)
    if one.kind == "list":
        return _list(one, form, at, path, broken)
    texts = form.get(at)
    if one.kind == "switch" and not one.nullable:
        return bool(texts) if f"{at}!" in form else MISSING
    if not texts:
        return MISSING
    return _simple(one, texts[-1], path, broken)


def _simple(one: Field, text: str, path: tuple[str, ...], broken: dict[str, str]) -> Any:
    if one.kind == "json" or one.kind == "choice" or one.kind == "switch":
        return _json(one, text, path, broken)
    if one.kind == "text":
        text = text.replace("\r\n", "\n")
        if text or (not one.required and not one.nullable and one.default is not MISSING):
            return text
        return _absent(one)
    stripped = text.strip()
    if not stripped:
        return _absent(one)
    if one.kind == "integer" and _WHOLE.fullmatch(stripped):
        return int(stripped)
    if one.kind == "number" and _NUMBER.fullmatch(stripped):
        return int(stripped) if _WHOLE.fullmatch(stripped) else float(stripped)
    return stripped


def _absent(one: Field) -> Any:
    """Returns what an emptied field means: null where a default would come back otherwise, else nothing."""
    return None if one.nullable and one.default not in (MISSING, None) else MISSING


def _json(one: Field, text: str, path: tuple[str, ...], broken: dict[str, str]) -> Any:
    if not text.strip():
        return _absent(one)
    try:
        return jsontext.loads(text)
    except NotEncodable as error:
        broken[".".join(path)] = error.message
        return Broken(text)


def _list(one: Field, form: Form, at: str, path: tuple[str, ...], broken: dict[str, str]) -> Any:
    assert one.item is not None
    if f"{at}!" not in form:
        return MISSING
    values: list[Any] = []
    for number in sorted({n for key in form if (n := _number_below(key, at)) is not None})[:MOST_ITEMS]:
        value = _value(one.item, form, place(at, number), (*path, str(len(values))), broken)
        values.append(_blank(one.item) if value is MISSING else value)
    return values


def _blank(item: Field) -> Any:
    return {"group": {}, "list": [], "switch": False, "text": ""}.get(item.kind)


def _number_below(key: str, at: str) -> int | None:
    if not key.startswith(f"{at}/"):
        return None
    head = key[len(at) + 1 :].split("/", maxsplit=1)[0].rstrip("!?=")
    return int(head) if head.isdecimal() and len(head) < 9 else None


def as_text(value: Any) -> str:
    """Returns what stands in a field of text for a value."""
    if value is MISSING or value is None:
        return ""
    if isinstance(value, str):
        return value
    return laid_out(value)


def as_json(value: Any) -> str:
    """Returns what stands in a field of JSON for a value."""
    if value is MISSING:
        return ""
    return str(value) if isinstance(value, Broken) else laid_out(value)


def one_line(value: Any) -> str:
    """Returns a value as JSON in one line, as a command line takes it."""
    return json.dumps(value if not isinstance(value, Broken) else {}, separators=(",", ":"))


def has_place(fields: Sequence[Field], path: str) -> bool:
    """True when a fault of this dotted path is told beside a field."""
    level: Sequence[Field] = fields
    one: Field | None = None
    for name in path.split("."):
        if one is not None and one.kind == "list" and name.isdecimal():
            one = one.item
        else:
            one = next((field for field in level if field.name == name), None)
        if one is None:
            return False
        level = one.parts
    return True


def current(one: Field, values: Any) -> Any:
    """Returns the value of a field among the values of its group, or the one it begins with."""
    if isinstance(values, Mapping) and one.name in values:
        return values[one.name]
    return beginning(one)


def fits(one: Field, value: Any) -> bool:
    """True when the field can show the value; otherwise it is shown as JSON."""
    if value is MISSING or isinstance(value, Broken):
        return one.kind != "group" or value is MISSING
    if value is None:
        return one.nullable or one.kind == "json"
    if one.kind == "group":
        return isinstance(value, Mapping) and set(value) <= {part.name for part in one.parts}
    if one.kind == "list":
        return isinstance(value, list) and len(value) <= MOST_ITEMS
    if one.kind == "choice":
        return any(same(value, choice) for choice in one.choices)
    if one.kind == "switch":
        return isinstance(value, bool)
    if isinstance(value, str):
        # a field would lose what it cannot show
        return value.replace("\n", "").isprintable() or value == ""
    return one.kind == "json" or (one.kind != "text" and _is_number(value))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def changed(values: dict[str, Any], fields: Sequence[Field], action: str, at: str) -> None:
    """Adds an item to the list at a place of the form, or removes the one that stands there."""
    names = [part.replace("~1", "/").replace("~0", "~") for part in at.split("/")[1:]]
    last = names.pop() if action == "remove" and names else ""
    target: Any = values
    one: Field | None = None
    level: Sequence[Field] = fields
    for name in names:
        if isinstance(target, list):
            if one is None or one.item is None or not name.isdecimal() or int(name[:9]) >= len(target):
                return
            target, one = target[int(name)], one.item
        else:
            one = next((field for field in level if field.name == name), None)
            if one is None or not isinstance(target, dict):
                return
            target = target.setdefault(name, beginning(one) if one.kind == "group" else [])
        level = one.parts
    if not isinstance(target, list) or one is None or one.item is None:
        return
    if action == "add" and len(target) < MOST_ITEMS:
        begun = beginning(one.item)
        target.append(_blank(one.item) if begun is MISSING else begun)
    elif action == "remove" and last.isdecimal() and int(last[:9]) < len(target):
        del target[int(last)]


def choice_text(value: Any) -> str:
    """Returns what a choice sends for a value."""
    return json.dumps(value)
