"""Somebody with every right on the database, who edits its rows by plain SQL."""

from __future__ import annotations

import contextlib
from typing import Any

from jobrunner.auditor import export, verify, verify_file
from jobrunner.ledger import TRANSITION_FIELDS, LineChain, genesis, link, log_genesis
from jobrunner.store import ddl, evidence
from jobrunner.store.database import Database
from tests.addresses import query
from tests.stores import Store

MOVES, LINES, JOB = "jobrunner_job_transition", "jobrunner_job_log", "jobrunner_job"
UNGUARDED = {
    "sqlite": ["PRAGMA foreign_keys = OFF", *(f"DROP TRIGGER IF EXISTS {name}" for name in ddl.TRIGGERS)],
    "mariadb": ["SET foreign_key_checks = 0"],
    "postgres": ["SET session_replication_role = replica"],
}


def tamper(store: Store, *statements: str) -> None:
    """Runs statements past triggers and foreign keys."""
    with contextlib.closing(store.connect()) as connection:
        for statement in [*UNGUARDED[store.kind], *statements]:
            query(connection, statement)


def literal(value: Any) -> str:
    if value is None:
        return "NULL"
    return str(value) if isinstance(value, int) else "'" + str(value).replace("'", "''") + "'"


def transition(job_id: int, **columns: Any) -> str:
    """Returns the insert of a transition; what is not said is made up."""
    row = {
        "job_id": job_id, "attempt": 1, "fence": 1, "actor": "operator:x", "at": "2026-01-01 00:00:00.000000",
        "op_id": f"forged-{job_id}-{columns['seq']}", "log_digest": "0" * 64, "digest": "0" * 64,
    } | columns  # fmt: skip
    return f"INSERT INTO jobrunner_job_transition ({', '.join(row)}) VALUES ({', '.join(map(literal, row.values()))})"


def log_line(job_id: int, seq: int) -> str:
    """Returns the insert of a line that nobody wrote."""
    return (
        "INSERT INTO jobrunner_job_log (job_id, seq, attempt, at, level, stream, message)"
        f" VALUES ({job_id}, {seq}, 1, '2026-01-01 00:00:00.000000', 'info', 'stdout', 'forged')"
    )


def recompute(store: Store, job_id: int) -> None:
    """Makes every digest of a job fit its rows again, as somebody does who knows how."""
    database = Database(store.url)
    (job,) = evidence.jobs(database, job_id - 1, job_id)
    chain, digest = LineChain(log_genesis(job["uuid"])), genesis(job["uuid"])
    rows = [*evidence.moves(database, job_id - 1, job_id), *evidence.lines(database, job_id - 1, job_id)]
    statements = []
    for row in sorted(rows, key=lambda row: row[1]):
        if row[2] == evidence.LINE:
            chain.add(row[1], *row[3:])
            continue
        values = dict(zip(TRANSITION_FIELDS, (row[1], *row[3:-1]), strict=True)) | {
            "log_digest": chain.digest
        }
        digest = link(digest, values.values())
        statements.append(
            f"UPDATE jobrunner_job_transition SET digest = '{digest}', log_digest = '{chain.digest}'"
            f" WHERE job_id = {job_id} AND seq = {row[1]}"
        )
    statements.append(
        f"UPDATE jobrunner_job SET digest = '{digest}', log_digest = '{chain.digest}' WHERE id = {job_id}"
    )
    tamper(store, *statements)
    database.close()


def edit(table: str, job_id: int, seq: int, column: str, value: str) -> str:
    """Returns the update of one column of one ledger row."""
    return f"UPDATE {table} SET {column} = {value} WHERE job_id = {job_id} AND seq = {seq}"


def found(database: Database) -> set[tuple[str, str]]:
    """Returns what is found, after making sure that one job alone and an export of the store show the same."""
    findings = list(verify(database))
    assert {f for number in {f.job_id for f in findings} for f in verify(database, number)} == set(findings)
    assert {(f.kind, f.where) for f in verify_file(export(database))} == {(f.kind, f.where) for f in findings}
    return {(f.kind, f.where) for f in findings}


def prune(database: Database, store: Store, job_id: int, first: int) -> None:
    """Removes the lines below ``first`` as a pruner does."""
    (row,) = evidence.jobs(database, job_id - 1, job_id)
    chain = LineChain(row["pruned_digest"] or log_genesis(row["uuid"]))
    for line in evidence.lines(database, job_id - 1, job_id):
        if line[1] < first:
            chain.add(line[1], *line[3:])
    tamper(
        store,
        f"UPDATE {JOB} SET first_seq = {first}, pruned_digest = '{chain.digest}' WHERE id = {job_id}",
        f"DELETE FROM {LINES} WHERE job_id = {job_id} AND seq < {first}",
    )
