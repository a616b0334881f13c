"""Examples of what goes over the wire, for the OpenAPI document; a test holds them against the models."""

from __future__ import annotations

from typing import Any

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


def of(example: Shown) -> dict[str, Any]:
    """Returns what a response of OpenAPI says with an example."""
    return {"content": {"application/json": {"example": example}}}
