"""No guard can be written that the gate does not know of."""

from __future__ import annotations

import ast
import re

import pytest

from tests.mutation.guards import DECIDING, Guard, all_guards, in_python, in_sql
from tests.mutation.redundant import REDUNDANT
from tests.servers import ROOT

STORE = sorted((ROOT / "jobrunner" / "store").glob("*.py"))
# looser than what the gate looks for: any comparison of such a column behind a WHERE, however it is written
LOOSE = re.compile(
    r"\b(?:fence|status|lease_until|claim_token_hash|beats|holder|stopped_at)\b\s*(?:=|<|>|!|IS\b|IN\b|NOT\b|LIKE\b)"
)
GUARDED = re.compile(r"\b(?:fence|status|lease_until|claim_token_hash|token_hash|beats|stopped_at|holder)\b")
NO_GUARDS = {
    "database.py": "connections and transactions; its words are of columns that hold moments",
    "checking.py": "compares the schema, and moves nothing",
    "ddl.py": "writes the schema; the database's own refusals are tested row by row",
    "calling.py": "tells pools of jobs, and moves none",
    "counting.py": "reads",
    "streaming.py": "reads",
    "jobs.py": "births, which have no row before them",
    "views.py": "reads",
    "lists.py": "reads",
    "evidence.py": "reads",
    "health.py": "reads",
    "refusals.py": "keeps what was refused elsewhere",
}
GUARDS = all_guards()


def literals(source: str) -> list[tuple[int, str]]:
    """Returns every piece of SQL in a file that has a condition, as one string each, with its line."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant | ast.JoinedStr):
            text = ast.get_source_segment(source, node) or ""
            if "WHERE" in text:
                found.append((node.lineno, text.partition("WHERE")[2]))
    return found


@pytest.mark.parametrize("file", STORE, ids=lambda file: file.name)
def test_every_predicate_of_a_statement_is_known(file) -> None:
    if file.name in ("ddl.py", "checking.py"):
        return
    source = file.read_text("utf-8")
    known = [
        guard.text for guard in GUARDS if guard.path == f"store/{file.name}" and guard.neutral == "1 = 1"
    ]
    for line, text in literals(source):
        for match in LOOSE.finditer(text):
            assert any(
                (at := text.find(one, max(0, match.start() - 3))) != -1 and at <= match.start()
                for one in known
            ), f"{file.name}:{line}: nobody takes {text[match.start() : match.start() + 60]!r} out"


@pytest.mark.parametrize("file", STORE, ids=lambda file: file.name)
def test_every_comparison_about_who_holds_a_job_is_known(file) -> None:
    if file.name in NO_GUARDS:
        return
    source = file.read_text("utf-8")
    known = {(guard.line, guard.text) for guard in GUARDS if guard.path == f"store/{file.name}"}
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Compare):
            continue
        text = ast.get_source_segment(source, node) or ""
        if GUARDED.search(text):
            assert any(line == node.lineno and text in one for line, one in known), (
                f"{file.name}:{node.lineno}: {text}"
            )


def test_what_is_excused_is_still_there() -> None:
    assert set(REDUNDANT) - {guard.key for guard in GUARDS} == set()


def test_what_decides_is_there() -> None:
    package = ROOT / "jobrunner"
    assert [name for name in DECIDING if not (package / name).is_file()] == []
    assert {guard.path for guard in GUARDS} >= {
        "states.py",
        "store/journal.py",
        "store/logs.py",
        "operations/recovery.py",
    }


def test_a_guard_that_is_taken_out_leaves_the_rest_as_it_was() -> None:
    source = 'def f():\n    if a and row["fence"] != b:\n        raise X\n    S = "… WHERE id = :id AND fence = :f"\n'
    python, sql = [*in_python("x", source)], [*in_sql("x", source)]
    assert [one.without(source) for one in python] == [
        source.replace('row["fence"] != b', "True"),
        source.replace('a and row["fence"] != b', "False"),
    ]
    assert [one.without(source) for one in sql] == [source.replace("fence = :f", "1 = 1")]
    assert isinstance(sql[0], Guard) and sql[0].line == 4
