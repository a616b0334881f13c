"""Why a child died. Pure."""

from __future__ import annotations

import signal
from dataclasses import dataclass


@dataclass(frozen=True)
class Exit:
    """How a process ended, as the kernel tells: an exit code or a signal, and what it had used.

    ``cpu_seconds`` and ``peak_rss`` (bytes) include the processes that it had waited for.
    """

    code: int | None
    signal: int | None
    cpu_seconds: float = 0.0
    peak_rss: int = 0

    @classmethod
    def of(cls, wait_status: int, cpu_seconds: float = 0.0, peak_rss: int = 0) -> Exit:
        """Returns the end that a wait status stands for."""
        code = _exit_code(wait_status)
        return cls(code if code >= 0 else None, -code if code < 0 else None, cpu_seconds, peak_rss)


@dataclass(frozen=True)
class Error:
    """What went wrong, as the job keeps it."""

    error_class: str
    reason_code: str
    message: str
    traceback: str | None = None


def explain(end: Exit, *, signalled: bool, out_of_memory: bool, importing: bool = False) -> Error:
    """Returns why a process that said nothing itself has ended so.

    ``signalled`` tells that the worker killed it, ``out_of_memory`` that the kernel has killed
    somebody for want of memory meanwhile, ``importing`` that the handler had not been called yet.
    """
    used = (
        f"It had used {end.cpu_seconds:.2f} s of CPU and at most {end.peak_rss / 1048576:.0f} MiB of memory."
    )
    if end.signal == signal.SIGKILL and out_of_memory and not signalled:
        text = f"The process was killed by the kernel: the machine or its control group ran out of memory. {used}"
        return Error("OutOfMemory", "out_of_memory", text)
    how = (
        f"was killed by {name(end.signal)}" if end.signal is not None else f"ended with exit code {end.code}"
    )
    if importing:
        return Error(
            "HandlerImportFailed",
            "handler_import_failed",
            f"The process {how} while it imported the handlers. {used}",
        )
    if end.signal is not None:
        return Error("ProcessKilled", f"killed_by_signal_{end.signal}", f"The process {how}. {used}")
    return Error(
        "ProcessExited", f"exited_{end.code}", f"The process {how} before the handler had returned. {used}"
    )


def name(number: int | None) -> str:
    """Returns a signal's name and number: ``SIGSEGV (11)``."""
    try:
        return f"{signal.Signals(number or 0).name} ({number})"
    except ValueError:
        return f"signal {number}"


def _exit_code(wait_status: int) -> int:
    # As os.waitstatus_to_exitcode, which cannot be told what a stopped process is.
    low = wait_status & 0x7F
    return -low if low else (wait_status >> 8) & 0xFF
