"""Finds the guards: predicates in SQL, and tests in Python, that decide whether something may be done to a job.

A guard is a condition about a fence, a status, a lease, a token, a heartbeat count or a place in the ledger. It is
found by its form, not by a list, so that a new one is known as soon as it is written.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.servers import ROOT

COLUMNS = (
    "fence|status|lease_until|claim_token_hash|beats|holder|stopped_at|last_seq|launched_at|available_at|attempt"
    "|updated_at|launcher|worker_id"
)
_VALUE = r"(?:\w+\.\w+|:\w+|'\{[^}]*\}'|'[^']*'|\{[^}]*\})"
PREDICATE = re.compile(
    r"(?:(?<=WHERE )|(?<=AND )|(?<=OR )|(?<=\())"
    rf"(?:\w+\.)?(?:{COLUMNS}) (?:(?:=|<>|<=|>=|<|>) {_VALUE}|IS (?:NOT )?NULL|IN \([^)]*\))"
)
WORDS = re.compile(
    r"fence|status|lease|token|beats|stopped|holder|held|silent|launch_pending|stands|launches|is_stored|rowcount"
    r"|changed|log_digest|idempotent|budget_used|available_at|terminal|strength|may_claim|may_take|is_ours|runs is"
    r"|expired|fences_at|fence_at|Belief|_due\(|takes\(|\bleft ==|\bleft\b and"
)
DECIDING = (
    "states.py", "store/claims.py", "store/journal.py", "store/logs.py", "store/workers.py", "store/leases.py",
    "store/picking.py", "store/removal.py", "store/pruning.py", "operations/recovery.py", "operations/suspicion.py",
    "operations/cancel.py", "operations/retry.py", "operations/hold.py", "operations/resolve.py",
    "operations/relaunch.py", "operations/sweep.py", "operations/delete.py", "worker/post.py", "worker/writer.py",
    "worker/verdict.py", "worker/clerk.py", "worker/membership.py", "worker/minder.py",
)  # fmt: skip


@dataclass(frozen=True)
class Guard:
    """One guard: where it stands, what it says, and what stands there when it is taken out."""

    path: str
    line: int
    column: int
    text: str
    neutral: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line} {' '.join(self.text.split())}"

    @property
    def key(self) -> tuple[str, str]:
        """What names the guard when lines move: its file and its text."""
        return self.path, " ".join(self.text.split())

    def without(self, source: str) -> str:
        """Returns the file's text with this guard taken out."""
        start = _offset(source, self.line, self.column)
        assert source.startswith(self.text, start)
        return source[:start] + self.neutral + source[start + len(self.text) :]


def all_guards(root: Path = ROOT) -> list[Guard]:
    """Returns every guard of the product, in the order of the files."""
    package = root / "jobrunner"
    found: list[Guard] = []
    for file in sorted((package / "store").glob("*.py")):
        found += in_sql(f"store/{file.name}", file.read_text("utf-8"))
    for name in DECIDING:
        found += in_python(name, (package / name).read_text("utf-8"))
    return sorted(set(found), key=lambda guard: (guard.path, guard.line, guard.column))


def in_sql(path: str, source: str) -> Iterator[Guard]:
    """Yields the predicates of the statements in a file."""
    for match in PREDICATE.finditer(source):
        line = source.count("\n", 0, match.start()) + 1
        yield Guard(path, line, match.start() - source.rfind("\n", 0, match.start()) - 1, match[0], "1 = 1")


def in_python(path: str, source: str) -> Iterator[Guard]:
    """Yields the operands of every condition that is about a guarded thing."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.If):
            yield from _of(path, source, node.test, "False" if _refuses(node.body) else "True")
            if (
                _refuses(node.body)
                and isinstance(node.test, ast.BoolOp)
                and isinstance(node.test.op, ast.And)
            ):
                yield from _whole(path, source, node.test, "False")
        elif isinstance(node, ast.IfExp):
            yield from _of(path, source, node.test, "True")
        elif isinstance(node, ast.Return) and isinstance(value := _bare(node.value), _CONDITIONS):
            yield from _of(path, source, value, "True")
        elif isinstance(node, ast.comprehension):
            for test in node.ifs:
                yield from _of(path, source, test, "True")
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.BoolOp | ast.Compare):
            yield from _of(path, source, node.value, "True")
        elif isinstance(node, ast.Lambda) and isinstance(node.body, ast.BoolOp | ast.Compare | ast.Call):
            yield from _of(path, source, node.body, "True")


def _bare(value: ast.expr | None) -> ast.expr | None:
    """Returns what stands in ``bool(…)``, or the expression itself."""
    is_bool = isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "bool"
    return value.args[0] if is_bool and isinstance(value, ast.Call) else value


_CONDITIONS = (ast.BoolOp, ast.Compare, ast.UnaryOp)


def _of(path: str, source: str, test: ast.expr, alone: str) -> Iterator[Guard]:
    if isinstance(test, ast.BoolOp):
        if any(isinstance(value, ast.Constant) for value in test.values):
            return  # a default, not a condition
        neutral = "True" if isinstance(test.op, ast.And) else "False"
        for operand in test.values:
            yield from _of(path, source, operand, neutral)
        return
    yield from _whole(path, source, test, alone)


def _whole(path: str, source: str, test: ast.expr, neutral: str) -> Iterator[Guard]:
    text = ast.get_source_segment(source, test) or ""
    if WORDS.search(text) and "\n" not in text:
        line = source.splitlines()[test.lineno - 1]
        yield Guard(path, test.lineno, len(line.encode()[: test.col_offset].decode()), text, neutral)


def _refuses(body: list[ast.stmt]) -> bool:
    """True for a branch that leaves: what stands behind the test is then allowed without it."""
    return isinstance(body[-1], ast.Raise | ast.Return | ast.Continue)


def _offset(source: str, line: int, column: int) -> int:
    return sum(len(one) + 1 for one in source.split("\n")[: line - 1]) + column
