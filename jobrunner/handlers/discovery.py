"""Finds the handlers: imports what the settings name and what installed packages offer."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import os
import sys
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from jobrunner.errors import HandlerNotRegistered, JobCancelled
from jobrunner.handlers import registry
from jobrunner.handlers.registry import JobType, discard_module

GROUP = "jobrunner.handlers"
SCRIPT_MODULE = "__mp_main__"
_BUILT_IN = "jobrunner.handlers.exec"


@dataclass(frozen=True)
class ImportFailure:
    """A module that could not be imported; ``module`` is the name it was asked for by."""

    module: str
    error_class: str
    message: str
    traceback: str


def find(name: str, failures: Iterable[ImportFailure]) -> JobType:
    """Returns the registered job type of that name; HandlerNotRegistered names the modules that failed to import."""
    try:
        return registry.get(name)
    except HandlerNotRegistered as error:
        broken = "; ".join(f"{item.module}: {item.error_class}: {item.message}" for item in failures)
        if broken:
            error.hint = f"{error.hint or ''} These handler modules failed to import: {broken}".strip()
        raise


def discover(modules: Iterable[str]) -> list[ImportFailure]:
    """Imports the handlers' modules and returns those that failed.

    ``modules`` are module names, or paths that end in ``.py``. The built-in types come first, then
    ``modules``, then the entry points of group ``jobrunner.handlers``. One that fails, also by
    ``sys.exit``, is reported, the types it declared itself are forgotten, and the others go on. What
    is imported already is left as it is; what failed is tried again.
    """
    failures: list[ImportFailure] = []
    wanted: dict[str, Callable[[], object]] = {}
    if importlib.util.find_spec(_BUILT_IN) is not None:
        wanted[_BUILT_IN] = _importer(_BUILT_IN)
    for module in modules:
        wanted.setdefault(module, _importer(module))
    for entry_point in importlib.metadata.entry_points(group=GROUP):
        wanted.setdefault(entry_point.value, entry_point.load)
    for module, load in wanted.items():
        try:
            load()
        except (KeyboardInterrupt, JobCancelled):
            raise
        except BaseException as error:
            discard_module(module.partition(":")[0] if not module.endswith(".py") else _script_name(module))
            failures.append(_failure(module, error))
    return failures


def _importer(module: str) -> Callable[[], object]:
    if module.endswith(".py"):
        return lambda: _import_script(module)
    return lambda: importlib.import_module(module)


def _import_script(path: str) -> None:
    path = os.path.realpath(path)
    if any(_is_from(name, path) for name in list(sys.modules)):
        return
    name = _script_name(path)
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise


def _script_name(path: str) -> str:
    # The name that multiprocessing gives a main script, so that what it does only as __main__ is not done.
    if SCRIPT_MODULE not in sys.modules or _is_from(SCRIPT_MODULE, os.path.realpath(path)):
        return SCRIPT_MODULE
    return f"{SCRIPT_MODULE}.{os.path.realpath(path).replace('.', '_')}"


def _is_from(name: str, path: str) -> bool:
    file = getattr(sys.modules.get(name), "__dict__", {}).get("__file__")
    return (
        isinstance(file, str)
        and os.path.basename(file) == os.path.basename(path)
        and os.path.realpath(file) == path
    )


def _failure(module: str, error: BaseException) -> ImportFailure:
    message = str(error)
    if isinstance(error, SystemExit):
        message = f"called sys.exit({error.code!r}) while it was imported"
    told = traceback.TracebackException.from_exception(error)
    seen: traceback.TracebackException | None = told
    while seen is not None:
        seen.stack = traceback.StackSummary.from_list(
            [frame for frame in seen.stack if not _is_ours(frame.filename)]
        )
        seen = seen.__cause__ or seen.__context__
    return ImportFailure(module, type(error).__qualname__, message, "".join(told.format()))


def _is_ours(filename: str) -> bool:
    return filename == __file__ or filename.startswith("<frozen importlib") or "importlib/" in filename
