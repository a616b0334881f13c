"""The command ``explain``."""

from __future__ import annotations

from jobrunner.cli import output, session
from jobrunner.cli.options import Job, Json, examples
from jobrunner.errors import JobNotFound


@examples("jobrunner explain 7", "jobrunner explain 7 --json")
def explain(job: Job, as_json: Json = False) -> None:
    """Says why a job is not running, or with whom it runs, and what to do about it."""
    found = session.runner().explain(job)
    if not found.found:
        raise JobNotFound(f"There is no job {job}.")
    if as_json:
        return output.document(found)
    output.put(f"{found.status}: {output.visible(found.reason)}")
    if found.hint is not None:
        output.put(f"hint: {output.visible(found.hint)}")
    for one in found.refused_writes:
        told = f"attempt {one['attempt']} under fence {one['fence']} (the job's was {one['job_fence']}): {one['what']}"
        output.put(f"refused {one['at']} {told} {output.one_line(output.visible(one['detail']))}")
    return None
