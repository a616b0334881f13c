"""The fields of a form, made of the JSON Schema of a job type's parameters."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

DEEPEST = 6
MISSING: Any = object()
_SIMPLE = {"string": "text", "integer": "integer", "number": "number", "boolean": "switch"}
_FORMATS = {"date": "date", "date-time": "moment", "time": "time"}


@dataclass(frozen=True)
class Field:
    """One field; ``kind`` is text, long, integer, number, switch, choice, date, moment, time, group, list or json.

    ``nullable`` fields may be null, ``default`` is MISSING where the schema names none. ``parts`` are those of a
    group, ``item`` is what a list holds, ``choices`` are values of a choice.
    """

    name: str
    kind: str
    label: str
    help: str = ""
    required: bool = False
    nullable: bool = False
    default: Any = MISSING
    low: float | None = None
    high: float | None = None
    longest: int | None = None
    choices: tuple[Any, ...] = ()
    parts: tuple[Field, ...] = ()
    item: Field | None = None

    @property
    def optional_group(self) -> bool:
        """True for a group that need not be given."""
        return self.kind == "group" and (self.nullable or not self.required)


def fields(schema: Mapping[str, Any]) -> tuple[Field, ...]:
    """Returns the fields of an object's schema, in its order."""
    return _parts(schema, schema.get("$defs", {}), 0)


def _parts(schema: Mapping[str, Any], definitions: Mapping[str, Any], depth: int) -> tuple[Field, ...]:
    required = schema.get("required", ())
    return tuple(
        _field(name, part if isinstance(part, Mapping) else {}, definitions, depth, required=name in required)
        for name, part in schema.get("properties", {}).items()
    )


def _field(
    name: str, schema: Mapping[str, Any], definitions: Mapping[str, Any], depth: int, *, required: bool
) -> Field:
    found, nullable = _plain(schema, definitions)
    base = Field(
        name, "json", str(schema.get("title") or name.replace("_", " ").strip().capitalize() or name),
        str(schema.get("description") or found.get("description") or ""), required, nullable,
        schema.get("default", MISSING),
    )  # fmt: skip
    kind = found.get("type")
    if "enum" in found or "const" in found:
        return replace(base, kind="choice", choices=tuple(found.get("enum") or (found["const"],)))
    if depth >= DEEPEST:
        return base
    if kind == "object" and found.get("properties") and not found.get("additionalProperties"):
        return replace(base, kind="group", parts=_parts(found, definitions, depth + 1))
    if kind == "array" and isinstance(found.get("items"), Mapping) and "prefixItems" not in found:
        item = _field("", found["items"], definitions, depth + 1, required=True)
        return replace(base, kind="list", item=item)
    if kind == "string":
        longest = found.get("maxLength")
        named = _FORMATS.get(str(found.get("format")), "text")
        return replace(base, kind=named, longest=longest if isinstance(longest, int) else None)
    if kind in _SIMPLE:
        low, high = found.get("minimum"), found.get("maximum")
        return replace(base, kind=_SIMPLE[kind], low=low, high=high)
    return base


def _plain(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> tuple[Mapping[str, Any], bool]:
    """Returns a schema with its references followed, and whether null is allowed beside it."""
    nullable = False
    for _ in range(DEEPEST * 4):
        if "$ref" in schema:
            target = definitions.get(str(schema["$ref"]).removeprefix("#/$defs/"))
            if not isinstance(target, Mapping):
                return {}, nullable
            schema = {**target, **{key: value for key, value in schema.items() if key != "$ref"}}
            continue
        several = schema.get("anyOf") or schema.get("oneOf")
        if several:
            others = [one for one in several if one.get("type") != "null"]
            nullable = nullable or len(others) < len(several)
            if len(others) != 1:
                return {}, nullable
            schema = others[0]
            continue
        if len(schema.get("allOf", ())) == 1:
            schema = {**schema["allOf"][0], **{key: value for key, value in schema.items() if key != "allOf"}}
            continue
        return schema, nullable
    return {}, nullable


def beginning(field: Field) -> Any:
    """Returns the value with which a field that has none yet begins."""
    if field.default is not MISSING:
        return field.default
    if field.kind == "group":
        begun = {part.name: beginning(part) for part in field.parts if part.required}
        return {name: value for name, value in begun.items() if value is not MISSING}
    if field.kind == "list":
        return []
    if field.kind == "switch":
        return False
    return MISSING


def same(left: Any, right: Any) -> bool:
    """True when two values are the same JSON: 1 is not true, and 1 is not 1.0."""
    if left is MISSING or right is MISSING:
        return left is right
    return json.dumps(left, sort_keys=True) == json.dumps(right, sort_keys=True)
