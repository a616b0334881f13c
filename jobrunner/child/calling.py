"""From an order to its outcome: find the handler, bind its parameters, call it, encode its result."""

from __future__ import annotations

import contextvars
import inspect
from collections.abc import Callable, Collection, Coroutine, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from jobrunner import jsontext
from jobrunner.child import plain
from jobrunner.child.context import JobContext
from jobrunner.child.failures import MESSAGE_BYTES, describe, is_cancel
from jobrunner.errors import BadInput, BadRegistration, HandlerNotRegistered, NotEncodable

if TYPE_CHECKING:
    from jobrunner.handlers.discovery import ImportFailure
    from jobrunner.handlers.registry import JobType

Invoke = Callable[[Callable[[], Any]], Any]
OnStart = Callable[[Callable[[], None]], None]


class _Refused(Exception):
    """The handler was not called, or its result not taken; ``told`` is the rest of the ``done`` frame."""

    def __init__(self, reason: str, error_class: str, message: str, traceback: str | None = None) -> None:
        super().__init__(message)
        message = plain.cut(plain.visible(message), MESSAGE_BYTES)
        self.told = {
            "error_class": error_class,
            "reason_code": reason,
            "message": message,
            "traceback": traceback,
        }


def perform(
    context: JobContext,
    *,
    failures: Sequence[ImportFailure] = (),
    result_max_bytes: int = 1024**2,
    invoke: Invoke | None = None,
) -> dict[str, Any]:
    """Runs the handler of ``context`` and returns the ``done`` frame that says how it ended; never raises.

    A job that was asked to end already ends as cancelled without a call. ``invoke`` makes the call
    into the user's code; by default a coroutine is run to its end in an event loop of its own.
    """
    try:
        if context.cancel_requested:
            return {"kind": "done", "outcome": "cancelled"}
        job_type = _find(context.type, failures)
        value = (invoke or run_to_end)(_prepared(job_type, context))
        try:
            return {"kind": "done", "outcome": "returned", "result": encode(value, result_max_bytes)}
        except _Refused as refused:
            # it has returned all the same: what it returned does not decide once it was asked to end
            return {"kind": "done", "outcome": "returned"} | refused.told
    except _Refused as refused:
        return {"kind": "done", "outcome": "raised"} | refused.told
    except BaseException as error:
        if is_cancel(error, of_asyncio=context.cancel_requested):
            return {"kind": "done", "outcome": "cancelled"}
        return {"kind": "done", "outcome": "raised"} | describe(error)


def rehearse() -> None:
    """Works out what calls of the registered handlers need, so that forks of this process find it done."""
    from jobrunner.handlers import registry

    for job_type in registry.all_types():
        parameters = job_type.parameters
        if not job_type.takes_instance:
            _known_misfit(job_type.handler, frozenset({*parameters.names, parameters.context_name} - {None}))


def run_to_end(body: Callable[[], Any], on_start: OnStart | None = None) -> Any:
    """Returns what ``body`` returns; a coroutine is awaited in an event loop of its own.

    ``on_start`` receives a function that cancels the coroutine, safe in any thread and in signal handlers.
    """
    value = body()
    return _awaited(value, on_start) if inspect.iscoroutine(value) else value


def encode(value: Any, most: int) -> str | None:
    """Returns a handler's result as JSON text, None for None; ``most`` is its limit in bytes."""
    if value is None:
        return None
    kind = type(value).__name__
    try:
        # A pydantic model is known by its marks, so that children without pydantic need not import it.
        if hasattr(type(value), "__pydantic_validator__") and callable(getattr(value, "model_dump", None)):
            value = value.model_dump(mode="json")
        if not isinstance(value, dict):
            raise NotEncodable("a result is a dict, a pydantic model or None")
        text = jsontext.dumps(value)
        size = len(text.encode("utf-8"))
    except Exception as error:
        detail = error.message if isinstance(error, NotEncodable) else describe(error)["message"]
        message = f"The result, of type {kind}, cannot be kept as a JSON object: {detail}."
        raise _Refused("result_not_encodable", "ResultNotEncodable", message) from error
    if size > most:
        message = f"The result has {size} bytes of JSON, more than result_max_bytes ({most})."
        raise _Refused("result_too_large", "ResultTooLarge", message)
    return text


def _find(type: str, failures: Sequence[ImportFailure]) -> JobType:
    from jobrunner.handlers import registry

    try:
        return registry.get(type)
    except HandlerNotRegistered as error:
        if not failures:
            hint = f" {error.hint}" if error.hint else ""
            raise _Refused(error.code, "HandlerNotRegistered", f"{error.message}{hint}") from None
        told = "; ".join(f"{one.module}: {one.error_class}: {one.message}" for one in failures)
        tracebacks = "\n".join(one.traceback for one in failures if one.traceback)
        message = f"{error.message} These modules could not be imported: {told}"
        raise _Refused(
            "handler_import_failed", failures[0].error_class, message, tracebacks or None
        ) from None


def _prepared(job_type: JobType, context: JobContext) -> Callable[[], Any]:
    if not job_type.takes_instance:
        keywords = _bound(job_type.parameters, context)
        _refuse(job_type, _known_misfit(job_type.handler, frozenset(keywords)))
        return lambda: job_type.handler(**keywords)
    if job_type.parameters.names:
        _bound(job_type.parameters, context)
    return lambda: _run_instance(job_type, context)


def _run_instance(job_type: JobType, context: JobContext) -> Any:
    from jobrunner.handlers import signatures

    try:
        instance = job_type.handler()
    except Exception as error:
        raise _refused("handler_instantiation_failed", error) from error
    run = getattr(instance, "run", None)
    if not callable(run):
        message = f"What {job_type.handler!r} returned ({type(instance).__name__}) has no method run."
        raise _Refused("handler_contract_mismatch", "TypeError", message)
    parameters = job_type.parameters
    if parameters.context_name is None and not parameters.names:
        # A factory that does not say what it returns: only the instance knows its signature.
        try:
            parameters = signatures.of_factory(type(instance), job_type.type)
        except BadRegistration as error:
            raise _refused("handler_contract_mismatch", error) from error
    keywords = _bound(parameters, context)
    _refuse(job_type, _misfit(run, keywords))
    return run(**keywords)


def _bound(parameters: Any, context: JobContext) -> dict[str, Any]:
    try:
        keywords: dict[str, Any] = parameters.bind(context.params)
    except BadInput as error:
        raise _Refused("invalid_params", type(error).__name__, error.message) from error
    except Exception as error:
        raise _refused("invalid_params", error) from error
    if parameters.context_name is not None:
        keywords[parameters.context_name] = context
    return keywords


def _refuse(job_type: JobType, misfit: str | None) -> None:
    if misfit is not None:
        message = f"The handler of {job_type.type} cannot be called with its parameters: {misfit}."
        raise _Refused("handler_contract_mismatch", "TypeError", message)


def _misfit(function: Callable[..., Any], names: Collection[str]) -> str | None:
    """Returns why a call with these keywords would not reach the function, or None."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return None
    try:
        signature.bind(**dict.fromkeys(names))
    except TypeError as error:
        return str(error)
    return None


_known_misfit = lru_cache(maxsize=1024)(_misfit)


def _refused(reason: str, error: Exception) -> _Refused:
    told = describe(error, reason)
    return _Refused(reason, told["error_class"], told["message"], told["traceback"])


def _awaited(coroutine: Coroutine[Any, Any, Any], on_start: OnStart | None) -> Any:
    import asyncio
    from concurrent.futures import ThreadPoolExecutor

    async def main() -> Any:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()

        def cancel() -> None:
            if task is not None and not loop.is_closed():
                loop.call_soon_threadsafe(task.cancel)

        if on_start is not None:
            on_start(cancel)
        return await coroutine

    try:
        asyncio.get_running_loop()
        entered = True
    except RuntimeError:
        entered = False
    if not entered:
        return asyncio.run(main())
    # Called within somebody's event loop, which cannot be entered again: another thread has none.
    with ThreadPoolExecutor(1) as other:
        return other.submit(contextvars.copy_context().run, asyncio.run, main()).result()
