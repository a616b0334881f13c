"""What a model dumps is the shape on the wire."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from jobrunner.models import (
    ActionResult,
    History,
    JobPage,
    JobSummary,
    LogPage,
    StartResult,
    StatusModel,
    TransitionEvent,
)

AT = "2026-11-21T23:25:01.123456Z"
MOVE: dict[str, Any] = {
    "seq": 1,
    "kind": "transition",
    "at": AT,
    "attempt": 0,
    "from": "new",
    "trigger": "create",
    "to": "queued",
    "actor": "starter:me",
    "reason": None,
    "context": {"a": [1, 2.5, None]},
}
LINE: dict[str, Any] = {
    "seq": 2,
    "kind": "log",
    "at": AT,
    "attempt": 1,
    "level": "info",
    "stream": "log",
    "step": None,
    "logger": "shop",
    "message": "Done.",
    "context": None,
}
JOB: dict[str, Any] = {
    "id": 1,
    "uuid": "019-",
    "type": "a",
    "title": None,
    "status": "running",
    "is_active": True,
    "is_terminal": False,
    "is_stale": False,
    "stale_reason": None,
    "queue": "default",
    "priority": -1,
    "lock_key": None,
    "tags": {"k": "v"},
    "created_by": None,
    "idempotent": False,
    "launcher": "detached",
    "attempt": 1,
    "budget_used": 1,
    "max_attempts": 1,
    "params": {"deep": [{"x": 1.0}]},
    "progress": {
        "percent": 12.5,
        "text": "half",
        "current": 1,
        "total": 8,
        "step": {"key": "load", "label": "Load", "index": 1, "total": 2},
    },
    "counts": {"warnings": 0, "errors": 3},
    "worker": {"id": 4, "host": "h", "pid": 5, "scope": "pool"},
    "cancel_mode": None,
    "created_at": AT,
    "available_at": AT,
    "queued_at": AT,
    "started_at": AT,
    "heartbeat_at": AT,
    "finished_at": None,
    "updated_at": AT,
    "last_seq": 2,
    "first_seq": 1,
    "final_seq": None,
}
STATUS: dict[str, Any] = {
    "schema_version": 1,
    "found": True,
    "job": JOB,
    "events": [MOVE, LINE],
    "last_seq": 2,
    "has_more": False,
    "pruned": False,
    "result": None,
    "error": {"class": "ValueError", "reason_code": "handler_error", "message": "m", "traceback": "t"},
}


def test_a_status_dumps_exactly_as_it_was_given_in_names_values_and_order():
    dumped = StatusModel(**STATUS).model_dump(mode="json")
    assert dumped == STATUS
    assert list(dumped["job"]) == list(JOB)
    assert [list(event) for event in dumped["events"]] == [list(MOVE), list(LINE)]
    assert StatusModel(**dumped) == StatusModel(**STATUS)


def test_whole_numbers_stay_whole_and_fractions_stay_fractions():
    progress = StatusModel(**STATUS).model_dump(mode="json")["job"]["progress"]
    assert [type(progress[name]) for name in ("percent", "current")] == [float, int]


def test_a_job_that_is_not_found_has_the_same_shape_without_a_job():
    dumped = StatusModel(schema_version=1, found=False, last_seq=7).model_dump(mode="json")
    empty: dict[str, Any] = {"found": False, "job": None, "events": [], "last_seq": 7, "error": None}
    assert dumped == STATUS | empty


def test_an_event_is_read_by_attribute_and_by_its_name_on_the_wire():
    move, line = StatusModel(**STATUS).events
    assert isinstance(move, TransitionEvent)
    assert move["from"] == "new" == move.from_
    assert (move.kind, line.kind, line["message"]) == ("transition", "log", "Done.")
    with pytest.raises(KeyError):
        move["message"]


def test_models_are_frozen():
    status: Any = StatusModel(**STATUS)
    with pytest.raises(ValidationError):
        status.found = False
    with pytest.raises(ValidationError):
        status.job.status = "failed"


def test_a_list_shows_jobs_without_their_parameters():
    summary = {name: value for name, value in JOB.items() if name != "params"}
    page: dict[str, Any] = {"jobs": [summary], "next": "cursor"}
    assert JobPage(**page).model_dump(mode="json") == page
    assert list(JobSummary(**summary).model_dump(mode="json")) == list(summary)


def test_history_and_logs_dump_their_events():
    assert History.model_validate({"transitions": [MOVE]}).model_dump(mode="json") == {"transitions": [MOVE]}
    page: dict[str, Any] = {"lines": [LINE], "last_seq": 2, "has_more": True}
    assert LogPage(**page).model_dump(mode="json") == page


def test_results_dump_as_their_fields():
    started: dict[str, Any] = {
        "outcome": "started",
        "job_id": 1,
        "uuid": "u",
        "type": "t",
        "status": "queued",
        "reason_code": None,
    }
    assert StartResult(**started).model_dump(mode="json") == started
    missing = ActionResult(outcome="not_found").model_dump(mode="json")
    assert list(missing) == ["outcome", "job_id", "uuid", "previous_status", "status", "reason_code"]


def test_json_text_is_the_same_shape():
    status = StatusModel(**STATUS)
    assert StatusModel.model_validate_json(status.model_dump_json()) == status
