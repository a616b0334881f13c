"""What the annotations of a handler say: real types, the context parameter, and what JSON cannot carry."""

from __future__ import annotations

import collections.abc
import dataclasses
import functools
import inspect
import re
import sys
import types
import typing
from collections.abc import Callable, Iterator
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, Secret, SecretBytes, SecretStr

from jobrunner.errors import InvalidJobType, UnsupportedParameter

_CONTEXT_TEXT = re.compile(r"(?:[\w.]*\bOptional\[)?(?:\w+\.)*JobContext\]?(?:\s*\|\s*None)?")
_SECRETS = (SecretStr, SecretBytes, Secret)


def signature_of(function: Callable[..., Any]) -> inspect.Signature:
    """Returns the signature of ``function`` with its annotations as they were written.

    Raises InvalidJobType for what has none, as some callables written in C.
    """
    try:
        if sys.version_info >= (3, 14):
            import annotationlib

            return inspect.signature(function, annotation_format=annotationlib.Format.FORWARDREF)
        return inspect.signature(function)
    except (TypeError, ValueError) as error:
        raise InvalidJobType(f"{function!r} has no signature that can be read.") from error


def namespace_of(function: Callable[..., Any]) -> dict[str, Any]:
    """Returns the globals that the annotations of ``function`` are read in."""
    inner: Any = function
    while True:
        outer, inner = inner, inspect.unwrap(inner)
        inner = inner.func if isinstance(inner, functools.partial) else getattr(inner, "__func__", inner)
        if inner is outer:
            break
    if not hasattr(inner, "__globals__"):
        inner = vars(type(inner)).get("__call__")
    found: dict[str, Any] = getattr(inner, "__globals__", {})
    return found


def resolve(name: str, annotation: Any, namespace: dict[str, Any]) -> Any:
    """Returns the type that ``annotation`` means, ``Annotated`` kept.

    Raises UnsupportedParameter, naming the parameter, when it cannot be resolved at run time.
    """

    def carrier() -> None: ...

    carrier.__annotations__ = {name: annotation}
    try:
        return typing.get_type_hints(carrier, globalns=namespace, include_extras=True)[name]
    except Exception as error:
        reason = f"its annotation cannot be resolved ({error})"
        raise UnsupportedParameter(
            f"Parameter {name}: {reason}.",
            hint="Import the type at run time, outside TYPE_CHECKING, and before the handler.",
            fields={name: reason},
        ) from error


def is_context(annotation: Any, namespace: dict[str, Any]) -> bool:
    """True when ``annotation`` asks for the job's context.

    The class is known by its attribute ``__jobrunner_context__ = True``, also within ``Annotated``
    and beside None. Text that ends in ``JobContext`` and cannot be resolved counts too, because
    the name is often imported under TYPE_CHECKING only.
    """
    text = getattr(annotation, "__forward_arg__", annotation)
    if isinstance(text, str):
        try:
            annotation = resolve("context", annotation, namespace)
        except UnsupportedParameter:
            return _CONTEXT_TEXT.fullmatch(text.strip()) is not None
    if get_origin(annotation) is Annotated:
        return is_context(get_args(annotation)[0], namespace)
    if get_origin(annotation) in (Union, types.UnionType):
        return any(is_context(part, namespace) for part in get_args(annotation))
    return isinstance(annotation, type) and getattr(annotation, "__jobrunner_context__", None) is True


def why_unstorable(hint: Any) -> str | None:
    """Returns why a value of this type cannot be kept as a parameter, or None.

    Looks into containers, unions, models, dataclasses and typed dictionaries.
    """
    seen: list[Any] = []
    waiting = [hint]
    while waiting:
        current = waiting.pop()
        if any(current is known for known in seen):
            continue
        seen.append(current)
        kind = get_origin(current) or current
        if kind is collections.abc.Callable:
            return "is a callable, which JSON cannot carry"
        if isinstance(kind, type) and issubclass(kind, _SECRETS):
            return f"holds a {kind.__name__}, and parameters are stored in the clear"
        waiting.extend(_parts(current, kind))
    return None


def _parts(hint: Any, kind: Any) -> Iterator[Any]:
    if kind is Literal:
        return
    if kind is Annotated:
        yield get_args(hint)[0]
        return
    yield from get_args(hint)
    for attribute in ("__value__", "__supertype__"):
        if hasattr(kind, attribute):
            yield getattr(kind, attribute)
    if not isinstance(kind, type):
        return
    if issubclass(kind, BaseModel):
        yield from (field.annotation for field in kind.model_fields.values())
    elif dataclasses.is_dataclass(kind) or typing.is_typeddict(kind) or hasattr(kind, "_fields"):
        try:
            yield from typing.get_type_hints(kind).values()
        except NameError:
            return
