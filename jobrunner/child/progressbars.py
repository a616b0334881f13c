"""tqdm's bars as progress: they feed the job's percent and write no lines."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import TYPE_CHECKING, Any, cast

from jobrunner.child.capture import replace, terminal_streams

if TYPE_CHECKING:
    # Costs eight milliseconds; a finder and a loader need no base class.
    from importlib.abc import Loader

Report = Callable[[float, float | None, str | None], None]
_MODULE = "tqdm.std"


def bridge(report: Report) -> None:
    """Makes every bar of tqdm that would draw on the terminal call ``report(n, total, description)`` instead.

    Works for tqdm imported already and for tqdm imported later. Only the outermost bar reports. A
    bar that ``disable=None`` would hide for want of a terminal reports too.
    """
    known = sys.modules.get(_MODULE)
    if known is not None:
        _patch(known, report)
    else:
        sys.meta_path.insert(0, _Watch(report))


class _Watch:
    def __init__(self, report: Report) -> None:
        self._report = report

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != _MODULE:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = cast("Loader", _Loader(spec.loader, self._report))
        return spec


class _Loader:
    def __init__(self, real: Loader, report: Report) -> None:
        self._real = real
        self._report = report

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._real.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        for owner, name in ((module.__spec__, "loader"), (module, "__loader__")):
            replace(owner, name, self._real)
        self._real.exec_module(module)
        _patch(module, self._report)


class _Nowhere:
    """The file of a bar that reports."""

    encoding = "utf-8"

    def write(self, text: str) -> int:
        return len(text)

    def flush(self) -> None: ...


def _patch(module: ModuleType, report: Report) -> None:
    bar: Any = getattr(module, "tqdm", None)
    if not all(hasattr(bar, name) for name in ("display", "close", "format_dict")):
        return
    make, display = bar.__init__, bar.display

    def made(self: Any, *args: Any, **options: Any) -> None:
        if "disable" in options and options["disable"] is None:
            options["disable"] = False
        make(self, *args, **options)
        if _on_terminal(self):
            self.fp = _Nowhere()
            self.sp = lambda _: None

    def shown(self: Any, *args: Any, **options: Any) -> Any:
        if not _on_terminal(self) and not isinstance(getattr(self, "fp", None), _Nowhere):
            return display(self, *args, **options)
        if getattr(self, "pos", 0) == 0:
            description = str(getattr(self, "desc", None) or "").strip().removesuffix(":")
            try:
                report(self.n, self.total, description or None)
            except (TypeError, ValueError):
                pass
        return True

    replace(bar, "__init__", functools.wraps(make)(made))
    replace(bar, "display", shown)


def _on_terminal(bar: Any) -> bool:
    file = getattr(bar, "fp", None)
    file = getattr(file, "_wrapped", file)
    return file is not None and any(file is one for one in terminal_streams())
