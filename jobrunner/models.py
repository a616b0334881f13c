"""What the library answers: frozen results and read models.

``model_dump(mode="json")`` of each is what ``--json`` and HTTP give, names and all.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class ReadModel(BaseModel):
    """A frozen answer; built by its names on the wire or by its attributes."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", serialize_by_alias=True, validate_by_name=True, validate_by_alias=True
    )


class StartResult(ReadModel):
    """What became of a start; ``outcome`` says whether the job is this one or an earlier one."""

    outcome: Literal["started", "queued", "scheduled", "held", "already_active", "duplicate", "launch_failed"]
    job_id: int
    uuid: str
    type: str
    status: str
    reason_code: str | None = None


class ActionResult(ReadModel):
    """What became of an operator's verb; ``status`` is how the job stands now.

    ``skipped`` is of bulk actions only: the job had changed since it was chosen, and was left alone.
    """

    outcome: Literal[
        "done", "requested", "already_requested", "already_terminal", "refused", "skipped", "not_found"
    ]
    job_id: int | None = None
    uuid: str | None = None
    previous_status: str | None = None
    status: str | None = None
    reason_code: str | None = None


class DrainResult(ReadModel):
    """What became of asking a worker to drain; ``state`` is how it stands now."""

    outcome: Literal["requested", "already_requested", "refused", "not_found"]
    worker_id: str | None = None
    host: str | None = None
    pid: int | None = None
    state: str | None = None
    reason_code: (
        Literal["already_requested", "not_a_pool", "worker_dead", "worker_ended", "worker_not_found"] | None
    ) = None

    @property
    def refusal(self) -> tuple[str, str]:
        """Returns why a worker was left as it is, and what to do instead."""
        return _NOT_DRAINED[self.reason_code or "worker_not_found"]


_NOT_DRAINED = {
    "already_requested": ("it was asked to before", "It ends when what it has in hand has ended."),
    "not_a_pool": ("it is no pool", "It ends with its job; cancel or stop that."),
    "worker_dead": ("its process is gone", "A sweep takes away what it had in hand."),
    "worker_ended": ("it has ended already", "Look at those that have not."),
    "worker_not_found": ("there is no such worker", "Look at those that have not ended."),
}


class _Event(ReadModel):
    seq: int
    kind: str
    at: str
    attempt: int

    def __getitem__(self, name: str) -> Any:
        """Returns a field by its name on the wire: ``event["from"]``, which no attribute can be called."""
        for attribute, field in type(self).model_fields.items():
            if name == (field.alias or attribute):
                return getattr(self, attribute)
        raise KeyError(name)


class TransitionEvent(_Event):
    """A move of the job."""

    kind: Literal["transition"] = "transition"
    from_: str = Field(alias="from")
    trigger: str
    to: str
    actor: str
    reason: str | None = None
    context: Any = None


class LogEvent(_Event):
    """A line of the job's log."""

    kind: Literal["log"] = "log"
    level: str
    stream: str
    step: str | None = None
    logger: str | None = None
    message: str
    context: Any = None


Event = Annotated[TransitionEvent | LogEvent, Field(discriminator="kind")]


class Step(ReadModel):
    """The last step begun."""

    key: str
    label: str | None = None
    index: int | None = None
    total: int | None = None


class Progress(ReadModel):
    """How far the job is; ``percent`` is 0 to 100."""

    percent: int | float | None = None
    text: str | None = None
    current: int | float | None = None
    total: int | float | None = None
    step: Step | None = None


class Counts(ReadModel):
    """How many lines are warnings and errors."""

    warnings: int = 0
    errors: int = 0


class JobWorker(ReadModel):
    """The worker that holds the job, or held it last."""

    id: int | str
    host: str | None = None
    pid: int | None = None
    scope: str | None = None


class JobError(ReadModel):
    """Why the job did not succeed."""

    class_: str | None = Field(default=None, alias="class")
    reason_code: str | None = None
    message: str | None = None
    traceback: str | None = None


class _Request(ReadModel):
    id: int
    uuid: str
    type: str
    title: str | None = None
    status: str
    is_active: bool
    is_terminal: bool
    is_stale: bool = False
    stale_reason: str | None = None
    queue: str
    priority: int
    lock_key: str | None = None
    tags: dict[str, str] = {}
    created_by: str | None = None
    idempotent: bool
    launcher: str
    attempt: int
    budget_used: int
    max_attempts: int


class _Params(ReadModel):
    params: dict[str, Any] = {}


class _Course(ReadModel):
    progress: Progress = Progress()
    counts: Counts = Counts()
    worker: JobWorker | None = None
    cancel_mode: str | None = None
    created_at: str
    available_at: str | None = None
    queued_at: str | None = None
    started_at: str | None = None
    heartbeat_at: str | None = None
    finished_at: str | None = None
    updated_at: str
    last_seq: int
    first_seq: int
    final_seq: int | None = None


# Fields stand in the order of the bases from right to left.
class JobSummary(_Course, _Request):
    """A job in a list: without its parameters."""


class JobModel(_Course, _Params, _Request):
    """A job as its status shows it."""


class StatusModel(ReadModel):
    """A job and the slice of its ledger after a cursor; ``last_seq`` is the cursor for the next call."""

    schema_version: int
    found: bool
    job: JobModel | None = None
    events: list[Event] = []
    last_seq: int = 0
    has_more: bool = False
    pruned: bool = False
    result: dict[str, Any] | None = None
    error: JobError | None = None


class JobPage(ReadModel):
    """Jobs, newest first; ``next`` is what asks for the page after this one."""

    jobs: list[JobSummary] = []
    next: str | None = None


class History(ReadModel):
    """The transitions of a job, oldest first."""

    transitions: list[TransitionEvent] = []


class LogPage(ReadModel):
    """Log lines, oldest first; ``last_seq`` is the cursor for the next call."""

    lines: list[LogEvent] = []
    last_seq: int = 0
    has_more: bool = False


class Explanation(ReadModel):
    """Why a job stands where it stands; ``refused_writes`` are what superseded workers tried to write, newest first."""

    found: bool
    job_id: int | None = None
    uuid: str | None = None
    status: str | None = None
    reason_code: str
    reason: str
    hint: str | None = None
    refused_writes: list[dict[str, Any]] = []


class Pruned(ReadModel):
    """What prune has removed, or with ``dry_run`` would remove: ``jobs`` by status, and rows of ended ``workers``."""

    dry_run: bool
    before: str
    jobs: dict[str, int] = {}
    workers: int = 0


class TypeModel(ReadModel):
    """A registered job type; times are seconds, ``parameters`` is the JSON Schema of its parameters."""

    type: str
    title: str | None = None
    description: str = ""
    module: str = ""
    queue: str
    priority: int
    idempotent: bool
    max_attempts: int
    backoff: dict[str, float] | None = None
    timeout: float | None = None
    stall_timeout: float | None = None
    lock_key: str | None = None
    resumable: bool = False
    parameters: dict[str, Any]


Scope = Literal["read", "operate", "admin"]


class TokenModel(ReadModel):
    """A token for HTTP; the token itself is stored nowhere."""

    id: str
    name: str
    scope: Scope
    state: Literal["active", "expired", "revoked"]
    created_by: str | None = None
    created_at: str
    expires_at: str | None = None
    last_used_at: str | None = None
    revoked_at: str | None = None


class NewToken(ReadModel):
    """A token that was made just now; this is the only time that ``token`` is seen."""

    name: str
    scope: Scope
    token: str = Field(repr=False)
    expires_at: str | None = None
