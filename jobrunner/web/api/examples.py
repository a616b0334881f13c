"""Examples of what goes over the wire, for the OpenAPI document; a test holds them against the models."""

from __future__ import annotations

from typing import Any

from jobrunner import errors
from jobrunner.web import faults

Shown = dict[str, Any]

_UUID = "01937f3c-8a51-7c3e-9d2b-5f0e6a7b8c9d"
_AT = "2026-11-21T23:25:01.123456Z"

STARTS: Shown = {
    "now": {"type": "shop.import_products", "params": {"shop_id": 7}, "tags": {"shop": "7"}},
    "later": {"type": "shop.import_products", "params": {"shop_id": 7}, "delay": "2h", "priority": 5},
    "once": {
        "type": "shop.import_products",
        "params": {"shop_id": 7},
        "idempotency_key": "import-7-2026-11-21",
    },
}
STARTED: Shown = {
    "outcome": "started", "job_id": 7, "uuid": _UUID, "type": "shop.import_products", "status": "queued", "reason_code": None,
}  # fmt: skip
DUPLICATE: Shown = STARTED | {"outcome": "duplicate", "status": "running"}

_SUMMARY: Shown = {
    "id": 7, "uuid": _UUID, "type": "shop.import_products", "title": "Import products", "status": "running",
    "is_active": True, "is_terminal": False, "is_stale": False, "stale_reason": None, "queue": "default", "priority": 0,
    "lock_key": "shop.import:7", "tags": {"shop": "7"}, "created_by": "ann", "idempotent": True, "launcher": "detached",
    "attempt": 1, "budget_used": 1, "max_attempts": 3,
    "progress": {
        "percent": 42.0, "text": None, "current": 420, "total": 1000,
        "step": {"key": "load", "label": "Load products", "index": 2, "total": 2},
    },
    "counts": {"warnings": 1, "errors": 0},
    "worker": {"id": "01937f3c-8b00-7000-8000-000000000001", "host": "shop-1", "pid": 4711, "scope": "none"},
    "cancel_mode": None, "created_at": _AT, "available_at": _AT, "queued_at": _AT, "started_at": _AT,
    "heartbeat_at": _AT, "finished_at": None, "updated_at": _AT, "last_seq": 3, "first_seq": 1, "final_seq": None,
}  # fmt: skip
_CLAIMED: Shown = {
    "seq": 2, "kind": "transition", "at": _AT, "attempt": 1, "from": "queued", "trigger": "claim", "to": "running",
    "actor": "worker:shop-1:4711", "reason": None, "context": None,
}  # fmt: skip
_LINE: Shown = {
    "seq": 3, "kind": "log", "at": _AT, "attempt": 1, "level": "warning", "stream": "log", "step": "load",
    "logger": None, "message": "No price for product 12.", "context": {"product": 12},
}  # fmt: skip
LIST: Shown = {"jobs": [_SUMMARY], "next": "7"}
STATUS: Shown = {
    "schema_version": 1, "found": True, "job": _SUMMARY | {"params": {"shop_id": 7, "dry_run": False}},
    "events": [_CLAIMED, _LINE], "last_seq": 3, "has_more": False, "pruned": False, "result": None, "error": None,
}  # fmt: skip
HISTORY: Shown = {"transitions": [_CLAIMED]}
LOGS: Shown = {"lines": [_LINE], "last_seq": 3, "has_more": False}
EXPLANATION: Shown = {
    "found": True, "job_id": 7, "uuid": _UUID, "status": "queued", "reason_code": "waits_for_worker",
    "reason": "It is ready, and no worker has taken it yet.", "hint": None, "refused_writes": [],
}  # fmt: skip

LIVE: Shown = {"status": "ok"}
READY: Shown = {"ready": True}
NOT_READY: Shown = {
    "code": "database_unavailable", "message": "The database does not answer.",
    "hint": "Check that the server runs and that the URL names the right host, user and database.", "fields": {}, "ready": False,
}  # fmt: skip

DONE: Shown = {
    "outcome": "done", "job_id": 7, "uuid": _UUID, "previous_status": "queued", "status": "cancelled", "reason_code": None,
}  # fmt: skip
REQUESTED: Shown = DONE | {"outcome": "requested", "previous_status": "running", "status": "cancel_requested"}
REASON: Shown = {
    "why": {"reason": "wrong feed"},
    "if it still stands so": {"reason": "wrong feed", "seen": {"status": "running", "attempt": 1}},
}
RETRY: Shown = {
    "again": {"reason": "the disk has room again", "force": True, "seen": {"status": "parked", "attempt": 1}}
}
RESOLVE: Shown = {"it was done": {"as": "succeeded", "reason": "the import is complete"}}
BULK: Shown = {
    "by id": {"verb": "cancel", "ids": [7, 8], "expect": 2, "reason": "wrong feed"},
    "by filter": {"verb": "retry", "filter": {"status": ["failed"], "since": "2h"}, "expect": 12},
}
BULK_DONE: Shown = {
    "batch": "01937f3c-8c00-7000-8000-000000000003", "verb": "cancel", "count": 1, "outcomes": {"done": 1},
    "results": [DONE],
}  # fmt: skip

TYPE: Shown = {
    "type": "shop.import_products", "title": None, "description": "Imports the products of a shop.", "module": "shop.jobs",
    "queue": "default", "priority": 0, "idempotent": True, "max_attempts": 3,
    "backoff": {"base": 5.0, "factor": 2.0, "cap": 300.0, "jitter": 0.1}, "timeout": 7200.0, "stall_timeout": None,
    "lock_key": "shop.import:{shop_id}", "resumable": False,
    "parameters": {
        "type": "object", "additionalProperties": False, "required": ["shop_id"],
        "properties": {"shop_id": {"type": "integer"}, "dry_run": {"type": "boolean", "default": False}},
    },
}  # fmt: skip
TYPES: Shown = {"types": [TYPE], "import_failures": []}
WORKERS: Shown = {
    "workers": [
        {"id": "01937f3c-8b00-7000-8000-000000000001", "kind": "pool", "host": "shop-1", "pid": 4711, "scope": "none",
         "version": "0.1.0", "queues": None, "capacity": 4, "jobs": 1, "started_at": _AT, "heartbeat_at": _AT,
         "lease_until": _AT, "memory_bytes": 412876800, "cpu_percent": 163.5, "state": "live", "lease_age": 1.2,
         "labels": {"zone": "eu"}, "drain": None},
    ]
}  # fmt: skip
DRAINING: Shown = {
    "outcome": "requested", "worker_id": "01937f3c-8b00-7000-8000-000000000001", "host": "shop-1", "pid": 4711,
    "state": "draining", "reason_code": None,
}  # fmt: skip
NEW_KERNEL: Shown = {"why": {"reason": "new kernel"}}
STATS: Shown = {"jobs": {"running": 1, "succeeded": 12043}}
_TOKEN: Shown = {
    "id": "01937f3c-8b00-7000-8000-000000000002", "name": "deploy", "scope": "operate", "state": "active",
    "created_by": "ann", "created_at": _AT, "expires_at": None, "last_used_at": _AT, "revoked_at": None,
}  # fmt: skip
TOKENS: Shown = {"tokens": [_TOKEN]}
REVOKED: Shown = _TOKEN | {"state": "revoked", "revoked_at": _AT}
NEW_TOKEN: Shown = {"name": "deploy", "scope": "operate", "token": "jobrunner_…", "expires_at": _AT}
NEW_TOKENS: Shown = {"for a month": {"name": "deploy", "scope": "operate", "expires": "30d"}}
VERDICT: Shown = {"ok": True, "findings": [], "has_more": False}


PROBLEMS: dict[int, Shown] = {
    400: faults.WebFault("The body is not JSON.").as_dict(),
    401: errors.Unauthorized().as_dict(),
    403: errors.Forbidden().as_dict(),
    404: errors.JobNotFound("There is no job 7.").as_dict(),
    409: errors.JobNotFinished("Job 7 is running.").as_dict(),
    413: faults.TooLarge().as_dict(),
    415: faults.UnsupportedMediaType().as_dict(),
    416: faults.WebFault("The log has 2,048 bytes.").as_dict() | {"code": "range_not_satisfiable"},
    421: faults.HostNotAllowed().as_dict(),
    422: errors.InvalidParams(
        "The parameters do not fit shop.import_products: shop_id: is missing.",
        fields={"shop_id": "is missing"},
    ).as_dict(),
    429: faults.TooMany().as_dict(),
    500: faults.Internal("Something failed that nobody foresaw (error 5f0e6a7b8c9d).").as_dict(),
    503: errors.DatabaseUnavailable().as_dict(),
}
# of a verb that one job, or many, did not take
REFUSALS: dict[int, Shown] = {
    404: PROBLEMS[404] | DONE | {"outcome": "not_found", "uuid": None, "previous_status": None, "status": None,
                                 "reason_code": "job_not_found"},
    409: {"code": "already_terminal", "message": "cancel job 7: it has ended already.", "hint": None, "fields": {}}
    | DONE | {"outcome": "already_terminal", "previous_status": "succeeded", "status": "succeeded"},
}  # fmt: skip
MISCOUNT: Shown = {
    "code": "count_differs", "message": "3 jobs were expected, but there are 4; none was touched.",
    "hint": "Look again at what is meant, and expect the number that is given here.",
    "fields": {"expect": "is 3, but there are 4"}, "count": 4,
}  # fmt: skip
NOT_DRAINED: Shown = {
    "code": "refused", "message": "drain worker 01937f3c: it is no pool.", "hint": None, "fields": {}, "outcome": "refused",
    "worker_id": "01937f3c-8b00-7000-8000-000000000001", "host": "batch-1", "pid": 812, "state": "live",
    "reason_code": "not_a_pool",
}  # fmt: skip


def of(example: Shown) -> dict[str, Any]:
    """Returns what a response of OpenAPI says with an example."""
    return {"content": {"application/json": {"example": example}}}
