"""The command ``run``."""

from __future__ import annotations

import typer

from jobrunner.cli import exits, following, output, session
from jobrunner.cli.options import Job, Json, examples
from jobrunner.errors import JobRunnerError


class ClaimFailed(JobRunnerError):
    """claim_failed: there is no such job that is due and has no worker."""

    code = "claim_failed"
    default_hint = "See how it stands with: jobrunner status ID"


@examples("jobrunner run 7", "jobrunner run 7 --json")
def run(job: Job, as_json: Json = False) -> None:
    """Runs one due job in the foreground, in a worker process of its own.

    Exits 0 when it succeeded or was cancelled, and 1 for any other end or when it cannot be claimed.
    """
    runner = session.local("run")
    before = runner.status(job, limit=0)
    code = runner.run(job) if before.job is not None else exits.FAILED
    seen = runner.status(job, limit=0)
    if before.job is None or seen.job is None or seen.job.attempt == before.job.attempt:
        output.report(ClaimFailed(), as_json=as_json)
        raise typer.Exit(exits.FAILED)
    if as_json:
        output.document(runner.status(job))
    else:
        output.say(following.ended(seen))
    raise typer.Exit(code)
