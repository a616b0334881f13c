"""What the API takes and gives, for programs that make programs."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from jobrunner.version import __version__
from jobrunner.web.api.bodies import BulkBody, ResolveBody, RetryBody, StartBody, VerbBody
from jobrunner.web.api.starts import StartManyBody
from jobrunner.web.api.tokens import TokenBody
from jobrunner.web.api.workers import DrainBody

REF = "#/components/schemas/{model}"
BODIES: list[tuple[type[BaseModel], JsonSchemaMode]] = [
    (body, "validation")
    for body in (StartBody, StartManyBody, VerbBody, RetryBody, ResolveBody, BulkBody, TokenBody, DrainBody)
]
TAGS = (
    ("jobs", "Start jobs, list them, look at them."),
    ("verbs", "What an operator may do with jobs; who did it stands in the ledger."),
    ("logs", "What jobs have said."),
    ("stream", "What happens, as it happens."),
    ("types", "What there is to run."),
    ("fleet", "Who runs it, and how much of it there is."),
    ("audit", "Does the ledger hold?"),
    ("tokens", "Who may ask all this; for administrators."),
    ("health", "For whoever watches over the process."),
)
ABOUT = """Starts long jobs, follows them, and acts on them.

Every request needs a token (`jobrunner token create NAME --scope read|operate|admin`). `job` is an id, a uuid, or an
unambiguous beginning of one. Moments are UTC, ISO 8601 with microseconds. A cursor is a `seq`: whoever asks for what
comes after it misses nothing and gets nothing twice. Errors have one shape: `code` for programs, `message`, `hint`,
and the `fields` at fault.
"""


def document(app: FastAPI) -> dict[str, Any]:
    """Returns the OpenAPI document of the application; it is made once."""
    if app.openapi_schema is None:
        made = get_openapi(
            title="jobrunner", version=__version__, description=ABOUT, routes=app.routes,
            tags=[{"name": name, "description": told} for name, told in TAGS],
        )  # fmt: skip
        _, definitions = models_json_schema(BODIES, ref_template=REF)
        parts = made.setdefault("components", {})
        parts.setdefault("schemas", {}).update(definitions.get("$defs", {}))
        parts["securitySchemes"] = {
            "bearer": {"type": "http", "scheme": "bearer", "description": "A token: read, operate or admin."}
        }
        made["security"] = [{"bearer": []}]
        app.openapi_schema = made
    return app.openapi_schema
