"""Every failpoint of the product, found by reading its source; and every call that has to stand between two."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from tests.servers import ROOT

PRODUCT = ROOT / "jobrunner"
# What makes, ends or replaces processes and files, as it is called in the source.
_CALLS = {
    "os.fork", "os.kill", "os.killpg", "os.execve", "os.replace", "os.rename", "subprocess.Popen",
    "signal.pidfd_send_signal", "process.kill", "process.terminate", "process.send_signal", "program.terminate",
    "program.kill", "connection.commit",
}  # fmt: skip
# Nothing comes after these.
_LAST = {"os.execve", "os.killpg", "os.kill"}
_EXEMPT = {
    ("processes.py", "_answers"), ("processes.py", "_kill"),  # where there is no pidfd; a look is no signal
    ("database.py", "_prepare"),  # what a new session is told changes nothing
    ("database.py", "_transaction"), ("database.py", "_commit_at_points"),  # the points whose names are made: commit_points
}  # fmt: skip


@lru_cache
def every_point() -> frozenset[str]:
    """Returns the name of every failpoint."""
    return frozenset(literal_points() | commit_points())


def literal_points() -> set[str]:
    """Returns those that stand in the source by their names: spawns, signals, renames."""
    return {name for _, tree in _trees() for name in _names(tree)}


def commit_points() -> set[str]:
    """Returns those around the commit of every function of the store that writes."""
    return {
        f"commit.{path.stem}.{function.name}.{side}"
        for path, tree in _trees()
        for function in tree.body
        if isinstance(function, ast.FunctionDef) and any(_writes(node) for node in ast.walk(function))
        for side in ("before", "after")
    }


def writes_elsewhere() -> list[str]:
    """Returns the writing transactions that no function of the store names: there are to be none."""
    return [
        f"{path.name}: {ast.unparse(node)[:80]}"
        for path, tree in _trees()
        for node in ast.walk(tree)
        if _writes(node) and path.parent.name != "store"
    ]


def bare_calls() -> list[str]:
    """Returns the calls that make, end or replace something without a failpoint before and after."""
    found = []
    for path, tree in _trees():
        for function in _functions(tree):
            calls = [name for node in ast.walk(function) if (name := _called(node)) in _CALLS]
            if not calls or (path.name, function.name) in _EXEMPT:
                continue
            sides = {name.rpartition(".")[2] for name in _names(function)}
            wanted = {"before"} if set(calls) <= _LAST else {"before", "after"}
            if not wanted <= sides:
                found.append(f"{path.name}:{function.name} calls {calls[0]}")
    return found


def _functions(tree: ast.Module) -> Iterator[ast.FunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            yield node


def _names(tree: ast.AST) -> set[str]:
    return {
        str(node.args[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and _called(node) == "failpoint"
        and isinstance(node.args[0], ast.Constant)
    }


def _writes(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and (_called(node) or "").endswith("database.write")


def _called(node: ast.AST) -> str | None:
    return ast.unparse(node.func) if isinstance(node, ast.Call) else None


@lru_cache
def _trees() -> list[tuple[Path, ast.Module]]:
    return [(path, ast.parse(path.read_text("utf-8"))) for path in sorted(PRODUCT.rglob("*.py"))]
