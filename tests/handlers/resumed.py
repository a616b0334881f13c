"""Handlers of jobs that are started from others: from a step that failed, or from within another job."""

from __future__ import annotations

from jobrunner import JobContext, JobRunner, job

STEPS = ("fetch", "load", "report")


@job("r.import", resumable=True)
def resumable(ctx: JobContext, shop: str = "7", fail_in: str = "") -> dict[str, object]:
    """Does its steps from the one to resume at; fails in the one that is named."""
    first = STEPS.index(ctx.resume_step) if ctx.resume_step else 0
    for key in STEPS[first:]:
        with ctx.step(key):
            if key == fail_in:
                raise RuntimeError(f"{key} fails")
    return {"resumed_at": ctx.resume_step, "done": list(STEPS[first:])}


@job("r.whole")
def whole(ctx: JobContext) -> dict[str, object]:
    """Fails in its only step, and does not say that it can resume."""
    with ctx.step("only"):
        raise RuntimeError("no luck")


@job("r.starts_another")
def starts_another() -> dict[str, int]:
    """Starts a job from within this one."""
    return {"started": JobRunner(launcher="pool").start("t.noop").job_id}
