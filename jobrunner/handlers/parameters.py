"""The parameters of a handler: the model that pydantic builds from its signature."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    Secret,
    SecretBytes,
    SecretStr,
    TypeAdapter,
    ValidationError,
    create_model,
)
from pydantic.errors import PydanticUserError
from pydantic.fields import FieldInfo
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaWarningKind
from pydantic_core import to_jsonable_python

from jobrunner import jsontext
from jobrunner.errors import InvalidParams, NotEncodable, PayloadNotEncodable, UnsupportedParameter
from jobrunner.handlers import hints
from jobrunner.names import nearest

Extra = Literal["refuse", "pass", "keep"]
_MASK = str(SecretStr("any"))


class Parameters:
    """What one handler takes.

    ``names`` are its parameters, in order, without the context; ``context_name`` is the parameter
    that receives the context, or None. ``extra`` says what happens to other names: they are
    refused, passed on to ``**keywords``, or kept on the job for ``ctx.params`` only.
    """

    def __init__(
        self,
        declared: Mapping[str, tuple[Any, Any]],
        *,
        title: str,
        context_name: str | None = None,
        extra: Extra = "refuse",
        extra_hint: Any = Any,
        reserved: frozenset[str] = frozenset(),
    ) -> None:
        self.title = title
        self.names = tuple(declared)
        self.context_name = context_name
        self.extra = extra
        self._reserved = reserved
        self._internal = {name: f"parameter_{index}" for index, name in enumerate(declared)}
        for name, (hint, _) in declared.items():
            _refuse_unstorable(name, hint)
        self._model = _build(title, declared, self._internal)
        self._extras: TypeAdapter[dict[str, Any]] | None = None
        if extra != "refuse":
            _refuse_unstorable("**", extra_hint)
            self._extras = TypeAdapter(dict[str, extra_hint], config=ConfigDict(ser_json_inf_nan="constants"))

    def validate(self, params: Mapping[str, Any] | None) -> dict[str, Any]:
        """Returns ``params`` as they are stored: JSON-ready, without those that were not given.

        What is returned is known to bind again. Raises InvalidParams with a reason per field for
        unknown, missing and wrong ones, and PayloadNotEncodable for values that JSON does not have.
        """
        given: Any = {} if params is None else params
        if not isinstance(given, Mapping) or not all(isinstance(key, str) for key in given):
            reason = "is not an object with text keys"
            raise InvalidParams(
                f"The parameters of {self.title}: params {reason}.", fields={"params": reason}
            )
        if any("\ud800" <= character <= "\udfff" for name in given for character in name):
            reason = "has a name that is not valid Unicode"
            raise PayloadNotEncodable(
                f"The parameters of {self.title}: params {reason}.", fields={"params": reason}
            )
        model, extras = self._read(dict(given))
        try:
            stored = self._dumped(model, extras, given)
            text = jsontext.dumps(stored)
        except (NotEncodable, ValueError, RecursionError) as error:
            raise self._unencodable(model, extras, given) from error
        if _MASK in text and _holds_secret([given]):
            raise InvalidParams(
                f"The parameters of {self.title} hold a secret; parameters are stored in the clear."
            )
        self._read_text(text, stored)
        return stored

    def _dumped(self, model: BaseModel, extras: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
        """Returns what was given under ``names``, as JSON has it."""
        own = {self._internal[name] for name in names if name in self._internal}
        stored = model.model_dump(mode="json", by_alias=True, round_trip=True, include=own)
        if self._extras is not None:
            others = {name: value for name, value in extras.items() if name in names}
            stored |= self._extras.dump_python(others, mode="json", by_alias=True, round_trip=True)
        return stored

    def _unencodable(
        self, model: BaseModel, extras: dict[str, Any], given: Mapping[str, Any]
    ) -> PayloadNotEncodable:
        """Returns the error that names each parameter that JSON cannot carry."""
        reasons: dict[str, str] = {}
        for name in given:
            try:
                jsontext.dumps(self._dumped(model, extras, (name,)))
            except (NotEncodable, ValueError, RecursionError) as error:
                reasons[name] = _why_unencodable(name, error)
        told = "; ".join(f"{name} {reason}" for name, reason in reasons.items())
        return PayloadNotEncodable(f"The parameters of {self.title}: {told}.", fields=reasons)

    def bind(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Returns the keyword arguments that stored ``params`` mean, defaults included.

        Raises InvalidParams when they do not fit the signature (any more).
        """
        try:
            text = jsontext.dumps(dict(params))
        except NotEncodable as error:
            raise PayloadNotEncodable(f"The parameters of {self.title}: {error.message}.") from error
        model, extras = self._read_text(text, params)
        bound = {name: getattr(model, internal) for name, internal in self._internal.items()}
        return bound | extras if self.extra == "pass" else bound

    def plain_value(self, params: Mapping[str, Any], name: str) -> Any:
        """Returns one of stored ``params`` as JSON has it, or its default; None when there is none."""
        if name in params or name not in self._internal:
            return params.get(name)
        default = self._model.model_fields[self._internal[name]].get_default(call_default_factory=True)
        return to_jsonable_python(default, fallback=lambda _: [])

    def schema(self) -> dict[str, Any]:
        """Returns the JSON Schema of the parameters, an object."""
        return dict(self._schema)

    @cached_property
    def _schema(self) -> dict[str, Any]:
        schema = self._model.model_json_schema(by_alias=True, schema_generator=_Schema)
        if self._extras is not None:
            items = self._extras.json_schema(schema_generator=_Schema)
            schema["additionalProperties"] = items.get("additionalProperties", True)
            if "$defs" in items:
                schema["$defs"] = items["$defs"] | schema.get("$defs", {})
        return {"type": "object", "properties": {}} | schema

    def _read(self, given: dict[str, Any]) -> tuple[BaseModel, dict[str, Any]]:
        own, extras = self._split(given)
        try:
            return self._model.model_validate(own), self._extras.validate_python(
                extras
            ) if self._extras else {}
        except ValidationError as error:
            first = error
        try:
            # Strict fields take dates and the like as text from JSON only, and that is what HTTP sends.
            return self._read_text(jsontext.dumps(given), given)
        except (NotEncodable, InvalidParams):
            raise self._refusal(first, given) from None

    def _read_text(self, text: str, given: Mapping[str, Any]) -> tuple[BaseModel, dict[str, Any]]:
        own, extras = self._split(dict(given))
        try:
            if self._extras is None:
                return self._model.model_validate_json(text), {}
            model = self._model.model_validate_json(jsontext.dumps(own))
            return model, self._extras.validate_json(jsontext.dumps(extras))
        except ValidationError as error:
            raise self._refusal(error, given) from None

    def _split(self, given: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        if self._extras is None:
            return given, {}
        own = {key: value for key, value in given.items() if key in self._internal or key in self._reserved}
        return own, {key: value for key, value in given.items() if key not in own}

    def _refusal(
        self, error: ValidationError, given: Mapping[str, Any]
    ) -> InvalidParams | PayloadNotEncodable:
        problems = error.errors(include_url=False, include_context=False, include_input=False)
        reasons: dict[str, str] = {}
        for problem in problems:
            field = _path(problem["loc"], problem["type"], given)
            reason = self._reason(problem["type"], problem["msg"], problem["loc"])
            reasons[field] = f"{reasons[field]}; {reason}" if field in reasons else reason
        told = "; ".join(f"{field}: {reason}" for field, reason in reasons.items())
        message = f"The parameters do not fit {self.title}: {told}."
        if any(problem["type"] == "string_unicode" for problem in problems):
            return PayloadNotEncodable(message, fields=reasons)
        return InvalidParams(message, fields=reasons)

    def _reason(self, kind: str, message: str, location: tuple[int | str, ...]) -> str:
        if kind == "missing":
            return "is missing"
        if kind != "extra_forbidden":
            return message[:1].lower() + message[1:]
        near = nearest(str(location[0]), self.names) if len(location) == 1 else None
        return f"is unknown (did you mean {near}?)" if near else "is unknown"


class _Schema(GenerateJsonSchema):
    def render_warning_message(self, kind: JsonSchemaWarningKind, detail: str) -> str | None:
        """Says nothing: a default that JSON cannot show is simply not in the schema."""
        return None


def _build(
    title: str, declared: Mapping[str, tuple[Any, Any]], internal: Mapping[str, str]
) -> type[BaseModel]:
    fields: dict[str, Any] = {}
    for name, (hint, default) in declared.items():
        # Aliases, because a parameter may bear a name that a model cannot, such as schema or _x.
        field = FieldInfo(alias=name, validation_alias=name, serialization_alias=name)
        if isinstance(default, FieldInfo):
            hint = Annotated[hint, default]
        elif default is not inspect.Parameter.empty:
            field = Field(default=default, alias=name, validation_alias=name, serialization_alias=name)
        fields[internal[name]] = (hint, field)
    config = ConfigDict(extra="forbid", title=title, protected_namespaces=(), ser_json_inf_nan="constants")
    try:
        model: type[BaseModel] = create_model("Parameters", __config__=config, **fields)
        model.model_rebuild()
    except (PydanticUserError, TypeError, ValueError, NameError) as error:
        if len(declared) > 1:
            for name, item in declared.items():
                _build(title, {name: item}, internal)
        reason = str(error).splitlines()[0]
        raise unsupported(
            next(iter(declared)), f"has a type that cannot be read from JSON ({reason})"
        ) from error
    return model


def _refuse_unstorable(name: str, hint: Any) -> None:
    reason = hints.why_unstorable(hint)
    if reason is not None:
        raise unsupported(name, reason)


def unsupported(name: str, reason: str) -> UnsupportedParameter:
    """Returns the error that says why parameter ``name`` cannot be one."""
    return UnsupportedParameter(f"Parameter {name} {reason}.", fields={name: reason})


def _why_unencodable(name: str, error: Exception) -> str:
    if not isinstance(error, NotEncodable):
        return f"cannot be written as JSON ({str(error)[:200]})"
    for path, reason in error.fields.items():
        inside = path.removeprefix(name).lstrip(".")
        return f"{reason} (at {inside})" if inside else reason
    return error.message


def _holds(value: Any, part: int | str) -> bool:
    if isinstance(value, list | tuple):
        return isinstance(part, int) and part < len(value)
    return isinstance(value, Mapping) and part in value


def _path(location: tuple[int | str, ...], kind: str, given: Any) -> str:
    parts: list[str] = []
    current = given
    for position, part in enumerate(location):
        if _holds(current, part):
            current = current[part]
        elif not (position == len(location) - 1 and kind == "missing") and parts:
            # pydantic puts the tried member of a union into the location; callers never wrote that name.
            continue
        parts.append(str(part))
    return ".".join(parts)


def _holds_secret(values: Iterable[Any]) -> bool:
    for value in values:
        if isinstance(value, SecretStr | SecretBytes | Secret):
            return True
        if isinstance(value, BaseModel):
            value = dict(value)
        inner = value.values() if isinstance(value, Mapping) else value
        if isinstance(value, Mapping | list | tuple | set | frozenset) and _holds_secret(inner):
            return True
    return False
