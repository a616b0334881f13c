"""How a handler is declared: ``@job`` for functions, ``register`` for classes."""

from __future__ import annotations

import builtins
import importlib
import inspect
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ParamSpec, Protocol, TypedDict, TypeVar, Unpack, cast

from jobrunner import durations
from jobrunner.durations import Backoff
from jobrunner.errors import InvalidJobType, InvalidTime
from jobrunner.handlers.registry import JobType, Origin, register_type

if TYPE_CHECKING:
    from datetime import datetime

    from jobrunner.models import StartResult

P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)
Duration = str | int | float


class TypeOptions(TypedDict, total=False):
    """What ``job`` and ``register`` take beside the name of the type."""

    title: str | None
    queue: str
    priority: int
    idempotent: bool
    max_attempts: int
    backoff: Backoff | Duration | None
    timeout: Duration | None
    stall_timeout: Duration | None
    lock_key: str | None
    resumable: bool


class StartOptions(TypedDict, total=False):
    """What a start takes beside the parameters."""

    lock_key: str | None
    title: str | None
    queue: str | None
    priority: int | None
    delay: Duration | None
    at: datetime | str | None
    hold: bool
    idempotency_key: str | None
    tags: dict[str, str] | None
    created_by: str | None
    launcher: str | None
    session: Any


class JobFunction(Protocol[P, R_co]):
    """A plain function that is a handler too."""

    __name__: str
    __qualname__: str
    job_type: JobType

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co:
        """Calls the function here and now."""

    def start(self, **params: Any) -> StartResult:
        """Starts a job with these parameters by the default runner."""

    def options(self, **options: Unpack[StartOptions]) -> Starter:
        """Returns a starter that starts with these options."""


class Starter:
    """Starts jobs of one type with given options."""

    def __init__(self, name: str, options: StartOptions) -> None:
        unknown = sorted(set(options) - set(StartOptions.__annotations__))
        if unknown:
            raise TypeError(f"options() has no option {', '.join(unknown)}")
        self._name = name
        self._options = options

    def options(self, **options: Unpack[StartOptions]) -> Starter:
        """Returns a starter that starts with these options."""
        return Starter(self._name, {**self._options, **options})

    def start(self, /, **params: Any) -> StartResult:
        """Starts a job with these parameters by the default runner."""
        # The runner stands above the handlers, so it is looked up when a job is started.
        runner = importlib.import_module("jobrunner.runner").default()
        return cast("StartResult", runner.start(self._name, params, **self._options))


def job(
    type: str,
    *,
    title: str | None = None,
    queue: str = "default",
    priority: int = 0,
    idempotent: bool = False,
    max_attempts: int = 1,
    backoff: Backoff | Duration | None = None,
    timeout: Duration | None = None,
    stall_timeout: Duration | None = None,
    lock_key: str | None = None,
    resumable: bool = False,
) -> Callable[[Callable[P, R]], JobFunction[P, R]]:
    """Makes a function the handler of a job type; it stays the plain function that it is.

    ``type`` is at most 128 bytes, ``queue`` 64. A higher ``priority`` runs first. Durations are seconds
    or text like ``90s``; ``backoff`` is the base of a growing wait, capped at five minutes or at the base
    if that is more. ``lock_key`` is a template with plain ``{parameter}`` fields. ``resumable`` says that the handler
    looks at ``ctx.resume_step`` and itself skips what comes before that step: a job can then be started from the step
    that failed in an earlier one.

    Raises InvalidJobType, UnsupportedParameter, or DuplicateJobType.
    """
    if not isinstance(type, str):
        raise InvalidJobType(
            f"@job takes the name of the type, not {type!r}.",
            hint='Write @job("shop.import") above the function.',
            fields={"type": "is not text"},
        )
    options = TypeOptions(
        title=title,
        queue=queue,
        priority=priority,
        idempotent=idempotent,
        max_attempts=max_attempts,
        backoff=backoff,
        timeout=timeout,
        stall_timeout=stall_timeout,
        lock_key=lock_key,
        resumable=resumable,
    )

    def decorate(function: Callable[P, R]) -> JobFunction[P, R]:
        _refuse_unlike_handler(type, function)
        job_type = _declare(type, function, options, takes_instance=False)
        starter = Starter(type, {})
        attached = {"job_type": job_type, "start": starter.start, "options": starter.options}
        try:
            for name, value in attached.items():
                setattr(function, name, value)
        except AttributeError as error:
            raise InvalidJobType(
                f"{function!r} cannot be a handler.", hint="Wrap it in a function."
            ) from error
        register_type(job_type)
        return cast("JobFunction[P, R]", function)

    return decorate


def register(type: str, factory: Callable[[], Any], **options: Unpack[TypeOptions]) -> JobType:
    """Makes a class, or a function that gives an instance, the handler of a job type.

    The child calls ``factory`` without arguments and then ``run(ctx)`` or ``run(ctx, **params)`` of
    what it gave; whether that works shows at run time. The options are those of ``job``.
    """
    if not callable(factory):
        raise InvalidJobType(f"Job type {type!r}: {factory!r} is neither a class nor a function.")
    if not isinstance(factory, builtins.type) and _wants_arguments(factory):
        raise InvalidJobType(
            f"Job type {type!r}: {factory!r} cannot be called without arguments.",
            hint="A handler function is declared with @job.",
        )
    job_type = _declare(type, factory, options, takes_instance=True)
    register_type(job_type)
    return job_type


def _declare(
    name: str, handler: Callable[..., Any], options: TypeOptions, *, takes_instance: bool
) -> JobType:
    # Only here, because pydantic takes longer to import than all the rest.
    from jobrunner.handlers.signatures import of_factory, of_function

    unknown = sorted(set(options) - set(TypeOptions.__annotations__))
    if unknown:
        raise TypeError(f"a job type has no option {', '.join(unknown)}")
    try:
        backoff = _backoff(options.get("backoff"))
        timeout = _limit(options.get("timeout"), "timeout")
        stall_timeout = _limit(options.get("stall_timeout"), "stall_timeout")
    except InvalidTime as error:
        raise InvalidJobType(
            f"Job type {name!r}: {error.message}", hint=error.hint, fields=error.fields
        ) from error
    description = " ".join((inspect.cleandoc(handler.__doc__ or "")).split("\n\n")[0].split())
    return JobType(
        type=name,
        handler=handler,
        parameters=of_factory(handler, name) if takes_instance else of_function(handler, name),
        origin=_origin(handler),
        title=options.get("title"),
        queue=options.get("queue", "default"),
        priority=options.get("priority", 0),
        idempotent=options.get("idempotent", False),
        max_attempts=options.get("max_attempts", 1),
        backoff=backoff,
        timeout=timeout,
        stall_timeout=stall_timeout,
        lock_key=options.get("lock_key"),
        resumable=options.get("resumable", False),
        takes_instance=takes_instance,
        module=getattr(handler, "__module__", None) or "",
        description=description,
    )


def _backoff(value: Backoff | Duration | None) -> Backoff | None:
    if value is None or isinstance(value, Backoff):
        return value
    base = durations.seconds(value, "backoff")
    return Backoff(base, cap=max(base, Backoff(0).cap))


def _limit(value: Duration | None, field: str) -> float | None:
    if value is None:
        return None
    limit = durations.seconds(value, field)
    if limit <= 0:
        reason = "must be more than 0; leave it out for no limit"
        raise InvalidTime(f"{field} {reason}.", fields={field: reason})
    return limit


def _origin(handler: Callable[..., Any]) -> Origin:
    inner = inspect.unwrap(handler)
    module = sys.modules.get(getattr(inner, "__module__", None) or "")
    spread: dict[str, Any] = getattr(inner, "__globals__", None) or getattr(module, "__dict__", {})
    code = getattr(inner, "__code__", None)
    file = code.co_filename if code else spread.get("__file__") or ""
    name = getattr(inner, "__qualname__", type(inner).__qualname__)
    return Origin(os.path.realpath(file), name, spread, spread.get("__spec__"))


def _refuse_unlike_handler(name: str, function: object) -> None:
    if isinstance(function, type):
        raise InvalidJobType(
            f"Job type {name!r}: {function!r} is a class.", hint="Declare a class with register()."
        )
    if not callable(function):
        raise InvalidJobType(f"Job type {name!r}: {function!r} is no function.")
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise InvalidJobType(
            f"Job type {name!r}: {function!r} is a generator, so calling it would run nothing.",
            hint="Let the handler return, and report progress through the context.",
        )


def _wants_arguments(factory: Callable[..., Any]) -> bool:
    empty = inspect.Parameter.empty
    optional = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    listed = inspect.signature(factory).parameters.values()
    return any(item.default is empty and item.kind not in optional for item in listed)
