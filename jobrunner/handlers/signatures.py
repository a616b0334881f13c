"""From the signature of a handler to its parameters."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from jobrunner.errors import UnsupportedParameter
from jobrunner.handlers import hints
from jobrunner.handlers.parameters import Extra, Parameters, unsupported


def of_function(function: Callable[..., Any], title: str) -> Parameters:
    """Returns the parameters of a handler function.

    The context is the parameter annotated ``JobContext``, or one named ``ctx`` without annotation.
    Raises UnsupportedParameter for ``*args``, positional-only parameters, secrets, and types that
    cannot be resolved or read from JSON.
    """
    return _of(function, title, list(hints.signature_of(function).parameters.values()))


def of_factory(factory: Callable[..., Any], title: str) -> Parameters:
    """Returns the parameters of ``run`` of a handler class, or of the class that a factory says it returns.

    The first parameter is the context when it is not annotated. A ``run(ctx)`` without further
    parameters, and a factory that does not say what it returns, take any JSON object.
    """
    made: Any = factory
    if not isinstance(factory, type):
        returned = hints.signature_of(factory).return_annotation
        try:
            made = hints.resolve("return", returned, hints.namespace_of(factory))
        except UnsupportedParameter:
            made = None
    run = inspect.getattr_static(made, "run", None) if isinstance(made, type) else None
    bare = isinstance(run, staticmethod | classmethod)
    function = run.__func__ if isinstance(run, staticmethod | classmethod) else run
    if not callable(function):
        return Parameters({}, title=title, extra="keep")
    listed = list(hints.signature_of(function).parameters.values())
    owner = [] if isinstance(run, staticmethod) else listed[:1]
    listed = listed[len(owner) :]
    found = _of(
        function, title, listed, first_is_context=True, reserved={item.name for item in owner if not bare}
    )
    if not found.names and found.context_name and found.extra == "refuse":
        return Parameters({}, title=title, context_name=found.context_name, extra="keep")
    return found


def _of(
    function: Callable[..., Any],
    title: str,
    listed: list[inspect.Parameter],
    *,
    first_is_context: bool = False,
    reserved: set[str] | None = None,
) -> Parameters:
    namespace = hints.namespace_of(function)
    declared: dict[str, tuple[Any, Any]] = {}
    context: str | None = None
    extra: Extra = "refuse"
    extra_hint: Any = Any
    for position, item in enumerate(listed):
        annotated = item.annotation is not inspect.Parameter.empty
        if item.kind is inspect.Parameter.VAR_POSITIONAL:
            raise unsupported(item.name, "is *args; parameters are passed by name")
        if item.kind is inspect.Parameter.POSITIONAL_ONLY:
            raise unsupported(item.name, "is positional-only; parameters are passed by name")
        if item.kind is inspect.Parameter.VAR_KEYWORD:
            extra = "pass"
            extra_hint = hints.resolve(item.name, item.annotation, namespace) if annotated else Any
        elif _takes_context(item, annotated, first_is_context and position == 0, namespace):
            if context is not None:
                raise unsupported(item.name, f"is a second context beside {context}")
            context = item.name
        else:
            hint = hints.resolve(item.name, item.annotation, namespace) if annotated else Any
            declared[item.name] = (hint, item.default)
    kept = frozenset((reserved or set()) | ({context} if context else set()))
    return Parameters(
        declared, title=title, context_name=context, extra=extra, extra_hint=extra_hint, reserved=kept
    )


def _takes_context(
    item: inspect.Parameter, annotated: bool, is_first_of_run: bool, namespace: dict[str, Any]
) -> bool:
    if annotated:
        return hints.is_context(item.annotation, namespace)
    return item.default is inspect.Parameter.empty and (item.name == "ctx" or is_first_of_run)
