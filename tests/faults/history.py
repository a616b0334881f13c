"""What those who used the product asked for and were told: invoked, then ok, fail or info (nobody knows)."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from jobrunner.errors import JobRunnerError, StoreError

T = TypeVar("T")


@dataclass(frozen=True)
class Event:
    """One operation: ``outcome`` is ok, fail, or info when its caller never learnt what became of it."""

    op: str
    args: dict[str, Any]
    outcome: str
    answer: Any = None


class History:
    """A file of operations that several processes append to; each record is one write."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def tell(
        self, op: str, call: Callable[[], T], answer: Callable[[T], Any] = lambda _: None, **args: Any
    ) -> T:
        """Does ``call`` and keeps what it was told; a StoreError says nothing about what was done."""
        number = f"{os.getpid()}-{time.monotonic_ns()}"
        self._append({"id": number, "op": op, "args": args, "outcome": "invoke"})
        try:
            result = call()
        except StoreError:
            self._append({"id": number, "outcome": "info"})
            raise
        except JobRunnerError:
            self._append({"id": number, "outcome": "fail"})
            raise
        self._append({"id": number, "outcome": "ok", "answer": answer(result)})
        return result

    def events(self) -> list[Event]:
        """Returns every operation, in the order of their beginnings; one without an end is an info."""
        if not self.path.exists():
            return []
        begun: dict[str, dict[str, Any]] = {}
        for line in self.path.read_text("utf-8").splitlines():
            record = json.loads(line)
            if record["outcome"] == "invoke":
                begun[record["id"]] = record | {"outcome": "info"}
            else:
                begun[record["id"]] |= record
        return [Event(r["op"], r["args"], r["outcome"], r.get("answer")) for r in begun.values()]

    def _append(self, record: dict[str, Any]) -> None:
        handle = os.open(self.path, os.O_APPEND | os.O_CREAT | os.O_WRONLY, 0o666)
        try:
            os.write(handle, (json.dumps(record) + "\n").encode())
        finally:
            os.close(handle)
