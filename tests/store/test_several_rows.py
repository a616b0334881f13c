"""Several rows of one statement: all of them, in few statements, and never by a pipeline of psycopg's."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import event

from jobrunner.store import database as module


@pytest.mark.parametrize("most", [30_000, 100])
def test_many_jobs_with_tags_are_stored_whole_however_many_go_into_a_statement(
    runner, monkeypatch, most
) -> None:
    monkeypatch.setattr(module, "_MOST_VALUES", most)
    tags = {f"name{number}": "%(value)s 100 %" for number in range(60)}
    made = runner.start_many([("t.noop", {}, {"tags": tags, "title": "50 % of :all"})] * 7)
    assert len({one.job_id for one in made}) == 7
    for one in made:
        seen = runner.status(one.job_id).job
        assert (seen.tags, seen.title, seen.last_seq) == (tags, "50 % of :all", 1)


@pytest.mark.databases("postgres")
def test_postgresql_is_never_sent_a_pipeline_after_which_it_would_not_count_a_session_as_idle(runner) -> None:
    said: list[tuple[str, bool]] = []

    def note(_c: Any, _cursor: Any, statement: str, _p: Any, _context: Any, many: bool) -> None:
        said.append((statement[:30], many))

    event.listen(runner.database.engine(), "before_cursor_execute", note)
    runner.start_many([("t.noop", {}, {"tags": {"a": "1", "b": "2"}})] * 3)
    assert said and [statement for statement, many in said if many] == []
